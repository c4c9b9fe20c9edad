"""What a member of staff decides by name. Each decision is one commit, and its event says whose it was.

    honour         hand over the goods of an order in review after all
    ship           note that the parcels of a paid order have left
    close_missing  give up a payment that Pi no longer knows
    reject_refund  withdraw a refund that was only requested

Rows are locked in the order payment, order, refunds, variants, as everywhere. Goods never go out while their
money is on its way back. (Asking Pi again, cancelling an order and the clean-up are entry points of
`protocol`; a refund is requested with `refunds.flag_for_refund`.)
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from catalog import stock
from catalog.models import Delivery, Variant
from payments.domain import refunds
from payments.domain.delivery import fulfil_if_complete, hand_over
from payments.domain.notices import clear_notice
from payments.domain.settle import settle
from payments.domain.sync import record_cancelled, record_failed
from payments.models import EventKind, Order, PiPayment, Refund
from payments.money import in_pi, is_short_without, paid, refunded
from payments.moves import Author, record
from payments.pi.client import PiClient, PiRefused
from payments.statuses import (
    REFUND_UNDER_WAY,
    UNFINISHED,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
)


class Declined(Exception):
    """This cannot be done as things stand; the text says why, for people. Nothing was changed."""


class AlreadyShipped(Declined):
    """Somebody has shipped the order before. What was noted now is kept; nothing else was changed."""


def honour(order: Order, *, by: Author, note: str = "") -> Order:
    """Mark an order in review paid, and take and deliver its goods, on the word of staff.

    Reject in the same commit the refunds of the money that is used now, if they were only requested or have
    failed: a failed one could be approved again, and the money would follow the goods. No completed payment
    is needed; the event says how much was paid. Raise Declined when the money is on its way back, or the
    goods are gone or cannot be delivered.
    """
    try:
        with _locked(order) as case:
            if case.order.status != OrderStatus.NEEDS_REVIEW:
                raise Declined(f"Only an order in review can be honoured; this one is {_status(case.order)}.")
            case.decline_if_money_leaves()
            for refund in case.idle_refunds_of_money_used():
                refunds.reject(refund, by=by, note="the order is honoured")
            story = f"{note} ({case.paid_in_words()})".strip()
            hand_over(case.order, stock.take, by=by, note=story)
    except stock.OutOfStock as problem:
        sku = Variant.objects.values_list("sku", flat=True).get(pk=problem.variant_id)
        raise Declined(f"There are not enough of {sku} left: add stock first, or refund.") from problem
    except stock.CodesMissing as problem:
        raise Declined("There are not enough unsold codes left: add codes first, or refund.") from problem
    except FileNotFoundError as problem:
        raise Declined(f"{problem}: add the file first, or refund.") from problem
    return case.order


def ship(order: Order, *, by: Author, note: str = "") -> Order:
    """Note that the parcels of a paid order have left. Once nothing else waits, the order is fulfilled.

    Harmless to repeat. Raise AlreadyShipped when a colleague was faster and there is a note; it is kept.
    Raise Declined when the order is not paid, or a refund of its money is requested or under way: unlike
    `honour`, this withdraws no request.
    """
    with _locked(order) as case:
        is_late = case.order.status == OrderStatus.FULFILLED
        if is_late and note:
            record(case.order, EventKind.NOTED, by=by, note=f"after it was shipped: {note}")
        elif not is_late:
            _ship(case, by=by, note=note)
    if is_late and note:
        raise AlreadyShipped("It was shipped already. The timeline keeps your note, too: compare the two.")
    return case.order


def _ship(case: _Case, *, by: Author, note: str) -> None:
    if case.order.status != OrderStatus.PAID:
        raise Declined(f"Only a paid order can be shipped; this one is {_status(case.order)}.")
    case.decline_if_money_leaves()
    case.decline_if_money_is_asked_back()
    waiting = case.order.lines.filter(variant__delivery=Delivery.PHYSICAL, delivered_at=None)
    waiting.update(delivered_at=timezone.now())
    record(case.order, EventKind.NOTED, by=by, note=f"shipped {note}".strip())
    fulfil_if_complete(case.order, by=by)


def close_missing(payment: PiPayment, *, pi: PiClient, by: Author, note: str = "") -> PiPayment:
    """Cancel a payment that Pi, asked once more, does not know, and release its goods. Mark one that was
    signed failed, which sends its order to review.

    If Pi does show it, settle it like any other. Raise Declined when the payment has ended, and PiError when
    Pi cannot say: then nothing was changed.
    """
    if payment.status not in UNFINISHED:
        raise Declined(f"Only an open payment can be closed; this one is {_status(payment)}.")
    try:
        pi.get_payment(payment.identifier)
    except PiRefused as refusal:
        if refusal.code != "payment_not_found":
            raise
        close = record_failed if payment.status == PaymentStatus.SUBMITTED else record_cancelled
        payment = close(payment, by=by, note=f"Pi does not know it. {note}".strip())
        clear_notice(payment)
        return payment
    return settle(payment, pi=pi, by=by)


def reject_refund(refund: Refund, *, by: Author, note: str) -> Refund:
    """Withdraw a refund that was only requested: its payment is kept, for the reason in `note`.

    Raise Declined once the refund is approved.
    """
    with transaction.atomic(durable=True):
        PiPayment.objects.select_for_update(no_key=True).get(pk=refund.payment_id)
        refund = Refund.objects.select_for_update(no_key=True).get(pk=refund.pk)
        if refund.status != RefundStatus.REQUESTED:
            raise Declined(f"Only a requested refund can be rejected; this one is {_status(refund)}.")
        refunds.reject(refund, by=by, note=note)
    return refund


@dataclass(frozen=True)
class _Case:
    """An order with its payments and refunds, all locked."""

    order: Order
    payments: Sequence[PiPayment]
    refunds: Sequence[Refund]

    def decline_if_money_leaves(self) -> None:
        """Decline while the money that pays for the goods is going back. A surplus may go back."""
        if self._is_short_without(REFUND_UNDER_WAY):
            raise Declined("Its money is on its way back to the buyer: the goods must stay here.")

    def decline_if_money_is_asked_back(self) -> None:
        """Decline while a refund is requested: someone may have paid it by hand, which we cannot see."""
        if self._is_short_without((RefundStatus.REQUESTED, *REFUND_UNDER_WAY)):
            raise Declined(
                "A refund of its money is requested: reject the request first, or keep the goods here."
            )

    def idle_refunds_of_money_used(self) -> list[Refund]:
        used = {payment.pk for payment in self._money_used()}
        idle = (RefundStatus.REQUESTED, RefundStatus.FAILED)
        return [refund for refund in self.refunds if refund.payment_id in used and refund.status in idle]

    def paid_in_words(self) -> str:
        if amount := paid(self.payments):
            return f"paid {in_pi(amount)} of {in_pi(self.order.total)}"
        return "without a completed payment"

    def _is_short_without(self, statuses: Container[str]) -> bool:
        return is_short_without(statuses, self.order.total, self.payments, self.refunds)

    def _money_used(self) -> Sequence[PiPayment]:
        """Return the one payment that is enough, or else all: refunds of the others stay requested."""
        completed = [p for p in self.payments if p.status == PaymentStatus.COMPLETED]
        enough = [p for p in completed if p.amount - self._leaving(p) >= self.order.total]
        return [min(enough, key=lambda payment: (payment.amount, payment.pk))] if enough else completed

    def _leaving(self, payment: PiPayment) -> Decimal:
        of_payment = [refund for refund in self.refunds if refund.payment_id == payment.pk]
        return refunded(of_payment, REFUND_UNDER_WAY)


@contextmanager
def _locked(order: Order) -> Iterator[_Case]:
    with transaction.atomic(durable=True):
        payments = list(
            PiPayment.objects.select_for_update(no_key=True).filter(order_id=order.pk).order_by("pk")
        )
        fresh = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        yield _Case(fresh, payments, refunds.lock_refunds(fresh))


def _status(subject: Order | PiPayment | Refund) -> str:
    return subject.get_status_display()
