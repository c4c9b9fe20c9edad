"""`settle`, called directly: which step comes next, and what an unexplained refusal leads to."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from catalog.models import Variant
from catalog.stock import OutOfStock
from payments.domain import protocol
from payments.domain import settle as settlement
from payments.domain.ordering import Refused
from payments.domain.settle import UnknownPayment
from payments.domain.sync import Contradiction, apply_record
from payments.models import Event, Pioneer, PiPayment
from payments.moves import Author, Overtaken
from payments.pi.client import PiRefused, PiUnclear
from pi_simulator.calls import Call
from tests.payments import rows
from tests.payments.page import Page, acts, status_of
from tests.payments.situations import asking, not_verified_for_long, story

pytestmark = pytest.mark.django_db
BY = Author("reconcile_payments", "reconcile")
TXID = "a" * 64


@pytest.mark.parametrize(
    ("status", "at_pi", "give_up", "step"),
    [
        ("created", {}, False, None),
        ("created", {}, True, "cancel"),
        ("created", {"txid": TXID}, False, "complete"),
        ("created", {"txid": TXID}, True, "complete"),
        ("approving", {}, False, "approve"),
        ("approving", {}, True, "cancel"),
        ("approved", {}, False, None),
        ("approved", {}, True, "cancel"),
        ("submitted", {}, False, "complete"),
        ("submitted", {}, True, "complete"),
        ("failed", {"txid": TXID}, True, "complete"),
        ("failed", {"txid": TXID}, False, "complete"),
        ("completed", {"txid": TXID}, True, None),
        ("cancelled", {}, True, None),
        ("cancelled", {"txid": TXID}, False, None),
    ],
)
def test_the_next_step_follows_from_what_is_true(
    status: str, at_pi: dict[str, Any], give_up: bool, step: str | None
) -> None:
    assert settlement._next_step(rows.payment(status), rows.shown(**at_pi), give_up=give_up) == step


@pytest.mark.parametrize("status", ["created", "approving", "approved"])
def test_a_refused_payment_is_cancelled_next_even_if_nobody_gives_it_up(status: str) -> None:
    payment = rows.payment(status, refusal="amount_mismatch")

    assert settlement._next_step(payment, rows.shown(), give_up=False) == "cancel"


@pytest.mark.parametrize(
    ("code", "at_pi"),
    [
        ("missing_scope", {"txid": TXID}),
        ("not_found", {"txid": TXID, "transaction_verified": True}),
        ("verification_failed", {"txid": TXID, "transaction_verified": True}),
    ],
)
def test_only_a_transaction_that_pi_does_not_verify_has_failed(code: str, at_pi: dict[str, Any]) -> None:
    payment = doubted(timedelta(days=1))

    with pytest.raises(PiRefused):
        settlement._stuck(payment, rows.shown(**at_pi), PiRefused(code, "no"), by=BY)

    assert status_of(payment.identifier) == "submitted"


@pytest.mark.parametrize("code", ["verification_failed", "not_verified"])
def test_a_transaction_that_pi_does_not_verify_has_failed_for_pis_reason(code: str) -> None:
    payment = doubted(timedelta(minutes=10))

    payment = settlement._stuck(payment, rows.shown(txid=TXID), PiRefused(code, "no such memo"), by=BY)

    assert (payment.status, payment.events.get(after="failed").note) == ("failed", "no such memo")


@pytest.mark.parametrize("code", ["verification_failed", "not_verified"])
def test_pi_has_ten_minutes_to_verify_a_transaction(code: str) -> None:
    payment = doubted(timedelta(minutes=9.9))
    since = payment.doubted_at

    payment = settlement._stuck(payment, rows.shown(txid=TXID), PiRefused(code, "not yet"), by=BY)

    assert (payment.status, payment.notice, payment.doubted_at) == ("submitted", "", since)
    assert not payment.events.filter(kind="noted").exists(), "noted with the first refusal alone"


def test_the_ten_minutes_begin_with_the_first_refusal(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, verified=False)
    alice.pi.faults.add("down", path="complete", times=1)
    alice.cancel(identifier, expect=503)
    assert status_of(identifier) == "submitted"
    before = timezone.now()

    alice.complete(identifier, txid, expect=409)

    payment = PiPayment.objects.get()
    first = payment.events.get(kind="noted")
    assert (payment.status, first.cause) == ("submitted", "complete")
    assert "not_verified" in first.note
    assert payment.doubted_at is not None
    assert before <= payment.doubted_at <= first.at


def test_a_first_refusal_that_two_hear_at_once_is_noted_once(alice: Page) -> None:
    payment = apply_record(rows.payment(), rows.shown(txid=TXID), by=BY)
    stale = PiPayment.objects.get()

    for copy in (payment, stale):
        settlement._stuck(copy, rows.shown(txid=TXID), PiRefused("not_verified", "not yet"), by=BY)

    assert payment.doubted_at == stale.doubted_at == PiPayment.objects.get().doubted_at
    assert Event.objects.filter(kind="noted").count() == 1


def test_a_browsers_report_does_not_start_the_ten_minutes(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})

    protocol.report_error(identifier, "Pi does not verify its transaction yet (a lie)", caller=None)

    assert PiPayment.objects.get().doubted_at is None


@pytest.mark.parametrize("code", ["cancelled_payment", "missing_txid", "verification_failed"])
def test_a_transaction_that_pi_no_longer_shows_counts_as_not_verified(code: str) -> None:
    payment = doubted(timedelta(minutes=10))

    assert settlement._stuck(payment, rows.shown(), PiRefused(code, "gone"), by=BY).status == "failed"


def test_a_payment_that_never_had_a_transaction_does_not_fail() -> None:
    with pytest.raises(PiRefused):
        settlement._stuck(rows.payment("approved"), rows.shown(), PiRefused("no_reason", "no"), by=BY)


def test_a_doubted_payment_needs_no_other_notice() -> None:
    payment = doubted(timedelta(minutes=1))
    PiPayment.objects.update(notice="unanswered")
    payment.refresh_from_db()

    settlement._stuck(payment, rows.shown(txid=TXID), PiRefused("not_verified", "not yet"), by=BY)

    assert PiPayment.objects.get().notice == ""


def doubted(ago: timedelta) -> PiPayment:
    """Return a payment whose transaction Pi has refused to verify for that long."""
    payment = apply_record(rows.payment(), rows.shown(txid=TXID), by=BY)
    PiPayment.objects.update(doubted_at=timezone.now() - ago)
    payment.refresh_from_db()
    return payment


def test_a_payment_that_was_approved_meanwhile_is_not_refused(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    payment = PiPayment.objects.get(identifier=identifier)

    with pytest.raises(Overtaken, match=f"^payment {identifier} is approved$"):
        protocol._refuse(payment, Refused("out_of_stock"), pi=asking(), by=BY)

    payment.refresh_from_db()
    assert (payment.status, payment.refusal) == ("approved", "")


def test_a_refusal_is_written_down_once_and_for_what_came_first(alice: Page) -> None:
    payment = rows.payment(identifier=alice.create_payment(alice.order({"mug": 1})))

    for code in ("out_of_stock", "order_closed"):
        protocol._refuse(payment, Refused(code), pi=asking(), by=BY)

    payment.refresh_from_db()
    assert (payment.status, payment.refusal) == ("cancelled", "out_of_stock")
    assert payment.events.get(kind="refused").note == str(Refused("out_of_stock"))


def test_a_rival_that_waits_is_given_up_after_ten_minutes_though_the_goods_are_held(alice: Page) -> None:
    order, first = alice.approved({"mug": 1})
    second = alice.rival_payment(order)
    alice.cancel(second)
    PiPayment.objects.update(created_at=timezone.now() - timedelta(minutes=11))

    for payment in PiPayment.objects.all():
        protocol.reconcile(payment, pi=asking(), by=BY)

    assert (status_of(first), status_of(second)) == ("approved", "cancelled")


def test_a_step_that_pi_answers_without_taking_it_is_requested_once(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.tamper(identifier, status=alice.pi.payment(identifier)["status"])
    alice.pi.calls.clear()

    with pytest.raises(
        Contradiction, match=re.escape(f"Pi answered cancel of {identifier}, but nothing has moved")
    ):
        protocol.recover(identifier, caller=None)

    payment = PiPayment.objects.get()
    assert acts(alice.pi) == ["GET", "cancel"]
    assert (payment.status, payment.notice, payment.notice_detail) == ("approved", "not_moved", "cancel")


def test_not_completed_says_what_is_true(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})

    with pytest.raises(protocol.NotCompleted, match=f"^payment {identifier} is approved, not completed$"):
        protocol.complete(identifier, TXID, caller=None)


ENTRY_POINTS = {
    "cancel": lambda identifier, caller: protocol.cancel(identifier, caller=caller),
    "recover": lambda identifier, caller: protocol.recover(identifier, caller=caller),
    "report_error": lambda identifier, caller: protocol.report_error(identifier, "broke", caller=caller),
    "complete": lambda identifier, caller: protocol.complete(identifier, TXID, caller=caller),
    "approve": lambda identifier, caller: protocol.approve(identifier, caller=caller),
}


@pytest.mark.parametrize("cause", ENTRY_POINTS)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_every_entry_point_signs_what_it_changes(alice: Page, cause: str, known: bool) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    if known:
        protocol.cancel(identifier, caller=None)
    before = list(Event.objects.values_list("pk", flat=True))
    if cause == "complete":
        alice.pi.approve(identifier)
        alice.pi.sign(identifier)
    elif cause != "approve":
        alice.pi.cancel_by_user(identifier)

    payment = ENTRY_POINTS[cause](identifier, Pioneer.objects.get(username="alice"))

    events = Event.objects.exclude(pk__in=before)
    assert {(event.actor, event.cause) for event in events} == {("pioneer alice", cause)}
    assert payment.status in {"cancelled", "completed", "approved"}


def test_a_refusal_for_an_unknown_reason_is_shown_to_staff() -> None:
    payment = rows.payment("approved")

    with pytest.raises(PiRefused):
        settlement._stuck(payment, rows.shown(), PiRefused("missing_scope", "x" * 500), by=BY)

    payment.refresh_from_db()
    assert (payment.notice, payment.notice_detail) == ("pi_refuses", "x" * 200)


def test_the_events_of_a_recovered_payment_name_who_recovered_it(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, recorded=False)

    def completed_meanwhile(call: Call) -> None:
        if call.path.endswith("/complete"):
            alice.pi.before_call = None
            alice.pi.record_transaction(identifier)
            alice.pi.complete(identifier, txid)

    alice.pi.before_call = completed_meanwhile

    payment = protocol.recover_paid(identifier, txid, pi=asking(), by=BY)

    assert payment.status == "completed"
    assert story(payment)[-1] == (BY.actor, BY.cause, "approved", "completed")


# Looking a payment up, and our first row of it ---------------------------------------------------------


def test_an_unexpected_refusal_of_a_look_is_no_answer(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.faults.add("refuse", status=404, body={"error": "no_such_route"})

    with pytest.raises(PiUnclear, match=f"^GET /payments/{identifier}: no_such_route"):
        protocol.cancel(identifier, caller=None)


@pytest.mark.parametrize("outgoing", [True, False])
def test_an_unknown_payment_is_named_in_the_error(alice: Page, outgoing: bool) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, amount="1") if outgoing else "nothing"

    with pytest.raises(UnknownPayment, match=f"^{identifier}$"):
        protocol.cancel(identifier, caller=None)


def test_our_first_row_is_what_pi_shows(alice: Page) -> None:
    order = alice.order({"mug": 1})
    identifier = alice.create_payment(order)
    alice.pi.approve(identifier)
    alice.pi.sign(identifier)
    alice.pi.faults.add("down", path="/complete")

    with pytest.raises(PiUnclear):
        protocol.cancel(identifier, caller=None)

    at_pi, payment = alice.pi.payment(identifier), PiPayment.objects.get()
    for name in ("user_uid", "memo", "network", "from_address", "to_address"):
        assert getattr(payment, name) == at_pi[name] != ""
    assert (payment.amount, payment.order.reference) == (Decimal(at_pi["amount"]), order["reference"])
    assert payment.events.first().note == f"names order {order['reference']}"
    assert in_minutes(payment.next_check_at, 1)


def in_minutes(moment: datetime | None, minutes: int) -> bool:
    assert moment is not None
    return abs(moment - timezone.now() - timedelta(minutes=minutes)) < timedelta(seconds=30)


# The hold ----------------------------------------------------------------------------------------------


def test_a_hold_is_written_with_its_times(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.cancel(identifier)
    PiPayment.objects.update(next_check_at=None)

    alice.approve(identifier)

    payment = PiPayment.objects.get(identifier=identifier)
    assert in_minutes(payment.order.reserved_until, 15)
    assert in_minutes(payment.held_at, 0)
    assert in_minutes(payment.next_check_at, 1)


def test_a_repeated_hold_changes_nothing(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    payment = PiPayment.objects.get(identifier=identifier)
    events = Event.objects.count()

    assert protocol._hold(payment, rows.shown(), by=BY) == payment
    assert Event.objects.count() == events


def test_nothing_is_held_for_a_payment_that_was_refused_meanwhile() -> None:
    payment = rows.payment(order=rows.order())
    PiPayment.objects.update(refusal="amount_mismatch")

    with pytest.raises(Refused) as refused:
        protocol._hold(payment, rows.shown(), by=BY)

    assert (refused.value.code, payment.order.status) == ("amount_mismatch", "pending")


def test_a_payment_that_failed_is_not_approved(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    not_verified_for_long(alice, identifier, alice.pi.sign(identifier, verified=False))

    with pytest.raises(protocol.NotCompleted, match="is failed, not completed"):
        protocol.approve(identifier, caller=None)


@pytest.mark.parametrize("known", [True, False])
def test_a_payment_that_is_over_is_not_approved(alice: Page, known: bool) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    if known:
        protocol.cancel(identifier, caller=None)
    alice.pi.cancel_by_user(identifier)

    with pytest.raises(Refused) as refused:
        protocol.approve(identifier, caller=None)

    assert refused.value.code == "payment_cancelled"


def test_a_payment_that_was_signed_before_we_heard_of_it_is_completed(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.approve(identifier)
    alice.pi.sign(identifier)

    assert protocol.approve(identifier, caller=None).status == "completed"


def test_sold_out_is_told_with_its_cause(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    Variant.objects.filter(sku="mug").update(on_hand=0)

    with pytest.raises(Refused, match=str(Refused("out_of_stock"))) as refused:
        protocol.approve(identifier, caller=None)

    assert isinstance(refused.value.__cause__, OutOfStock)


@pytest.mark.parametrize("known_by", ["Pi", "us"])
def test_pi_completes_the_transaction_that_either_knows(alice: Page, known_by: str) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    payment = PiPayment.objects.get()
    payment.txid = txid if known_by == "us" else None
    shown = rows.shown(txid=txid if known_by == "Pi" else None)

    assert settlement._take_step("complete", payment, shown, asking()).txid == txid


def test_a_payment_that_vanishes_between_two_calls_is_shown_to_staff(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})

    def forget(call: Call) -> None:
        if call.method == "POST":
            alice.pi.before_call = None
            alice.pi.reset()

    alice.pi.before_call = forget

    with pytest.raises(UnknownPayment):
        protocol.recover(identifier, caller=None)

    payment = PiPayment.objects.get()
    assert (payment.status, payment.notice) == ("approved", "not_shown")


def test_a_step_that_pi_refuses_without_explanation_is_requested_once(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.faults.add("refuse", path="/cancel", status=400, body={"error": "missing_scope"})
    alice.pi.calls.clear()

    with pytest.raises(PiRefused, match="missing_scope"):
        protocol.recover(identifier, caller=None)

    assert acts(alice.pi) == ["GET", "cancel", "GET"]
    assert PiPayment.objects.get().notice == "pi_refuses"


def test_a_rival_that_pi_does_not_know_keeps_the_goods_until_staff_decide(alice: Page) -> None:
    order, _ = alice.approved({"mug": 1})
    second = alice.rival_payment(order)
    PiPayment.objects.update(identifier="gone")

    with pytest.raises(Refused) as refused:
        protocol.approve(second, caller=None)

    assert refused.value.code == "payment_in_progress"
    assert (status_of("gone"), status_of(second)) == ("approved", "cancelled")
