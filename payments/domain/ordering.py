"""Writing an order: lines, prices and total come from our catalogue, never from a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.models import Delivery, Variant
from catalog.stock import OutOfStock
from payments.models import Order, OrderLine, Pioneer
from payments.moves import Author, begin

MAX_LINES = 50
MAX_UNITS = 999
MAX_TOTAL = Decimal(10) ** 8


class Refused(Exception):
    """The order or the payment cannot be taken as it is. `code` is for programs, the text for people."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or MESSAGES[code])
        self.code = code


MESSAGES = {
    "amount_mismatch": "The payment is not exactly what the order costs.",
    "destination_mismatch": "The payment goes to another wallet than this shop's.",
    "empty_basket": "There is nothing in the basket.",
    "idempotency_conflict": "This Idempotency-Key was used for another order.",
    "needs_choice": "Choose one of the product's variants first.",
    "needs_shipping": "This must be shipped: order it with a name and an address.",
    "network_mismatch": "The payment is on another network than this shop's.",
    "not_for_sale": "This is no longer for sale.",
    "order_closed": "The order is no longer open.",
    "out_of_stock": "Sold out: there are not enough left.",
    "payer_mismatch": "The order belongs to another Pioneer.",
    "payment_cancelled": "The payment was cancelled. Nothing was charged.",
    "payment_in_progress": "Another payment of this order is under way.",
    "price_changed": "The price has changed since. Please order again.",
    "total_too_large": "The total is larger than one payment can be.",
    "unknown_order": "The payment names no order of this shop.",
    "unknown_product": "The payment names no product of this shop.",
}


@dataclass(frozen=True)
class Shipping:
    name: str
    address: str


NOWHERE = Shipping("", "")


def write_order(
    pioneer: Pioneer,
    basket: Mapping[str, int],
    *,
    by: Author,
    shipping: Shipping | None = None,
    idempotency_key: str | None = None,
) -> Order:
    """Write a pending order of the skus and quantities in `basket`, at today's prices.

    Hold no stock yet, but raise OutOfStock where it is plain already. Keep an address only where something
    is shipped. Raise Refused: `empty_basket`, `not_for_sale`, `needs_shipping`, `total_too_large`.
    """
    variants = _for_sale(basket)
    kept = _needed_shipping(variants, shipping)
    total = sum((v.price * basket[v.sku] for v in variants), Decimal(0))
    if total >= MAX_TOTAL:
        raise Refused("total_too_large")
    with transaction.atomic():
        order = Order.objects.create(
            pioneer=pioneer,
            total=total,
            expires_at=timezone.now() + hold_time(),
            shipping_name=kept.name,
            shipping_address=kept.address,
            idempotency_key=idempotency_key,
        )
        OrderLine.objects.bulk_create(
            OrderLine(order=order, variant=v, name=v.label, unit_price=v.price, quantity=basket[v.sku])
            for v in variants
        )
        begin(order, by=by)
    return order


def check_still_offered(order: Order) -> None:
    """Raise Refused `not_for_sale` or `price_changed` unless today's shop would sell the same."""
    for line in order.lines.select_related("variant__product"):
        if not line.variant.product.published:
            raise Refused("not_for_sale")
        if line.variant.price != line.unit_price:
            raise Refused("price_changed")


def payment_to_create(order: Order) -> dict[str, Any]:
    """Return the argument of `Pi.createPayment`. The gate finds the order by its metadata."""
    return {
        # Pi wants a JSON number. A float holds all 15 digits that a total can have.
        "amount": float(order.total),
        "memo": f"Order {order.reference}",
        "metadata": {"order": order.reference},
    }


def hold_time() -> timedelta:
    """Return how long goods are held, and how long an unpaid order stays open."""
    return timedelta(minutes=settings.ORDER_HOLD_MINUTES)


def _for_sale(basket: Mapping[str, int]) -> list[Variant]:
    if not basket:
        raise Refused("empty_basket")
    variants = list(
        Variant.objects.filter(sku__in=basket, product__published=True)
        .select_related("product")
        .order_by("id")
    )
    missing = set(basket) - {variant.sku for variant in variants}
    if missing:
        raise Refused("not_for_sale", f"No longer for sale: {', '.join(sorted(missing))}.")
    for variant in variants:
        if variant.available is not None and variant.available < basket[variant.sku]:
            raise OutOfStock(variant.pk)
    return variants


def _needed_shipping(variants: list[Variant], shipping: Shipping | None) -> Shipping:
    if all(v.delivery != Delivery.PHYSICAL for v in variants):
        return NOWHERE
    if shipping is None:
        raise Refused("needs_shipping")
    return shipping
