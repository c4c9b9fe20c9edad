"""The one place where a status changes, and where the event of every change is written.

`move` is one UPDATE whose WHERE names the status just read. If no row changed, somebody was faster; a read
followed by `save()` would have overwritten them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from payments.models import Event, EventKind, Order, PiPayment, Refund
from payments.pi.formats import as_words
from payments.statuses import ORDER_MOVES, PAYMENT_MOVES, REFUND_MOVES, Cause

Subject = Order | PiPayment | Refund

MOVES: dict[type[Subject], dict[str, frozenset[str]]] = {
    Order: ORDER_MOVES,
    PiPayment: PAYMENT_MOVES,
    Refund: REFUND_MOVES,
}


@dataclass(frozen=True)
class Author:
    """The author of a change: who (`pioneer alice`, `staff bob`, `reconcile_payments`), and through which
    entry point."""

    actor: str
    cause: Cause


class IllegalMove(Exception):
    """The table of moves does not allow this change: a bug of ours. Nothing was changed."""


class NoTransaction(RuntimeError):
    """A status would have changed without its event in the same commit: a bug of ours. Nothing changed."""


class Overtaken(Exception):
    """Somebody else has changed the status since it was read. Read it again before deciding."""


def move(subject: Subject, to: str, *, by: Author, note: str = "", **values: Any) -> None:
    """Change the status of `subject` (and `values` with it) and write the event.

    Must run inside a transaction. Raise IllegalMove when the table forbids it, Overtaken when the row no
    longer has the status that `subject` was read with.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NoTransaction(f"{subject}: open a transaction first")
    before = subject.status
    if to not in MOVES[type(subject)][before]:
        raise IllegalMove(f"{subject}: {before} -> {to}")
    rows = type(subject)._default_manager.filter(pk=subject.pk, status=before)
    if not rows.update(status=to, **values):
        raise Overtaken(f"{subject} is no longer {before}")
    for name, value in {"status": to, **values}.items():
        setattr(subject, name, value)
    record(subject, EventKind.MOVED, by=by, before=before, after=to, note=note)


def begin(subject: Subject, *, by: Author, note: str = "") -> None:
    """Write the first event of a row that was just inserted, in the same transaction."""
    record(subject, EventKind.MOVED, by=by, after=subject.status, note=note)


def record(
    subject: Subject, kind: EventKind, *, by: Author, before: str = "", after: str = "", note: str = ""
) -> None:
    """Append one event. `note` is cut to 500 characters and stripped of what the database cannot hold."""
    name = {Order: "order", PiPayment: "payment", Refund: "refund"}[type(subject)]
    Event.objects.create(
        **{name: subject},
        kind=kind,
        actor=by.actor,
        cause=by.cause,
        before=before,
        after=after,
        note=as_words(note)[:500],
    )


@contextmanager
def locked(payment: PiPayment) -> Iterator[tuple[PiPayment, Order | None]]:
    """Open a transaction in which nobody else can change this payment or its order.

    Rows are always locked in the order payment, order, refunds, variants, which avoids deadlocks. The yielded
    rows are read afresh: decide by them, not by what was known before.
    """
    with transaction.atomic(durable=True):
        fresh = PiPayment.objects.select_for_update(no_key=True).get(pk=payment.pk)
        order = None
        if fresh.order_id is not None:
            order = Order.objects.select_for_update(no_key=True).get(pk=fresh.order_id)
        yield fresh, order
