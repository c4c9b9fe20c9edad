"""The one place where a status changes: the whole table of moves, and what happens when two want one."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from payments.models import Event, EventKind, Order, PiPayment, Refund
from payments.moves import (
    MOVES,
    Author,
    IllegalMove,
    NoTransaction,
    Overtaken,
    Subject,
    begin,
    locked,
    move,
    record,
)
from payments.statuses import OrderStatus, PaymentStatus, RefundStatus
from tests.payments import rows

pytestmark = pytest.mark.django_db

BY = Author("staff bob", "test")
STATUSES = {Order: OrderStatus, PiPayment: PaymentStatus, Refund: RefundStatus}
WRITE: dict[type[Subject], Callable[..., Any]] = {
    Order: rows.order,
    PiPayment: rows.payment,
    Refund: rows.refund,
}
VALUES = {Order: rows.order_values, PiPayment: rows.payment_values, Refund: rows.refund_values}

PAIRS = [
    pytest.param(kind, before, after, id=f"{kind.__name__}-{before}-{after}")
    for kind, statuses in STATUSES.items()
    for before in statuses
    for after in statuses
]


def moves(kind: type[Subject], before: str) -> frozenset[str]:
    return MOVES[kind][before]


def story(subject: Subject) -> list[tuple[str, str]]:
    """Return every change of status, in the order in which it was written."""
    moved = subject.events.filter(kind=EventKind.MOVED).order_by("id")
    return list(moved.values_list("before", "after"))


def stored(subject: Subject) -> dict[str, Any]:
    return type(subject)._default_manager.filter(pk=subject.pk).values().get()


# The table ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "before", "after"), [p for p in PAIRS if p.values[2] in moves(*p.values[:2])]
)
def test_an_allowed_move_changes_the_row_and_writes_one_event(
    kind: type[Subject], before: str, after: str
) -> None:
    subject = WRITE[kind](before)

    move(subject, after, by=BY, note="because", **VALUES[kind](after))

    assert (subject.status, stored(subject)["status"]) == (after, after)
    written = subject.events.values_list("kind", "actor", "cause", "before", "after", "note")
    assert list(written) == [("moved", "staff bob", "test", before, after, "because")]


@pytest.mark.parametrize(
    ("kind", "before", "after"), [p for p in PAIRS if p.values[2] not in moves(*p.values[:2])]
)
def test_every_other_move_is_illegal_and_changes_nothing(
    kind: type[Subject], before: str, after: str
) -> None:
    subject = WRITE[kind](before)
    as_it_was = stored(subject)

    with pytest.raises(IllegalMove, match=f"^{re.escape(str(subject))}: {before} -> {after}$"):
        move(subject, after, by=BY, **VALUES[kind](after))

    assert (stored(subject), subject.status) == (as_it_was, before)
    assert not Event.objects.exists()


@pytest.mark.parametrize("to", ["", "PAID", "lost", "\x00"])
def test_a_status_that_does_not_exist_is_illegal(to: str) -> None:
    with pytest.raises(IllegalMove):
        move(rows.order(), to, by=BY)


@pytest.mark.parametrize("kind", STATUSES)
def test_the_table_knows_every_status(kind: type[Subject]) -> None:
    assert set(MOVES[kind]) == set(STATUSES[kind])
    assert set().union(*MOVES[kind].values()) <= set(STATUSES[kind])


@pytest.mark.parametrize("kind", STATUSES)
def test_every_status_can_be_reached(kind: type[Subject]) -> None:
    reached = {STATUSES[kind].values[0]}
    while more := set().union(*(MOVES[kind][status] for status in reached)) - reached:
        reached |= more

    assert reached == set(STATUSES[kind])


def test_values_change_together_with_the_status() -> None:
    order = rows.order("paid")

    move(order, "refunded", by=BY, attention="all of it went back")

    assert order.attention == stored(order)["attention"] == "all of it went back"


@pytest.mark.parametrize("kind", STATUSES)
def test_a_walk_through_the_table_is_told_by_its_events(kind: type[Subject]) -> None:
    for seed in range(5):
        walker = random.Random(seed)
        subject = WRITE[kind](STATUSES[kind].values[0])
        begin(subject, by=BY)
        for _ in range(20):
            if choices := sorted(MOVES[kind][subject.status]):
                to = walker.choice(choices)
                move(subject, to, by=BY, **VALUES[kind](to))

        changes = story(subject)
        assert changes[-1][1] == stored(subject)["status"]
        assert [before for before, _ in changes] == ["", *(after for _, after in changes[:-1])]


# Being overtaken ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "before", "meanwhile", "to"),
    [
        (Order, "pending", "cancelled", "expired"),
        (Order, "reserved", "paid", "pending"),
        (PiPayment, "created", "cancelled", "approving"),
        (PiPayment, "approved", "submitted", "cancelled"),
        (PiPayment, "submitted", "completed", "failed"),
        (Refund, "requested", "rejected", "approved"),
        (Refund, "approved", "sending", "done"),
    ],
)
def test_who_is_overtaken_changes_nothing(kind: type[Subject], before: str, meanwhile: str, to: str) -> None:
    subject = WRITE[kind](before)
    values = VALUES[kind](to)
    kind._default_manager.filter(pk=subject.pk).update(status=meanwhile, **VALUES[kind](meanwhile))
    as_it_is = stored(subject)

    with pytest.raises(Overtaken, match=f"^{re.escape(str(subject))} is no longer {before}$"):
        move(subject, to, by=BY, **values)

    assert (stored(subject), subject.status) == (as_it_is, before)
    assert not Event.objects.exists()


def test_even_the_same_move_is_made_by_one_alone() -> None:
    order = rows.order()
    also = Order.objects.get(pk=order.pk)
    move(order, "cancelled", by=BY)

    with pytest.raises(Overtaken):
        move(also, "cancelled", by=BY)

    assert story(order) == [("pending", "cancelled")]


@pytest.mark.django_db(transaction=True)
def test_status_and_event_are_one_commit() -> None:
    order = rows.order()

    with transaction.atomic():
        move(order, "cancelled", by=BY)
        transaction.set_rollback(True)

    assert (stored(order)["status"], story(order)) == ("pending", [])


@pytest.mark.django_db(transaction=True)
def test_nothing_moves_outside_a_transaction() -> None:
    order = rows.order()

    with pytest.raises(NoTransaction, match=f"^{order}: open a transaction first$"):
        move(order, "cancelled", by=BY)

    assert (stored(order)["status"], Event.objects.count()) == ("pending", 0)


# Eight at once -----------------------------------------------------------------------------------------


def eight_at_once(order: Order, change: Callable[[Order], object]) -> list[object]:
    """Return what came of it for each of eight threads that had all read the order before any changed it."""
    everybody_has_read = threading.Barrier(8, timeout=30)

    def run(_: int) -> object:
        try:
            mine = Order.objects.get(pk=order.pk)
            everybody_has_read.wait()
            change(mine)
        except Overtaken as overtaken:
            return overtaken
        else:
            return "won"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(run, range(8)))


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_want_one_status_one_gets_it() -> None:
    order = rows.order()

    def change(mine: Order) -> None:
        with transaction.atomic(durable=True):
            move(mine, "cancelled", by=BY)

    results = eight_at_once(order, change)

    assert results.count("won") == 1
    assert sum(isinstance(result, Overtaken) for result in results) == 7
    assert story(order) == [("pending", "cancelled")]


@pytest.mark.django_db(transaction=True)
def test_a_read_followed_by_save_would_let_all_eight_win() -> None:
    """Why `move` is what it is. If this fails, the race above proves nothing any more."""
    order = rows.order()

    def change(mine: Order) -> None:
        assert mine.status == "pending"
        mine.status = "cancelled"
        with transaction.atomic(durable=True):
            mine.save()

    assert eight_at_once(order, change) == ["won"] * 8


# Locked rows -------------------------------------------------------------------------------------------


def test_locked_reads_payment_and_order_afresh() -> None:
    payment = rows.payment("approving")
    Order.objects.update(attention="changed meanwhile")
    PiPayment.objects.update(attention="changed meanwhile")

    with locked(payment) as (fresh, order):
        assert order is not None
        assert (fresh.attention, order.attention) == ("changed meanwhile",) * 2


def test_locked_has_no_order_for_an_orphan() -> None:
    payment = rows.payment()

    with locked(payment) as found:
        assert found == (payment, None)


def test_locked_opens_a_transaction_of_its_own() -> None:
    payment = rows.payment()

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"), locked(payment):
        pass


@pytest.mark.django_db(transaction=True)
def test_a_locked_payment_is_changed_by_nobody_else() -> None:
    payment = rows.payment("approved")
    order = Order.objects.get()
    inside, seen = threading.Event(), []

    def rival() -> None:
        inside.wait(timeout=30)
        with locked(payment) as (fresh, _):
            seen.append(fresh.status)
        connection.close()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(rival)
        with locked(payment) as (fresh, _):
            inside.set()
            threading.Event().wait(0.1)  # the rival could read now, if nothing held it back
            move(fresh, "submitted", by=BY, txid="a" * 64)
        waiting.result(timeout=30)

    order.refresh_from_db()
    assert seen == ["submitted"]


# The story ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STATUSES)
def test_a_story_begins_with_the_first_status(kind: type[Subject]) -> None:
    subject = WRITE[kind]()

    begin(subject, by=BY, note="seen")

    assert story(subject) == [("", STATUSES[kind].values[0])]
    assert subject.events.get().note == "seen"


def test_what_needs_no_words_is_told_without() -> None:
    order = rows.order()

    begin(order, by=BY)
    move(order, "cancelled", by=BY)
    record(order, EventKind.NOTED, by=BY)

    told = order.events.values_list("kind", "before", "after", "note")
    assert list(told) == [
        ("moved", "", "pending", ""),
        ("moved", "pending", "cancelled", ""),
        ("noted", "", "", ""),
    ]


@pytest.mark.parametrize("kind", STATUSES)
def test_a_note_changes_no_status(kind: type[Subject]) -> None:
    subject = WRITE[kind]()

    record(subject, EventKind.NOTED, by=BY, note="the parcel is large")

    assert story(subject) == []
    assert subject.events.get().note == "the parcel is large"


@pytest.mark.parametrize(
    ("note", "kept"),
    [("a\x00b", "ab"), ("\ud83d", "?"), ("x" * 9_999, "x" * 500), ("π → 🙂", "π → 🙂"), ("", "")],
)
def test_any_text_can_be_noted(note: str, kept: str) -> None:
    order = rows.order()

    record(order, EventKind.NOTED, by=BY, note=note)

    assert order.events.get().note == kept
