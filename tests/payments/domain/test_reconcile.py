"""`reconcile_payments` and `cleanup_stale_orders`: buyers who never come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog import stock
from catalog.models import Variant
from payments.domain import reconciliation
from payments.domain.reconciliation import expire_stale, reconcile_due, stale_orders
from payments.domain.settle import settle
from payments.models import Event, EventKind, Order, PiPayment, Refund
from payments.moves import Author, begin, record
from payments.pi.client import PiClient, PiMisconfigured, PiUnclear
from pi_simulator import Simulator
from tests.catalog.goods import counted
from tests.payments import rows
from tests.payments.page import Page, acts, status_of
from tests.payments.situations import not_verified_for_long, unverified

pytestmark = pytest.mark.django_db

BY = Author("reconcile_payments", "reconcile")


def reconcile_once() -> list[str]:
    """Run once with every payment due, and return what became of each."""
    PiPayment.objects.exclude(next_check_at=None).update(next_check_at=timezone.now() - timedelta(days=2))
    return [str(outcome) for outcome in reconcile_due(proceed=lambda: True, by=BY)]


def make_old(**age: int) -> None:
    then = timezone.now() - timedelta(**age)
    PiPayment.objects.update(created_at=then)
    PiPayment.objects.exclude(doubted_at=None).update(doubted_at=then)
    Event.objects.update(at=then)


def end_holds() -> None:
    Order.objects.exclude(reserved_until=None).update(reserved_until=timezone.now() - timedelta(seconds=1))


def paid_after_it_was_cancelled(alice: Page) -> tuple[Order, str]:
    """Signed, cancelled here and at Pi, and only then did Pi hear of the transaction."""
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)
    alice.pi.record_transaction(identifier)
    return order, identifier


def test_a_paid_payment_whose_buyer_never_came_back_is_completed(alice: Page) -> None:
    order, identifier = alice.approved({"voucher": 1})
    alice.pi.sign(identifier)

    assert reconcile_once() == ["completed"]

    order.refresh_from_db()
    assert order.status == "fulfilled"


def test_a_payment_in_time_is_left_alone(alice: Page) -> None:
    _order, _identifier = alice.approved({"mug": 1})
    alice.pi.calls.clear()

    assert reconcile_once() == ["approved"]
    assert acts(alice.pi) == ["GET"]


def test_an_expired_hold_is_cancelled_at_pi_and_released(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    end_holds()

    assert reconcile_once() == ["cancelled"]

    order.refresh_from_db()
    assert alice.pi.payment(identifier)["status"]["cancelled"] is True
    assert (order.status, counted(Variant.objects.get(sku="mug"))) == ("pending", (0, 10))


def test_a_payment_signed_when_its_hold_ends_is_completed(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    end_holds()
    alice.pi.sign(identifier)

    assert reconcile_once() == ["completed"]

    order.refresh_from_db()
    assert order.status == "paid"


@pytest.mark.parametrize(("age", "outcome"), [({"seconds": 590}, "created"), ({"seconds": 610}, "cancelled")])
def test_a_payment_that_never_reached_the_gate_is_given_up_after_ten_minutes(
    alice: Page, age: dict[str, int], outcome: str
) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.cancel(identifier)
    make_old(**age)

    assert reconcile_once() == [outcome]


def test_a_refused_payment_is_cancelled_at_once(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.tamper(identifier, amount="9")
    alice.pi.faults.add("refuse", path="cancel", times=1)
    alice.approve(identifier, expect=409)

    assert reconcile_once() == ["cancelled"]


def test_an_approval_that_pi_never_received_is_sent_again(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.faults.add("refuse", path="approve", times=1)
    alice.approve(identifier, expect=503)

    assert reconcile_once() == ["approved"]
    assert alice.pi.payment(identifier)["status"]["developer_approved"] is True


def test_a_late_transaction_is_found_within_a_day(alice: Page) -> None:
    order, _ = paid_after_it_was_cancelled(alice)
    make_old(hours=23)

    assert reconcile_once() == ["completed"]

    order.refresh_from_db()
    assert order.status == "paid"


def test_a_payment_is_checked_for_a_day_after_it_ended_however_long_pi_was_down(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    PiPayment.objects.update(created_at=timezone.now() - timedelta(hours=30))
    end_holds()
    assert reconcile_once() == ["cancelled"]
    assert reconcile_once() == ["cancelled"]
    alice.pi.record_transaction(identifier)

    assert reconcile_once() == ["completed"]

    order.refresh_from_db()
    assert order.status == "paid"


def test_a_payment_approved_at_pi_is_watched_even_if_our_record_of_it_is_lost(alice: Page) -> None:
    """A database that was restored, or that lost its last commit, does not know that it held the goods."""
    order = alice.order({"mug": 1})
    identifier = alice.create_payment(order)
    alice.pi.approve(identifier)
    alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)
    alice.pi.record_transaction(identifier)
    make_old(hours=23)

    assert reconcile_once() == ["completed"]

    assert Order.objects.get(reference=order["reference"]).status == "paid"


def test_a_payment_that_pi_does_not_verify_is_watched_even_if_our_record_is_lost(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.approve(identifier)
    not_verified_for_long(alice, identifier, alice.pi.sign(identifier, verified=False))
    assert status_of(identifier) == "failed"
    alice.pi.verify_transaction(identifier)
    make_old(hours=23)

    assert reconcile_once() == ["completed"]


@pytest.mark.parametrize("fault", ["down", "html", "nonsense"])
def test_staff_are_told_of_a_payment_about_which_pi_says_nothing_for_an_hour(alice: Page, fault: str) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.faults.add(fault, path=identifier)
    for hours, notice in ((0, ""), (1, "unanswered")):
        make_old(hours=hours)
        with pytest.raises(PiUnclear):
            reconcile_once()
        assert PiPayment.objects.get().notice == notice

    alice.pi.faults.clear()
    reconcile_once()

    assert PiPayment.objects.get().notice == ""


def pi_is_away_for_a_look(alice: Page) -> None:
    make_old(hours=2)
    alice.pi.faults.add("down", path="payments", times=1)
    with pytest.raises(PiUnclear):
        reconcile_once()


def test_an_unanswered_check_does_not_overwrite_a_lasting_notice(alice: Page) -> None:
    alice.approved({"mug": 1})
    PiPayment.objects.update(notice="paid_on_chain_only")

    pi_is_away_for_a_look(alice)
    reconcile_once()

    assert PiPayment.objects.get().notice == "paid_on_chain_only"


def test_a_check_whose_answer_is_lost_sets_no_notice_on_a_completed_payment(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    make_old(hours=2)

    def complete_it(call: object) -> None:
        alice.pi.after_call = None
        alice.complete(identifier, txid)

    alice.pi.faults.add("lose_answer", path=identifier, times=1)
    alice.pi.after_call = complete_it
    with pytest.raises(PiUnclear):
        reconcile_once()

    payment = PiPayment.objects.get()
    assert (payment.status, payment.notice) == ("completed", "")


def test_a_cancelled_payment_that_pi_has_forgotten_needs_no_notice(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.incomplete(identifier)
    pi_is_away_for_a_look(alice)
    assert PiPayment.objects.get().notice == "unanswered"
    alice.pi.forget(identifier)
    make_old(hours=25)

    reconcile_once()

    payment = PiPayment.objects.get()
    assert (payment.next_check_at, payment.notice) == (None, "")


def test_staff_are_told_when_the_database_cannot_record_money_for_an_hour(
    alice: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)

    def full(quantities: object) -> None:
        raise OperationalError("could not extend file: No space left on device")

    monkeypatch.setattr(stock, "consume", full)
    for hours, notice in ((0, ""), (1, "unanswered")):
        make_old(hours=hours)
        with pytest.raises(OperationalError):
            reconcile_once()
        assert PiPayment.objects.get().notice == notice


@pytest.mark.parametrize("dropped", [False, True])
def test_the_watch_of_a_failed_payment_ends_whatever_pi_refuses_it_for(alice: Page, dropped: bool) -> None:
    identifier = unverified(alice, {"mug": 1}).payments.get().identifier
    if dropped:
        alice.pi.tamper(identifier, transaction=None)
    alice.pi.faults.add("refuse", path="complete", status=400, body={"error": "cancelled_payment"})
    make_old(hours=25)

    reconcile_once()

    payment = PiPayment.objects.get()
    assert (payment.status, payment.next_check_at) == ("failed", None)


def test_goods_are_released_when_pi_drops_a_transaction(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.complete(identifier, alice.pi.sign(identifier, verified=False), expect=409)
    alice.pi.tamper(identifier, transaction=None)
    end_holds()
    make_old(hours=1)

    reconcile_once()

    order.refresh_from_db()
    assert (order.status, counted(Variant.objects.get(sku="mug"))) == ("needs_review", (0, 10))


def test_a_cancelled_payment_is_forgotten_after_a_day(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.incomplete(identifier)
    make_old(hours=25)

    assert reconcile_once() == ["cancelled"]
    assert PiPayment.objects.get().next_check_at is None
    assert reconcile_once() == []


@pytest.mark.parametrize("fault", ["down", "html", "lose_answer"])
def test_the_last_check_of_a_cancelled_payment_is_one_that_pi_answered(alice: Page, fault: str) -> None:
    order, _ = paid_after_it_was_cancelled(alice)
    make_old(hours=25)
    alice.pi.faults.add(fault, path="payments", times=1)

    with pytest.raises(PiUnclear):
        reconcile_once()
    assert reconcile_once() == ["completed"]

    order.refresh_from_db()
    assert order.status == "paid"


def test_a_last_check_that_is_interrupted_is_repeated(alice: Page) -> None:
    paid_after_it_was_cancelled(alice)
    make_old(hours=25)

    def die(call: object) -> None:
        raise KeyboardInterrupt

    alice.pi.after_call = die
    with pytest.raises(KeyboardInterrupt):
        reconcile_once()
    alice.pi.after_call = None

    assert reconcile_once() == ["completed"]


def test_a_last_check_that_is_overtaken_by_the_money_does_not_end_the_watch(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)
    make_old(hours=25)

    def the_money_is_seen_while_an_old_answer_travels(call: object) -> None:
        alice.pi.after_call = None
        alice.pi.record_transaction(identifier)
        alice.pi.faults.add("lose_answer", path="complete", times=1)
        alice.incomplete(identifier, expect=503)

    alice.pi.after_call = the_money_is_seen_while_an_old_answer_travels
    reconcile_once()

    assert status_of(identifier) == "submitted"
    assert reconcile_once() == ["completed"]


def test_money_that_is_seen_right_after_the_last_check_keeps_the_watch(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)
    make_old(hours=25)

    def the_money_is_seen_before_the_watch_ends(
        execute: Any, sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if '"next_check_at" = NULL' in sql and status_of(identifier) == "cancelled":
            alice.pi.record_transaction(identifier)
            alice.pi.faults.add("lose_answer", path="complete", times=1)
            alice.incomplete(identifier, expect=503)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(the_money_is_seen_before_the_watch_ends):
        reconcile_once()

    assert status_of(identifier) == "submitted"
    assert reconcile_once() == ["completed"]


def test_the_last_check_of_one_payment_does_not_end_the_watch_of_another(alice: Page, bob: Page) -> None:
    _, old = alice.approved({"mug": 1})
    alice.incomplete(old)
    make_old(hours=25)
    _, young = bob.approved({"mug": 1})
    bob.incomplete(young)

    assert reconcile_once() == ["cancelled", "cancelled"]

    assert list(PiPayment.objects.filter(next_check_at=None)) == [PiPayment.objects.get(identifier=old)]


def test_a_payment_that_pi_has_forgotten_is_not_watched_forever(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.incomplete(identifier)
    alice.pi.forget(identifier)
    make_old(hours=25)

    assert reconcile_once() == ["trouble: UnknownPayment"]
    assert reconcile_once() == []


def test_a_cancelled_payment_that_was_never_approved_is_not_watched(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.incomplete(identifier)

    assert reconcile_once() == []


def test_a_completed_payment_is_never_asked_about_again(alice: Page) -> None:
    alice.buy({"mug": 1})

    assert reconcile_once() == []


@pytest.mark.parametrize("fault", ["down", "html", "refuse", "nonsense"])
def test_a_run_stops_at_the_first_answer_that_says_that_pi_is_unreachable(
    alice: Page, bob: Page, fault: str
) -> None:
    alice.approved({"mug": 1})
    bob.approved({"mug": 1})
    alice.pi.calls.clear()
    alice.pi.faults.add(fault, path="payments")

    with pytest.raises(PiUnclear):
        reconcile_once()

    assert len(acts(alice.pi)) <= 1
    assert set(PiPayment.objects.values_list("status", flat=True)) == {"approved"}


def test_a_run_stops_when_our_key_is_wrong(alice: Page, settings: object) -> None:
    alice.approved({"mug": 1})
    settings.PI_API_KEY = "wrong"

    with pytest.raises(PiMisconfigured):
        reconcile_once()


def test_a_payment_that_pi_does_not_know_any_more_is_shown_to_staff_and_the_rest_goes_on(
    alice: Page, bob: Page
) -> None:
    alice.approved({"mug": 1})
    _, known = bob.approved({"mug": 1})
    bob.pi.sign(known)
    PiPayment.objects.exclude(identifier=known).update(identifier="gone")

    outcomes = reconcile_once()

    assert sorted(outcomes) == ["completed", "trouble: UnknownPayment"]
    gone = PiPayment.objects.get(identifier="gone")
    assert (gone.status, gone.notice, gone.order.status) == ("approved", "not_shown", "reserved")


def test_a_payment_that_pi_refuses_to_go_on_with_is_shown_to_staff_until_it_does(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)
    alice.pi.faults.add("refuse", path="complete", status=400, body={"error": "invalid_arguments"})

    assert reconcile_once() == ["trouble: PiRefused"]
    assert "invalid_arguments" in PiPayment.objects.get().notice_text

    alice.pi.faults.clear()
    assert reconcile_once() == ["completed"]
    order.refresh_from_db()
    assert (order.status, PiPayment.objects.get().notice) == ("paid", "")


def test_a_payment_that_pi_refused_to_cancel_needs_no_notice_once_cancelled(alice: Page) -> None:
    alice.approved({"mug": 1})
    end_holds()
    alice.pi.faults.add("refuse", path="cancel", status=400, body={"error": "invalid_arguments"})

    assert reconcile_once() == ["trouble: PiRefused"]
    assert "invalid_arguments" in PiPayment.objects.get().notice_text

    alice.pi.faults.clear()
    assert reconcile_once() == ["cancelled"]
    assert PiPayment.objects.get().notice == ""


def test_a_claimed_payment_is_not_claimed_again(alice: Page) -> None:
    alice.approved({"mug": 1})
    PiPayment.objects.update(next_check_at=timezone.now() - timedelta(seconds=1))

    assert reconciliation.claim_next() is not None
    assert reconciliation.claim_next() is None


def test_a_run_stops_when_it_is_told_to(alice: Page, bob: Page) -> None:
    alice.approved({"mug": 1})
    bob.approved({"mug": 1})
    PiPayment.objects.update(next_check_at=timezone.now() - timedelta(seconds=1))
    more = iter([True, False])

    outcomes = list(reconcile_due(proceed=lambda: next(more), by=BY))

    assert len(outcomes) == 1


# Orders that nobody paid -----------------------------------------------------------------------------


def expire_all() -> list[str]:
    outcomes = expire_stale(stale_orders(), proceed=lambda: True, by=Author("t", "expire"))
    return [str(outcome) for outcome in outcomes]


def test_an_old_pending_order_expires(alice: Page) -> None:
    alice.order({"mug": 1})
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert expire_all() == ["expired"]


def test_an_order_in_time_does_not_expire(alice: Page) -> None:
    alice.order({"mug": 1})

    assert expire_all() == []


def test_an_old_order_with_a_payment_still_open_is_left_to_reconcile(alice: Page) -> None:
    order = alice.order({"mug": 1})
    alice.cancel(alice.create_payment(order))
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert expire_all() == []


def test_a_reserved_order_past_its_time_is_cancelled_at_pi_first(alice: Page) -> None:
    _order, identifier = alice.approved({"mug": 1})
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    end_holds()

    assert expire_all() == ["expired"]
    assert alice.pi.payment(identifier)["status"]["cancelled"] is True
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_a_reserved_order_that_was_paid_after_all_is_not_expired(alice: Page) -> None:
    _order, identifier = alice.approved({"mug": 1})
    end_holds()
    alice.pi.sign(identifier)

    assert expire_all() == ["paid"]


def test_the_goods_stay_held_while_pi_cannot_be_reached(alice: Page) -> None:
    alice.approved({"mug": 1})
    end_holds()
    alice.pi.faults.add("down", path="any")

    with pytest.raises(PiUnclear):
        expire_all()

    assert counted(Variant.objects.get(sku="mug")) == (1, 10)


# The buyer gives up, or tries again ------------------------------------------------------------------


def test_the_buyer_cancels_an_unpaid_order(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})

    answer = alice.post(f"/api/orders/{order.reference}/cancel/", {})

    assert (answer["status"], status_of(identifier)) == ("cancelled", "cancelled")
    assert alice.pi.payment(identifier)["status"]["cancelled"] is True
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_a_paid_order_cannot_be_cancelled(alice: Page) -> None:
    order = alice.buy({"mug": 1})

    answer = alice.post(f"/api/orders/{order.reference}/cancel/", {}, expect=409)

    assert answer["error"] == "order_closed"


def test_a_signed_order_is_paid_instead_of_cancelled(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)

    alice.post(f"/api/orders/{order.reference}/cancel/", {}, expect=409)

    order.refresh_from_db()
    assert (order.status, Refund.objects.count()) == ("paid", 0)


def test_an_expired_order_is_tried_again(alice: Page) -> None:
    order = alice.order({"mug": 1})
    Order.objects.update(status="expired", expires_at=timezone.now() - timedelta(days=1))

    again = alice.post(f"/api/orders/{order['reference']}/reopen/", {})
    identifier = alice.create_payment(again)
    alice.approve(identifier)

    assert Order.objects.get().status == "reserved"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"price": "2"}, "price_changed"), ({"product__published": False}, "not_for_sale")],
)
def test_an_expired_order_is_not_tried_again_when_the_shop_no_longer_offers_it(
    alice: Page, change: dict[str, object], code: str
) -> None:
    order = alice.order({"mug": 1})
    Order.objects.update(status="expired")
    mug = Variant.objects.get(sku="mug")
    if "price" in change:
        Variant.objects.filter(pk=mug.pk).update(**change)
    else:
        type(mug.product).objects.filter(pk=mug.product_id).update(published=False)

    assert alice.post(f"/api/orders/{order['reference']}/reopen/", {}, expect=409)["error"] == code


def test_settle_waits_for_the_buyer(alice: Page) -> None:
    _order, _identifier = alice.approved({"mug": 1})

    payment = settle(PiPayment.objects.get(), pi=PiClient(seconds=9), by=BY)

    assert payment.status == "approved"


def test_a_contradictory_payment_does_not_stop_the_others(alice: Page, bob: Page) -> None:
    _, first = alice.approved({"mug": 1})
    _, second = bob.approved({"mug": 1})
    txid = alice.pi.sign(first)
    alice.complete(first, txid)
    paid = alice.pi.payment(first)
    bob.pi.tamper(second, transaction=paid["transaction"], status=paid["status"])
    _, third = Page(alice.pi, "carol").sign_in().approved({"mug": 1})
    alice.pi.sign(third)

    outcomes = reconcile_once()

    assert sorted(outcomes) == ["completed", "trouble: Contradiction"]
    doubtful = PiPayment.objects.get(identifier=second)
    assert (doubtful.status, doubtful.txid, doubtful.notice) == ("approved", None, "foreign_transaction")


def test_a_payment_that_pi_shows_again_needs_no_notice_any_more(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    PiPayment.objects.update(identifier="gone")
    reconcile_once()
    PiPayment.objects.update(identifier=identifier)

    reconcile_once()

    assert PiPayment.objects.get().notice == ""


def test_a_refund_that_nobody_decided_is_asked_for_by_the_shop(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, recorded=False)
    alice.post(f"/api/orders/{order.reference}/cancel/", {})
    alice.pi.record_transaction(identifier)

    alice.complete(identifier, txid)

    assert Refund.objects.get().origin == "shop"


# When a payment is looked at again ---------------------------------------------------------------------


def ended(status: str, ago: timedelta) -> PiPayment:
    """Return a payment whose last move was that long ago; its other events are older and newer."""
    now = timezone.now()
    payment = rows.payment(status, next_check_at=now)
    begin(payment, by=BY)
    begin(payment, by=BY, note="the last move")
    PiPayment.objects.update(created_at=now - ago)
    Event.objects.update(at=now - timedelta(days=60))
    Event.objects.filter(note="the last move").update(at=now - ago)
    record(payment, EventKind.NOTED, by=BY, note="no move")
    return payment


@pytest.mark.parametrize(
    ("status", "age", "minutes"),
    [
        ("created", timedelta(minutes=59), 1),
        ("approved", timedelta(minutes=59), 1),
        ("submitted", timedelta(minutes=61), 10),
        ("created", timedelta(days=30), 10),
        ("cancelled", timedelta(minutes=59), 10),
        ("failed", timedelta(hours=25), 10),
    ],
)
def test_how_soon_a_payment_is_looked_at_again(status: str, age: timedelta, minutes: int) -> None:
    payment = ended(status, age)

    assert reconciliation.claim_next() == payment

    payment.refresh_from_db()
    looked_at_again = payment.next_check_at - timezone.now()
    assert abs(looked_at_again - timedelta(minutes=minutes)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("status", "age", "is_watched"),
    [
        ("cancelled", timedelta(hours=23.9), True),
        ("failed", timedelta(hours=23.9), True),
        ("cancelled", timedelta(hours=24.1), False),
        ("failed", timedelta(hours=24.1), False),
        ("approved", timedelta(hours=25), True),
    ],
)
def test_a_look_ends_the_watch_a_day_after_the_last_move(
    pi: Simulator, status: str, age: timedelta, is_watched: bool
) -> None:
    payment = ended(status, age)

    assert reconcile_once() == ["trouble: UnknownPayment"]

    payment.refresh_from_db()
    assert (payment.next_check_at is not None) is is_watched


def test_the_payment_that_has_waited_longest_is_checked_first() -> None:
    now = timezone.now()
    for minutes in (1, 3, 2):
        rows.payment(identifier=f"due{minutes}", next_check_at=now - timedelta(minutes=minutes))
    rows.payment(next_check_at=now + timedelta(minutes=1))
    rows.payment(next_check_at=None)

    claimed = [reconciliation.claim_next() for _ in range(4)]

    assert [payment and payment.identifier for payment in claimed] == ["due3", "due2", "due1", None]


def test_a_check_is_overdue_after_ten_minutes() -> None:
    now = timezone.now()
    late = rows.payment(next_check_at=now - timedelta(minutes=11))
    rows.payment(next_check_at=now - timedelta(minutes=9))
    rows.payment(next_check_at=None)

    assert list(reconciliation.overdue_checks()) == [late]
    assert reconciliation.overdue_before(now) == now - timedelta(minutes=10)


def test_stale_orders_that_need_no_call_to_pi_come_first_then_the_oldest(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    over = timezone.now() - timedelta(seconds=1)
    first = rows.order("reserved", reserved_until=over)
    second, third = rows.order(expires_at=over), rows.order(expires_at=over)
    rows.order(expires_at=over + timedelta(minutes=1))
    rows.order("reserved")
    rows.order("cancelled", expires_at=over)
    rows.payment("submitted", order=rows.order(expires_at=over))

    with django_assert_num_queries(1):
        assert [(order, order.held_by is None) for order in stale_orders()] == [
            (second, True),
            (third, True),
            (first, False),
        ]
