"""What a buyer is shown of an order: what is true about it, in one word, and what was delivered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from catalog.models import Delivery
from payments.basket import most
from payments.downloads import download_url
from payments.models import Order, Pioneer, PiPayment, Refund
from payments.ordering import payment_to_create
from payments.statuses import (
    REFUND_UNDER_WAY,
    UNPAID,
    WITH_GOODS,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
    ReviewReason,
)


@dataclass(frozen=True)
class ReceiptLine:
    """One line as its buyer sees it; `codes` and `download` are the goods, once they were delivered."""

    pk: int
    sku: str
    name: str
    quantity: int
    amount: Decimal
    codes: list[str]
    download: str
    shipped_at: datetime | None
    is_gone: bool


@dataclass(frozen=True)
class Receipt:
    order: Order
    lines: list[ReceiptLine]
    payments: list[PiPayment]
    refunds: list[Refund]

    @property
    def verdict(self) -> str:
        """What is true, in one word; `templates/fragments/verdict.html` has the sentences."""
        order, status = self.order, self.order.status
        if status == OrderStatus.NEEDS_REVIEW:
            return "doubt" if order.review_reason == ReviewReason.TX_UNVERIFIED else "review"
        if self.is_paid and any(refund.status in REFUND_UNDER_WAY for refund in self.refunds):
            return "returning" if self._everything_goes_back else status
        if not self.is_paid and self._signed:
            return "finishing"
        if status in UNPAID and (self._unused or self._doubted):
            return "review" if self._unused else "doubt"
        if status == OrderStatus.PENDING and any(line.is_gone for line in self.lines):
            return "sold_out"
        return "signature" if status == OrderStatus.RESERVED else status

    @property
    def is_paid(self) -> bool:
        return self.order.status in WITH_GOODS

    @property
    def may_pay(self) -> bool:
        return self.verdict == "pending"

    @property
    def watch(self) -> bool:
        """Whether the page should look again by itself in a few seconds."""
        return self.verdict in ("signature", "finishing")

    @property
    def stamp(self) -> str:
        """Changes whenever something in here does."""
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
        """The lines that were handed over here: as codes, or as a file."""
        return [line for line in self.lines if line.codes or line.download]

    @property
    def shipped(self) -> bool:
        return any(line.shipped_at for line in self.lines)

    @property
    def payment_json(self) -> str:
        """What the pay button hands to `Pi.createPayment` as it is."""
        return json.dumps(payment_to_create(self.order))

    @property
    def as_basket(self) -> str:
        """The same goods once more, for the basket in the browser."""
        return json.dumps({line.sku: line.quantity for line in self.lines})

    @property
    def _signed(self) -> bool:
        return any(payment.status == PaymentStatus.SUBMITTED for payment in self.payments)

    @property
    def _unused(self) -> bool:
        """Whether money came that is not back yet."""
        back = sum(refund.amount for refund in self.refunds if refund.status == RefundStatus.DONE)
        return back < sum(payment.amount for payment in self.completed)

    @property
    def _doubted(self) -> bool:
        return any(payment.status == PaymentStatus.FAILED for payment in self.payments)

    @property
    def _everything_goes_back(self) -> bool:
        returning = sum(r.amount for r in self.refunds if r.status in REFUND_UNDER_WAY)
        return returning >= sum(payment.amount for payment in self.completed)


def own_orders(pioneer: Pioneer) -> QuerySet[Order]:
    """Return the pioneer's orders, newest first, with what a list shows of them."""
    return pioneer.orders.prefetch_related("lines").order_by("-id")


def receipt_for(pioneer: Pioneer, reference: str) -> Receipt:
    """Return one order of the pioneer's own. Raise Order.DoesNotExist for those of others, too."""
    order = pioneer.orders.get(reference=reference)
    return Receipt(
        order=order,
        lines=list(_lines(order)),
        payments=list(order.payments.order_by("id")),
        refunds=[r for r in order.refunds.order_by("id") if r.status != RefundStatus.REJECTED],
    )


def _lines(order: Order) -> Iterator[ReceiptLine]:
    shows_goods = order.status in WITH_GOODS
    for line in order.lines.select_related("variant").prefetch_related("codes__code"):
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
            is_gone=most(line.variant) < line.quantity,
        )
