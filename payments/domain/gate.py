"""The gate: is a payment, as Pi shows it, exactly what was ordered, and may it be taken now?"""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from catalog.models import Product, Variant
from payments.domain.ordering import MAX_UNITS, Refused, check_still_offered, write_order
from payments.models import Order, Pioneer
from payments.moves import Author
from payments.pi.client import PaymentRecord
from payments.pi.formats import as_words
from payments.statuses import OrderStatus, PaymentStatus

MAX_PRODUCT_NUMBER = 10**18


def named_order(shown: PaymentRecord) -> Order | None:
    """Return the order that the payment's metadata names, if it is an order of the payer."""
    reference = shown.metadata.get("order")
    if not isinstance(reference, str):
        return None
    return Order.objects.filter(reference=as_words(reference), pioneer__uid=shown.user_uid).first()


def names(shown: PaymentRecord) -> str:
    """Return what the metadata names, in words for the timeline."""
    if isinstance(shown.metadata.get("order"), str):
        return as_words(f"names order {shown.metadata['order']}")[:120]
    product = _named_product(shown)
    return f"names productId {product}"[:120] if product is not None else "names nothing"


def mismatch(order: Order, shown: PaymentRecord) -> str:
    """Return the code of the first difference between the payment and the order, or nothing."""
    if shown.network != settings.PI_NETWORK:
        return "network_mismatch"
    if shown.user_uid != order.pioneer.uid:
        return "payer_mismatch"
    if shown.to_address != settings.PI_WALLET_ADDRESS:
        return "destination_mismatch"
    if shown.amount != order.total:
        return "amount_mismatch"
    return ""


def order_for(order: Order | None, shown: PaymentRecord, *, by: Author) -> Order:
    """Return the open order whose goods this payment may hold; for a buy-now, write the order first.

    An order past its time passes only if the shop still offers the same at the same price. Must run inside
    the transaction that holds the goods, with `order` locked. Raise Refused.
    """
    if order is None:
        order = _buy_now(shown, by=by)
    problem = mismatch(order, shown)
    if problem:
        raise Refused(problem)
    if order.status == OrderStatus.RESERVED:
        raise Refused("payment_in_progress")
    if order.status != OrderStatus.PENDING:
        raise Refused("order_closed")
    if order.payments.filter(status=PaymentStatus.SUBMITTED).exists():
        # Given up, but signed all the same: its money is about to arrive, or to be doubted.
        raise Refused("payment_in_progress")
    if order.expires_at <= timezone.now():
        check_still_offered(order)
    return order


def _buy_now(shown: PaymentRecord, *, by: Author) -> Order:
    """Write an order from metadata with a `productId`, as Pi's demo frontend sends it: for the payer whom Pi
    names, at our price."""
    product = _named_product(shown)
    if product is None:
        raise Refused(_why_not_named(shown))
    sku = _named_sku(product)
    pioneer, _ = Pioneer.objects.get_or_create(uid=shown.user_uid)
    return write_order(pioneer, {sku: _quantity(shown)}, by=by)


def _named_product(shown: PaymentRecord) -> str | None:
    """Return the product that the metadata names. A whole number, as the React kit sends it, is its text."""
    product = shown.metadata.get("productId")
    # A number from Pi's JSON is a Decimal here. Its bounds come first: int(1e999999999) never ends.
    if isinstance(product, Decimal) and 0 <= product < MAX_PRODUCT_NUMBER and product == int(product):
        return str(int(product))
    return as_words(product) if isinstance(product, str) else None


def _why_not_named(shown: PaymentRecord) -> str:
    reference = shown.metadata.get("order")
    belongs_to_another = (
        isinstance(reference, str) and Order.objects.filter(reference=as_words(reference)).exists()
    )
    return "payer_mismatch" if belongs_to_another else "unknown_order"


def _named_sku(name: str) -> str:
    """Return the sku itself, or that of the only variant of the product with this slug."""
    offered = Variant.objects.filter(product__published=True)
    if offered.filter(sku=name).exists():
        return name
    skus = list(offered.filter(product__slug=name).values_list("sku", flat=True))
    if not skus:
        raise Refused("not_for_sale" if Product.objects.filter(slug=name).exists() else "unknown_product")
    if len(skus) > 1:
        raise Refused("needs_choice")
    return skus[0]


def _quantity(shown: PaymentRecord) -> int:
    quantity = shown.metadata.get("quantity", Decimal(1))
    if not isinstance(quantity, Decimal) or not 1 <= quantity <= MAX_UNITS or quantity != int(quantity):
        raise Refused("amount_mismatch")
    return int(quantity)
