"""What a buyer is shown of an order: its verdict, and what was delivered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Prefetch, QuerySet

from catalog.models import Delivery
from payments.domain.ordering import payment_to_create
from payments.domain.verdict import READ_BY_VERDICT, Verdict, is_sold_out, verdict_of
from payments.models import Order, OrderLine, Pioneer, PiPayment, Refund
from payments.statuses import WITH_GOODS, PaymentStatus, RefundStatus
from storefront.downloads import download_url


@dataclass(frozen=True)
class ReceiptLine:
    """One line as its buyer sees it; `codes` and `download` are the goods, once they are delivered."""

    pk: int
    sku: str
    name: str
    quantity: int
    amount: Decimal
    # Not in the repr, which Django logs at DEBUG level when a template looks a name up in vain.
    codes: list[str] = field(repr=False)
    download: str = field(repr=False)
    shipped_at: datetime | None
    is_gone: bool


@dataclass(frozen=True)
class Receipt:
    order: Order
    lines: list[ReceiptLine]
    payments: list[PiPayment]
    refunds: list[Refund]

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.order)

    @property
    def is_paid(self) -> bool:
        return self.order.status in WITH_GOODS

    @property
    def may_pay(self) -> bool:
        return self.verdict == Verdict.PENDING

    @property
    def watch(self) -> bool:
        """Whether the page should ask again by itself in a few seconds."""
        return self.verdict in (Verdict.SIGNATURE, Verdict.FINISHING)

    @property
    def stamp(self) -> str:
        """A text that changes whenever anything on the receipt does."""
        parts = [self.verdict, self.order.status, self.order.review_reason]
        parts += [payment.status for payment in self.payments]
        parts += [refund.status for refund in self.refunds]
        parts += ["shipped" for line in self.lines if line.shipped_at]
        return "-".join(part for part in parts if part)

    @property
    def completed(self) -> list[PiPayment]:
        return [payment for payment in self.payments if payment.status == PaymentStatus.COMPLETED]

    @property
    def goods(self) -> list[ReceiptLine]:
        """The lines that are handed over on this page: as codes, or as a file."""
        return [line for line in self.lines if line.codes or line.download]

    @property
    def shipped(self) -> bool:
        return any(line.shipped_at for line in self.lines)

    @property
    def payment_json(self) -> str:
        """What the pay button passes to `Pi.createPayment`, unchanged."""
        return json.dumps(payment_to_create(self.order))

    @property
    def as_basket(self) -> str:
        """The same goods, for the basket in the browser."""
        return json.dumps({line.sku: line.quantity for line in self.lines})


def own_orders(pioneer: Pioneer) -> QuerySet[Order]:
    """Return the pioneer's orders, newest first, with what a list shows of them."""
    return pioneer.orders.prefetch_related(*READ_BY_VERDICT).order_by("-id")


def receipt_for(pioneer: Pioneer, reference: str) -> Receipt:
    """Return one of the pioneer's own orders. Raise Order.DoesNotExist, also if it is somebody else's."""
    lines = OrderLine.objects.select_related("variant").prefetch_related("codes__code")
    own = pioneer.orders.prefetch_related(Prefetch("lines", lines), "payments", "refunds")
    order = own.get(reference=reference)
    return Receipt(
        order=order,
        lines=list(_lines(order)),
        payments=sorted(order.payments.all(), key=_age),
        refunds=sorted((r for r in order.refunds.all() if r.status != RefundStatus.REJECTED), key=_age),
    )


def _age(row: PiPayment | Refund) -> int:
    return row.pk


def _lines(order: Order) -> Iterator[ReceiptLine]:
    shows_goods = order.status in WITH_GOODS
    for line in order.lines.all():
        is_file = shows_goods and line.variant.delivery == Delivery.DOWNLOAD and line.delivered_at
        yield ReceiptLine(
            pk=line.pk,
            sku=line.variant.sku,
            name=line.name,
            quantity=line.quantity,
            amount=line.amount,
            codes=[delivered.code.text for delivered in line.codes.all()] if shows_goods else [],
            download=download_url(line) if is_file else "",
            shipped_at=line.delivered_at if line.shipped_by_staff else None,
            is_gone=is_sold_out(line),
        )
