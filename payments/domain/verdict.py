"""What is true of an order, in one word: the only place that decides it.

The buyer's list and page, the JSON API and the admin choose what they say by this word, so that they cannot
contradict each other. The words for buyers are in `templates/fragments/verdict.html`, those for staff in
`payments.admin.summary`.
"""

from __future__ import annotations

from django.db import models

from payments.models import Order, OrderLine
from payments.money import is_short_without, paid, refunded
from payments.statuses import (
    REFUND_UNDER_WAY,
    UNPAID,
    WITH_GOODS,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
)

# What a list of orders prefetches, so that no verdict queries the database.
READ_BY_VERDICT = ("lines__variant", "payments", "refunds")


class Verdict(models.TextChoices):
    """The labels explain the words to programs."""

    PENDING = "pending", "not paid yet, and can be paid"
    SOLD_OUT = "sold_out", "not paid yet, and there is not enough left"
    SIGNATURE = "signature", "a payment is under way, and the goods are held for it"
    FINISHING = "finishing", "the buyer has signed, and Pi has not completed the payment yet"
    PAID = "paid", "paid, and something is still to be shipped"
    REFUND_REQUESTED = "refund_requested", "paid, and nothing is shipped until staff decide about a refund"
    FULFILLED = "fulfilled", "paid, and everything is delivered"
    EXPIRED = "expired", "not paid in time"
    CANCELLED = "cancelled", "cancelled before it was paid"
    REVIEW = "review", "money came that bought nothing yet, and staff decide about it"
    DOUBT = "doubt", "Pi does not verify the payment, and staff look into it"
    RETURNING = "returning", "the money is on its way back to the buyer"
    REFUNDED = "refunded", "the money went back to the buyer"


def verdict_of(order: Order) -> Verdict:
    """Return what is true of the order, from its lines, payments and refunds (`READ_BY_VERDICT`)."""
    if order.status in WITH_GOODS:
        return _with_goods(order)
    money = _of_unused_money(order)
    if order.status == OrderStatus.NEEDS_REVIEW:
        return money or Verdict.DOUBT
    if _has_payment(order, PaymentStatus.SUBMITTED):
        return Verdict.FINISHING
    if order.status == OrderStatus.RESERVED:
        return Verdict.SIGNATURE
    is_open = order.status == OrderStatus.PENDING
    # An open order whose money was refunded can simply be paid again.
    if money and not (is_open and money == Verdict.REFUNDED):
        return money
    if order.status in UNPAID and _has_payment(order, PaymentStatus.FAILED):
        return Verdict.DOUBT
    if is_open and any(is_sold_out(line) for line in order.lines.all()):
        return Verdict.SOLD_OUT
    return Verdict(order.status)


def is_sold_out(line: OrderLine) -> bool:
    """Return whether fewer units can still be sold than this line asks for."""
    return line.variant.available is not None and line.variant.available < line.quantity


def _with_goods(order: Order) -> Verdict:
    payments, refunds = order.payments.all(), order.refunds.all()
    if is_short_without(REFUND_UNDER_WAY, order.total, payments, refunds):
        is_back = refunded(refunds, (RefundStatus.DONE,)) >= paid(payments)
        return Verdict.REFUNDED if is_back else Verdict.RETURNING
    # Nothing is shipped until staff decide on the request; what was delivered stays delivered.
    asked_back = (RefundStatus.REQUESTED, *REFUND_UNDER_WAY)
    if order.status == OrderStatus.PAID and is_short_without(asked_back, order.total, payments, refunds):
        return Verdict.REFUND_REQUESTED
    return Verdict(order.status)


def _of_unused_money(order: Order) -> Verdict | None:
    """Return what becomes of the money of an order whose goods did not go out; None when none came."""
    came, refunds = paid(order.payments.all()), order.refunds.all()
    if not came:
        return None
    if refunded(refunds, (RefundStatus.DONE,)) >= came:
        return Verdict.REFUNDED
    return Verdict.RETURNING if refunded(refunds, REFUND_UNDER_WAY) >= came else Verdict.REVIEW


def _has_payment(order: Order, status: str) -> bool:
    return any(payment.status == status for payment in order.payments.all())
