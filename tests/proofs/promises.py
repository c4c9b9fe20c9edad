"""The nine promises, checked with two witnesses: what our own books say, and what the simulated Pi knows.

`broken` may be asked at any moment between two commits. `heal` lets every fault end and time pass, and
`broken_at_rest` then adds what must be true at the end: nothing is left half done, Pi agrees about every
payment, and saying everything once more changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db import models
from django.db.models import F

from catalog.models import DeliveryCode, Variant
from payments.audit import invariants
from payments.audit.against_pi import Verdict, compare
from payments.domain.reconciliation import expire_stale, reconcile_due, stale_orders
from payments.models import DeliveredCode, Event, Order, OrderLine, PiPayment, Refund
from payments.moves import Author
from payments.pi.client import PiError
from payments.statuses import UNFINISHED, OrderStatus, PaymentStatus
from pi_simulator import Simulator
from tests.payments.page import Page

RECONCILER = Author("reconcile_payments", "reconcile")
CLEANER = Author("cleanup_stale_orders", "cleanup_stale_orders")
# "Within a few runs": the first finds what is due, the second what the first had to leave half done.
FEW_RUNS = 4
RECORDS: tuple[type[models.Model], ...] = (
    *(Variant, DeliveryCode, Order, OrderLine, DeliveredCode),
    *(PiPayment, Refund, Event),
)


@dataclass
class Goods:
    """The units that were on hand when the story began, and what staff have added since."""

    on_hand: Counter[int] = field(
        default_factory=lambda: Counter(dict(Variant.objects.values_list("pk", "on_hand")))
    )

    def changed(self, variant: Variant, *, by: int) -> None:
        """Count a change of stock by staff; call this after each."""
        self.on_hand[variant.pk] += by

    def broken(self) -> Iterator[str]:
        """Check promise 1: units are conserved. What is no longer on hand went out with an order."""
        handed_over = Order.objects.filter(events__after=OrderStatus.PAID)
        left: Counter[int] = Counter()
        for variant, quantity in OrderLine.objects.filter(order__in=handed_over).values_list(
            "variant", "quantity"
        ):
            left[variant] += quantity
        for variant in Variant.objects.filter(tracked=True):
            expected = self.on_hand[variant.pk] - left[variant.pk]
            if variant.on_hand != expected:
                yield f"promise 1: {variant.sku}: {variant.on_hand} on hand, but {expected} should be"


def broken(pi: Simulator, goods: Goods) -> list[str]:
    """Return what breaks one of the promises at this moment, in words; nothing is the good answer."""
    return [*map(str, invariants.differences()), *goods.broken(), *against_pi(pi)]


def heal(pi: Simulator) -> None:
    """End every fault, let all time pass that anything waits for, and run the two commands.

    A payment is watched for a day after its end, so a day passes, too.
    """
    pi.faults.clear()
    for _ in range(FEW_RUNS):
        pass_time(pi, timedelta(minutes=20))
        run_commands()
    pass_time(pi, timedelta(hours=25))
    run_commands()


def broken_at_rest(pi: Simulator, goods: Goods) -> list[str]:
    """Return the same after `heal`, and what must be true once nothing moves any more."""
    problems = broken(pi, goods)
    for payment in PiPayment.objects.filter(status__in=UNFINISHED):
        problems.append(f"promise 9: payment {payment} is still {payment.status}")
    for order in Order.objects.filter(status__in=(OrderStatus.PENDING, OrderStatus.RESERVED)):
        problems.append(f"promise 9: order {order} is still {order.status}")
    for payment in PiPayment.objects.all():
        comparison = compare(payment)
        if comparison.verdict != Verdict.SAME:
            problems.append(f"promise 4: {comparison}")
    return problems + _forgotten(pi) + _changed_by_repeating(pi)


def pass_time(pi: Simulator, span: timedelta) -> None:
    """Make everything that was written older by `span`, here and at Pi.

    Our times are moved, not our clock: it is the database's in some places, Python's in others.
    """
    pi.clock.move(seconds=span.total_seconds())
    Order.objects.update(
        created_at=F("created_at") - span,
        expires_at=F("expires_at") - span,
        reserved_until=F("reserved_until") - span,
    )
    PiPayment.objects.update(
        created_at=F("created_at") - span,
        held_at=F("held_at") - span,
        doubted_at=F("doubted_at") - span,
        next_check_at=F("next_check_at") - span,
    )
    Event.objects.update(at=F("at") - span)


def run_commands() -> list[tuple[str, str]]:
    """Run `reconcile_payments` once and `cleanup_stale_orders` once; return what became of each row.

    A run ends at the first answer that says that Pi cannot be asked, as the commands do.
    """
    told: list[tuple[str, str]] = []
    try:
        payments = reconcile_due(proceed=lambda: True, by=RECONCILER)
        told.extend((outcome.subject.identifier, str(outcome)) for outcome in payments)
        orders = expire_stale(stale_orders(), proceed=lambda: True, by=CLEANER)
        told.extend((outcome.subject.reference, str(outcome)) for outcome in orders)
    except PiError as error:
        told.append(("", type(error).__name__))
    return told


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return every row that matters, to show that something has changed nothing."""
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in RECORDS}


