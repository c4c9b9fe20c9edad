"""onReadyForServerCompletion: Pi confirms the money, then the goods go out. Money first, goods second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog import stock
from catalog.models import DeliveryCode, Variant
from payments.models import DeliveredCode, Event, Order, PiPayment, Refund
from tests.catalog.goods import counted, forget_file, lose_file
from tests.payments.page import Page, acts, status_of
from tests.payments.situations import not_verified_for_long

pytestmark = pytest.mark.django_db


def test_complete_pays_the_order_and_delivers_what_needs_no_hands(alice: Page) -> None:
    order, identifier = alice.approved({"book": 1, "voucher": 2})
    txid = alice.pi.sign(identifier)

    answer = alice.complete(identifier, txid)

    order.refresh_from_db()
    payment = PiPayment.objects.get()
    assert answer == {"status": "completed", "order": order.reference}
    assert (order.status, payment.status, payment.txid) == ("fulfilled", "completed", txid)
    assert DeliveredCode.objects.filter(line__order=order).count() == 2
    assert counted(Variant.objects.get(sku="voucher")) == (0, 18)
    assert counted(Variant.objects.get(sku="book")) == (0, 1), "what is not tracked is not used up"


def test_a_parcel_waits_for_staff(alice: Page) -> None:
    order = alice.buy({"mug": 1, "book": 1})

    assert order.status == "paid"
    assert sorted((line.variant.sku, line.delivered_at is None) for line in order.lines.all()) == [
        ("book", False),
        ("mug", True),
    ]
    assert counted(Variant.objects.get(sku="mug")) == (0, 9)


def test_a_repeated_complete_is_answered_without_asking_pi(alice: Page) -> None:
    _, identifier = alice.approved({"voucher": 1})
    txid = alice.pi.sign(identifier)
    first = alice.complete(identifier, txid)
    alice.pi.calls.clear()
    events = Event.objects.count()

    answers = [alice.complete(identifier, txid) for _ in range(5)]

    assert answers == [first] * 5
    assert (list(alice.pi.calls), Event.objects.count()) == ([], events)
    assert DeliveredCode.objects.count() == 1


def test_the_straight_road_costs_one_call_at_pi(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.pi.calls.clear()

    alice.complete(identifier, txid)

    assert acts(alice.pi) == ["complete"]


def test_a_made_up_txid_is_refused_and_nothing_of_it_is_stored(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})

    status, answer = alice.complete(identifier, "f" * 64, expect=None)

    assert (status, answer["error"]) == (409, "not_completed")
    assert PiPayment.objects.get().txid is None
    order.refresh_from_db()
    assert order.status == "reserved"


def test_after_a_made_up_txid_the_true_one_pays(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.complete(identifier, "f" * 64, expect=409)

    alice.complete(identifier, alice.pi.sign(identifier))

    order.refresh_from_db()
    assert order.status == "paid"


def test_a_made_up_txid_does_not_matter_once_pi_knows_the_true_one(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)

    answer = alice.complete(identifier, "f" * 64)

    assert (answer["status"], PiPayment.objects.get().txid) == ("completed", txid)


def test_complete_done_at_pi_but_its_answer_lost_is_found_by_the_repeat(alice: Page) -> None:
    order, identifier = alice.approved({"voucher": 1})
    txid = alice.pi.sign(identifier)
    alice.pi.faults.add("lose_answer", path="complete", times=1)
    alice.complete(identifier, txid, expect=503)
    assert status_of(identifier) == "approved"

    answer = alice.complete(identifier, txid)

    assert answer == {"status": "completed", "order": order.reference}
    assert DeliveredCode.objects.count() == 1


@pytest.mark.parametrize(
    "fault", ["refuse", "html", "html_after", "malformed", "nonsense", "down", "lose_answer"]
)
@pytest.mark.parametrize("step", ["approve", "complete"])
def test_whatever_pi_answers_nothing_is_lost_and_the_repeat_heals_it(
    alice: Page, fault: str, step: str
) -> None:
    order = alice.order({"voucher": 1})
    identifier = alice.create_payment(order)
    if step == "approve":
        alice.pi.faults.add(fault, path="payments")
        alice.approve(identifier, expect=503)
        alice.pi.faults.clear()
    alice.approve(identifier)
    txid = alice.pi.sign(identifier)
    if step == "complete":
        alice.pi.faults.add(fault, path="payments")
        alice.complete(identifier, txid, expect=503)
        alice.pi.faults.clear()

    answer = alice.complete(identifier, txid)

    assert answer["status"] == "completed"
    assert DeliveredCode.objects.count() == 1


def test_complete_before_approve_was_seen_still_pays(alice: Page) -> None:
    order = alice.order({"mug": 1})
    identifier = alice.create_payment(order)
    alice.pi.approve(identifier)
    txid = alice.pi.sign(identifier)

    answer = alice.complete(identifier, txid)

    assert answer["status"] == "completed"
    paid = Order.objects.get()
    assert (paid.status, paid.events.last().note) == ("paid", "paid_late")


def test_complete_before_the_buyer_has_signed_is_refused(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})

    answer = alice.complete(identifier, "a" * 64, expect=409)

    assert answer["error"] == "not_completed"


def test_a_stranger_completes_and_learns_only_the_status(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.token = ""

    assert alice.complete(identifier, txid) == {"status": "completed", "order": None}


def test_an_expired_token_does_not_keep_a_payment_from_completing(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.token = "over"

    assert alice.complete(identifier, txid)["status"] == "completed"


def test_codes_short_of_what_was_sold_keep_the_money_and_ask_for_a_refund(alice: Page) -> None:
    order, identifier = alice.approved({"voucher": 2})
    DeliveryCode.objects.exclude(pk=DeliveryCode.objects.first().pk).delete()

    answer = alice.complete(identifier, alice.pi.sign(identifier))

    order.refresh_from_db()
    assert answer["status"] == "completed"
    assert (order.status, order.review_reason, order.held_by) == ("needs_review", "delivery_failed", None)
    assert (Refund.objects.get().amount, Refund.objects.get().status) == (order.total, "requested")
    assert counted(Variant.objects.get(sku="voucher")) == (0, 20)
    assert DeliveryCode.objects.filter(sold_at=None).count() == 1, "none is handed out by half"


@pytest.mark.parametrize("lose", [lose_file, forget_file])
def test_a_download_without_a_file_keeps_the_money(alice: Page, lose: Callable[[str], None]) -> None:
    order, identifier = alice.approved({"book": 1})
    lose("book")

    alice.complete(identifier, alice.pi.sign(identifier))

    order.refresh_from_db()
    assert (order.status, order.review_reason) == ("needs_review", "delivery_failed")
    assert Refund.objects.get().status == "requested"


def test_another_amount_than_ordered_goes_to_review(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.pi.tamper(identifier, amount="0.5")

    alice.complete(identifier, txid)

    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (order.status, order.review_reason) == ("needs_review", "amount_mismatch")
    assert (refund.amount, PiPayment.objects.get().amount) == (PiPayment.objects.get().amount,) * 2
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_a_second_paid_payment_of_one_order_gets_a_refund_requested(alice: Page) -> None:
    order, first = alice.approved({"mug": 1})
    second = alice.rival_payment(order)
    alice.pi.approve(second)
    alice.pi.tamper(second, user_uid=alice.pioneer.uid)
    second_txid = alice.pi.sign(second)
    alice.complete(first, alice.pi.sign(first))

    answer = alice.complete(second, second_txid)

    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (answer["status"], order.status) == ("completed", "paid")
    assert (refund.payment.identifier, refund.amount) == (second, order.total)
    assert counted(Variant.objects.get(sku="mug")) == (0, 9)


@pytest.mark.parametrize(
    ("left", "status", "reason", "refunds"), [(10, "paid", "", 0), (0, "needs_review", "stock_gone", 1)]
)
def test_money_after_the_hold_has_expired(
    alice: Page, left: int, status: str, reason: str, refunds: int
) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)  # Pi also believes that it is unsigned, and cancels it
    Order.objects.update(status="expired")
    Variant.objects.filter(sku="mug").update(on_hand=left)
    alice.pi.record_transaction(identifier)

    answer = alice.complete(identifier, txid)

    order.refresh_from_db()
    assert answer["status"] == "completed"
    assert (order.status, order.review_reason, Refund.objects.count()) == (status, reason, refunds)
    assert counted(Variant.objects.get(sku="mug")) == (0, max(left - 1, 0))


def test_money_after_the_order_was_cancelled_goes_to_review(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, recorded=False)
    alice.post(f"/api/orders/{order.reference}/cancel/", {})
    alice.pi.record_transaction(identifier)

    alice.complete(identifier, txid)

    order.refresh_from_db()
    assert (order.status, order.review_reason) == ("needs_review", "paid_after_cancel")
    assert Refund.objects.get().amount == order.total


NOT_VERIFIED = [
    {"error": "not_verified", "error_message": "The transaction could not be verified."},
    {"error": "verification_failed", "verification_error": "tx_not_found"},
    {"error": "verification_failed", "verification_error": "payment_already_linked_with_a_tx"},
]


@pytest.mark.parametrize("body", NOT_VERIFIED)
def test_goods_stay_held_while_pi_has_not_verified_yet_and_the_repeat_gets_them(
    alice: Page, body: dict[str, str]
) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, verified=False)
    alice.pi.faults.add("refuse", path="/complete", times=2, status=400, body=body)

    answer = alice.complete(identifier, txid, expect=409)

    order.refresh_from_db()
    assert answer["error"] == "not_completed"
    assert (status_of(identifier), order.status) == ("submitted", "reserved")
    assert counted(Variant.objects.get(sku="mug")) == (1, 10)
    alice.pi.verify_transaction(identifier)
    assert alice.complete(identifier, txid)["status"] == "completed"


def test_a_transaction_that_pi_does_not_verify_goes_to_review_and_frees_the_goods(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, verified=False)

    not_verified_for_long(alice, identifier, txid)

    order.refresh_from_db()
    assert (status_of(identifier), order.status, order.review_reason) == (
        "failed",
        "needs_review",
        "tx_unverified",
    )
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_a_failed_payment_that_pi_verifies_later_is_recorded_and_refunded(alice: Page) -> None:
    _order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier, verified=False)
    not_verified_for_long(alice, identifier, txid)
    alice.pi.verify_transaction(identifier)

    answer = alice.complete(identifier, txid)

    assert (answer["status"], Refund.objects.get().status) == ("completed", "requested")


def test_an_orphan_with_a_transaction_is_completed_kept_and_refunded(alice: Page) -> None:
    identifier = alice.pi.create_payment(alice.pioneer, amount="3", memo="m", metadata={"order": "nobody's"})
    alice.pi.approve(identifier)
    txid = alice.pi.sign(identifier)

    answer = alice.complete(identifier, txid)

    payment, refund = PiPayment.objects.get(), Refund.objects.get()
    assert answer == {"status": "completed", "order": None}
    assert (payment.order, refund.payment, refund.amount) == (None, payment, payment.amount)
    assert alice.pi.payment(identifier)["status"]["developer_completed"] is True


def test_the_transaction_of_another_payment_pays_nothing(alice: Page, bob: Page) -> None:
    _, first = alice.approved({"mug": 1})
    txid = alice.pi.sign(first)
    alice.complete(first, txid)
    order, second = bob.approved({"mug": 1})

    bob.complete(second, txid, expect=409)

    order.refresh_from_db()
    assert (order.status, status_of(second)) == ("reserved", "approved")


def test_a_transaction_that_somebody_else_has_shown_pays_for_its_own_payment(alice: Page, bob: Page) -> None:
    """Anybody can show Pi any transaction on the chain, for a payment of their own."""
    order, hers = alice.approved({"mug": 1})
    _, his = bob.approved({"mug": 1})
    txid = alice.pi.sign(hers)
    alice.pi.tamper(his, transaction={"txid": txid, "verified": False, "_link": ""})
    bob.complete(his, txid, expect=409)
    assert PiPayment.objects.get(identifier=his).txid == txid

    answer = alice.complete(hers, txid)
    not_verified_for_long(bob, his, txid)

    order.refresh_from_db()
    assert (answer["status"], order.status, status_of(his)) == ("completed", "paid", "failed")
    assert Order.objects.get(payments__identifier=his).status == "needs_review"


@pytest.mark.parametrize("said", ["deadlock detected", "canceling statement due to lock timeout"])
def test_a_busy_database_is_no_failed_delivery(
    alice: Page, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    with monkeypatch.context() as busy:
        busy.setattr(stock, "consume", raising(OperationalError(said)))
        alice.complete(identifier, txid, expect=503)

    alice.complete(identifier, txid)

    order.refresh_from_db()
    assert (order.status, Refund.objects.count()) == ("paid", 0)


def raising(error: Exception) -> Callable[..., None]:
    def fail(*args: object) -> None:
        raise error

    return fail


def test_an_outgoing_payment_is_no_business_of_complete(alice: Page) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, amount="1", memo="refund", metadata={"refund": "1"})
    alice.pi.calls.clear()

    alice.complete(identifier, "a" * 64, expect=404)

    assert (acts(alice.pi), PiPayment.objects.count()) == (["GET"], 0)


def test_the_hold_of_a_signed_payment_never_runs_out(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.pi.faults.add("refuse", path="complete", times=1)
    alice.complete(identifier, txid, expect=503)
    Order.objects.update(reserved_until=timezone.now() - timedelta(hours=1))

    alice.incomplete(identifier)

    order.refresh_from_db()
    assert (order.status, order.events.last().note) == ("paid", "")


def test_money_that_came_needs_no_notice_any_more(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.pi.faults.add("refuse", path="/complete", times=2, status=400, body={"error": "never_heard_of"})
    alice.complete(identifier, txid, expect=409)
    assert PiPayment.objects.get().notice == "pi_refuses"

    alice.complete(identifier, txid)

    assert PiPayment.objects.get().notice == ""


def test_complete_costs_a_fixed_number_of_queries(
    alice: Page, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, identifier = alice.approved({"mug": 1, "book": 1, "voucher": 3})
    txid = alice.pi.sign(identifier)

    with django_assert_num_queries(26):
        alice.complete(identifier, txid)


def test_a_repeated_complete_costs_two_queries(
    alice: Page, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.complete(identifier, txid)

    with django_assert_num_queries(2):
        alice.complete(identifier, txid)
