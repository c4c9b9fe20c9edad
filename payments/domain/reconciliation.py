"""Which payments `reconcile_payments` checks, and which orders `cleanup_stale_orders` closes.

Any number of processes and machines may reconcile at once: a payment is claimed by a committed
`next_check_at`, by the database's clock, before Pi is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from payments.domain import protocol
from payments.domain.notices import set_notice
from payments.domain.settle import UnknownPayment
from payments.domain.sync import Contradiction
from payments.models import EventKind, Order, PiPayment
from payments.moves import Author, Overtaken
from payments.pi.client import PiClient, PiMisconfigured, PiRefused, PiUnclear
from payments.statuses import UNFINISHED, Notice, OrderStatus, PaymentStatus

logger = logging.getLogger(__name__)

SECONDS_PER_PAYMENT = 20
# How long a claim keeps others away from the payment, and so how often Pi is asked about it.
AGAIN = timedelta(minutes=1)
AGAIN_WHEN_OLD = timedelta(minutes=10)
OLD = timedelta(hours=1)
# A transaction may be recorded after Pi has cancelled, so a payment that the buyer could have signed is
# checked for this long after it ended, even when a long outage made it end late.
LATE_WATCH = timedelta(hours=24)

Proceed = Callable[[], bool]
Row = TypeVar("Row", PiPayment, Order)


@dataclass(frozen=True)
class Outcome(Generic[Row]):
    """What became of one payment or order: its status now, and the name of the error that kept it from being
    settled, if any. `subject` is as it was before."""

    subject: Row
    status: str
    problem: str = ""

    @property
    def has_moved(self) -> bool:
        return not self.problem and self.status != self.subject.status

    def __str__(self) -> str:
        return f"trouble: {self.problem}" if self.problem else self.status


def claim_next() -> PiPayment | None:
    """Claim and return the payment that has waited longest for its check; None when none is due."""
    due = PiPayment.objects.filter(next_check_at__lte=Now()).order_by("next_check_at")
    with transaction.atomic(durable=True):
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, no_key=True)
        payment = due.first()
        if payment is not None:
            PiPayment.objects.filter(pk=payment.pk).update(next_check_at=Now() + _pause(payment))
    return payment


def reconcile_due(*, proceed: Proceed, by: Author) -> Iterator[Outcome[PiPayment]]:
    """Settle every payment that is due, one by one, and yield what became of each.

    Stop when `proceed` returns False. Raise PiUnclear or PiMisconfigured at the first sign that Pi cannot be
    asked now: the rest would fare no better, and keeps its place in the queue.
    """
    while proceed() and (payment := claim_next()) is not None:
        yield _settle_one(payment, by=by)


def _settle_one(claimed: PiPayment, *, by: Author) -> Outcome[PiPayment]:
    payment = claimed
    try:
        payment = protocol.reconcile(claimed, pi=PiClient(seconds=SECONDS_PER_PAYMENT), by=by)
        outcome = Outcome(claimed, payment.status)
    except (UnknownPayment, PiRefused, Overtaken, Contradiction) as problem:
        # Only this payment is in trouble; its notice tells staff.
        logger.warning("payment %s: %s %s", payment, type(problem).__name__, problem)
        outcome = Outcome(claimed, claimed.status, type(problem).__name__)
        if not isinstance(problem, UnknownPayment | PiRefused):
            return outcome
    except (PiUnclear, PiMisconfigured, DatabaseError):
        # Whether only this payment is affected or all are, staff should know by now.
        payment.refresh_from_db()
        if payment.next_check_at is not None and timezone.now() - payment.created_at >= OLD:
            set_notice(payment, Notice.UNANSWERED)
        raise
    _end_watch(payment)
    return outcome


def stale_orders() -> QuerySet[Order]:
    """Return pending orders past their time without an open payment, and reserved ones past their hold."""
    return (
        Order.objects.filter(
            Q(status=OrderStatus.PENDING, expires_at__lte=timezone.now())
            & ~Q(payments__status__in=UNFINISHED)
            | Q(status=OrderStatus.RESERVED, reserved_until__lte=timezone.now())
        )
        .select_related("held_by")
        # Pending ones come first: they need no call to Pi, so an outage there does not keep them open.
        .order_by("status", "id")
    )


def plan(order: Order) -> str:
    """Return what `expire_stale` would do with the order, in words."""
    if order.status == OrderStatus.RESERVED:
        return f"would cancel payment {order.held_by} at Pi, then put the goods back and expire"
    return "would expire; nothing is held for it"


def expire_stale(orders: QuerySet[Order], *, proceed: Proceed, by: Author) -> Iterator[Outcome[Order]]:
    """Close the given orders one by one and yield what became of each."""
    for order in orders:
        if not proceed():
            return
        try:
            protocol.expire(order, pi=PiClient(seconds=SECONDS_PER_PAYMENT), by=by)
        except (UnknownPayment, PiRefused, Overtaken, Contradiction) as problem:
            logger.warning("order %s: %s %s", order, type(problem).__name__, problem)
            yield Outcome(order, order.status, type(problem).__name__)
        else:
            yield Outcome(order, order.status)


def overdue_checks() -> QuerySet[PiPayment]:
    """Return payments whose check is overdue: `reconcile_payments` does not run, or cannot reach Pi."""
    return PiPayment.objects.filter(next_check_at__lte=overdue_before(timezone.now()))


def overdue_before(now: datetime) -> datetime:
    """Return the time before which every check should have been made by now."""
    return now - AGAIN_WHEN_OLD


def _pause(payment: PiPayment) -> timedelta:
    """Return how long the claim lasts."""
    is_young = payment.status in UNFINISHED and timezone.now() - payment.created_at < OLD
    return AGAIN if is_young else AGAIN_WHEN_OLD


def _end_watch(payment: PiPayment) -> None:
    """End the checks a day after the payment ended. Call only after a check that Pi has answered."""
    ended = payment.status in (PaymentStatus.CANCELLED, PaymentStatus.FAILED)
    if ended and timezone.now() - _ended(payment) >= LATE_WATCH:
        PiPayment.objects.filter(pk=payment.pk, status=payment.status).update(next_check_at=None)


def _ended(payment: PiPayment) -> datetime:
    return payment.events.filter(kind=EventKind.MOVED).values_list("at", flat=True).latest("pk")