def against_pi(pi: Simulator) -> Iterator[str]:
    """Check promises 3 to 6 by what Pi knows, without believing a word of our own records."""
    rows = {row.identifier: row for row in PiPayment.objects.select_related("order")}
    at_pi = {shown["identifier"]: shown for shown in pi.payments() if shown["direction"] == "user_to_app"}
    for identifier, row in rows.items():
        shown = at_pi.get(identifier)
        if shown is not None:
            yield from _one_against_pi(row, shown)
    for order in Order.objects.filter(status__in=invariants.WITH_GOODS).exclude(invariants._honoured()):
        shown_at_pi = [at_pi[row.identifier] for row in order.payments.all() if row.identifier in at_pi]
        amount = sum((Decimal(shown["amount"]) for shown in shown_at_pi if _is_money(shown)), Decimal(0))
        if amount < order.total:
            yield f"promise 3: order {order} is {order.status}, but Pi completed only {amount} for it"


def _one_against_pi(row: PiPayment, shown: dict[str, Any]) -> Iterator[str]:
    flags = shown["status"]
    closed = flags["cancelled"] or flags["user_cancelled"]
    if row.status == PaymentStatus.COMPLETED and not _is_money(shown):
        yield f"promise 5: payment {row} is completed here, but not at Pi"
    if row.status == PaymentStatus.CANCELLED and not closed and not _closed_by_staff(row):
        yield f"promise 6: payment {row} is cancelled here, but not at Pi"
    could_be_paid = flags["developer_approved"] and not closed and not flags["developer_completed"]
    holds = row.order is not None and row.order.held_by_id == row.pk
    if could_be_paid and not holds and row.status != PaymentStatus.FAILED:
        yield f"promise 6: payment {row} can still be paid at Pi, but nothing is held for it"


def _forgotten(pi: Simulator) -> list[str]:
    """Check promise 4 from Pi's side: what Pi completed is money of an order, or is asked to go back."""
    problems = []
    for shown in pi.payments():
        if shown["direction"] != "user_to_app" or not _is_money(shown):
            continue
        row = PiPayment.objects.filter(identifier=shown["identifier"]).first()
        if row is None or row.status != PaymentStatus.COMPLETED:
            problems.append(f"promise 4: Pi completed payment {shown['identifier']}, and we do not know")
    return problems


def _changed_by_repeating(pi: Simulator) -> list[str]:
    """Check promise 8: make every callback about every payment once more, in both orders."""
    before = everything()
    page = Page(pi, "a stranger who repeats")
    at_pi = {shown["identifier"] for shown in pi.payments()}
    known = list(PiPayment.objects.order_by("pk").values_list("identifier", flat=True))
    for identifier in (*known, *reversed(known)):
        cache.clear()  # whoever repeats so much would be throttled
        txid = (pi.txid_of(identifier) if identifier in at_pi else None) or "0" * 64
        page.approve(identifier, expect=None)
        page.complete(identifier, txid, expect=None)
        page.cancel(identifier, expect=None)
        page.incomplete(identifier, expect=None)
    after = everything()
    return [
        f"promise 8: repeating the callbacks changed {name}: {_first_change(before[name], after[name])}"
        for name in before
        if before[name] != after[name]
    ]


def _first_change(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    known = {row["id"]: row for row in before}
    for row in after:
        was = known.get(row["id"])
        if was != row:
            return str({k: (was and was[k], v) for k, v in row.items() if was is None or was[k] != v})
    return "a row is gone"


def _is_money(shown: dict[str, Any]) -> bool:
    flags = shown["status"]
    return bool(flags["developer_completed"] and flags["transaction_verified"] and shown["transaction"])


def _closed_by_staff(row: PiPayment) -> bool:
    return row.events.filter(cause="close_missing", after=PaymentStatus.CANCELLED).exists()
