"""Money that goes back: how a refund is requested and how a request is withdrawn.

A request moves nothing. It makes sure that money which an order cannot use is never forgotten.
"""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from payments.models import Order, PiPayment, Refund
from payments.moves import Author, begin, move
from payments.statuses import PaymentStatus, RefundOrigin, RefundStatus

THE_SHOP = "the shop"  # for people, in `asked_by`; code decides by `origin`
COUNTED = tuple(set(RefundStatus) - {RefundStatus.REJECTED})


class RefundImpossible(Exception):
    """This payment has no completed money left to give back. Nothing was changed."""


def refundable(payment: PiPayment) -> Decimal:
    """Return how much of the payment (Pi, 7 places) is not refunded, on its way back or requested."""
    if payment.status != PaymentStatus.COMPLETED:
        return Decimal(0)
    counted = payment.refunds.filter(status__in=COUNTED).values_list("amount", flat=True)
    # Summed in Python: SQLite adds decimals as floats.
    return payment.amount - sum(counted)


def flag_for_refund(payment: PiPayment, *, reason: str, by: Author) -> Refund:
    """Request a refund of all that is left of the payment. A second person must approve it.

    Raise RefundImpossible when nothing is left, or when the money never came.
    """
    with transaction.atomic(durable=True):
        payment = PiPayment.objects.select_for_update(no_key=True).get(pk=payment.pk)
        return request_refund(payment, reason=reason, by=by)


def request_refund(
    payment: PiPayment, *, reason: str, by: Author, origin: RefundOrigin = RefundOrigin.PERSON
) -> Refund:
    """Write the request, inside the caller's transaction, in which the payment is locked.

    Raise RefundImpossible when nothing is left, or when the money never came.
    """
    amount = refundable(payment)
    if amount <= 0:
        raise RefundImpossible(f"nothing of payment {payment} is left to refund")
    refund = Refund.objects.create(
        payment=payment,
        order=payment.order,
        amount=amount,
        reason=reason[:200],
        origin=origin,
        asked_by=THE_SHOP if origin == RefundOrigin.SHOP else by.actor,
    )
    begin(refund, by=by, note=reason)
    return refund


def reject(refund: Refund, *, by: Author, note: str) -> None:
    """Withdraw a request, or a refund that failed, inside the caller's transaction. Raise IllegalMove while
    the money is on its way."""
    move(refund, RefundStatus.REJECTED, by=by, note=note)


def lock_refunds(order: Order) -> list[Refund]:
    """Return the order's refunds, locked until the caller's transaction ends."""
    return list(order.refunds.select_for_update(no_key=True).order_by("id"))
