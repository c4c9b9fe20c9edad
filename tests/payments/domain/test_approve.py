"""onReadyForServerApproval: the gate, the hold, then Pi may take the buyer's signature."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.models import Variant
from payments.domain.protocol import CALLBACK_SECONDS
from payments.models import Event, Order, PiPayment
from payments.pi import http
from tests.catalog.goods import counted
from tests.payments.page import Page, acts, status_of
from tests.payments.situations import given_up_while_signed

pytestmark = pytest.mark.django_db


def test_approve_holds_the_goods_and_approves_at_pi(alice: Page) -> None:
    order = alice.order({"mug": 2})
    identifier = alice.create_payment(order)

    answer = alice.approve(identifier)

    assert answer == {"status": "approved", "order": order["reference"]}
    held = Order.objects.get(reference=order["reference"])
    assert (held.status, held.held_by.identifier) == ("reserved", identifier)
    assert counted(Variant.objects.get(sku="mug")) == (2, 10)
    assert alice.pi.payment(identifier)["status"]["developer_approved"] is True


def test_approve_commits_the_intention_before_pi_is_asked(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    seen = []
    alice.pi.before_call = lambda call: seen.append(statuses()) if call.method == "POST" else None

    alice.approve(identifier)

    assert seen == [("reserved", "approving")]


def test_the_hold_is_counted_from_the_approval(alice: Page) -> None:
    before = timezone.now()

    order, _ = alice.approved({"mug": 1})

    assert 14.9 < (order.reserved_until - before).total_seconds() / 60 < 15.1


@pytest.mark.parametrize("times", [2, 6])
def test_a_repeated_approve_changes_nothing(alice: Page, times: int) -> None:
    order = alice.order({"mug": 1})
    identifier = alice.create_payment(order)
    first = alice.approve(identifier)
    events = Event.objects.count()

    answers = [alice.approve(identifier) for _ in range(times - 1)]

    assert answers == [first] * (times - 1)
    assert (Event.objects.count(), counted(Variant.objects.get(sku="mug"))) == (events, (1, 10))


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"amount": "1.4"}, "amount_mismatch"),
        ({"amount": "1.6"}, "amount_mismatch"),
        ({"amount": "1.5000001"}, "amount_mismatch"),
        ({"user_uid": "00000000-0000-4000-8000-000000000000"}, "payer_mismatch"),
        ({"network": "Pi Network"}, "network_mismatch"),
        ({"to_address": "G" + "A" * 55}, "destination_mismatch"),
        ({"metadata": {"order": "AAAA-AAAA-AA"}}, "unknown_order"),
        ({"metadata": {}}, "unknown_order"),
        ({"metadata": {"order": 5}}, "unknown_order"),
        ({"metadata": {"order": ["x"]}}, "unknown_order"),
        ({"metadata": {"order": "\u0000"}}, "unknown_order"),
        ({"metadata": {"order": "x" * 10_000}}, "unknown_order"),
    ],
)
def test_approve_refuses_what_is_not_as_ordered(alice: Page, lie: dict[str, object], code: str) -> None:
    order = alice.order({"mug": 1})
    identifier = alice.create_payment(order)
    alice.pi.tamper(identifier, **lie)
    alice.token = ""  # a stranger's call: with the token a foreign payer is a wrong caller

    status, answer = alice.approve(identifier, expect=None)

    assert (status, answer["error"]) == (409, code)
    assert alice.pi.payment(identifier)["status"]["cancelled"] is True
    assert statuses() == ("pending", "cancelled")
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)
    assert Event.objects.filter(order__isnull=False).count() == 1, "the order's story has only its beginning"


def test_approve_refuses_a_payment_of_another_pioneers_order(alice: Page, bob: Page) -> None:
    order = alice.order({"mug": 1})
    identifier = bob.create_payment(order)

    status, answer = bob.approve(identifier, expect=None)

    assert (status, answer["error"]) == (409, "payer_mismatch")
    assert PiPayment.objects.get().order is None


@pytest.mark.parametrize("closed", ["cancelled", "expired", "paid"])
def test_approve_refuses_a_closed_order(alice: Page, closed: str) -> None:
    order = alice.order({"mug": 1})
    if closed == "paid":
        first = alice.create_payment(order)
        alice.approve(first)
        alice.complete(first, alice.pi.sign(first))
    else:
        Order.objects.update(status=closed)
    identifier = alice.create_payment(order)

    status, answer = alice.approve(identifier, expect=None)

    assert (status, answer["error"]) == (409, "order_closed")
    assert status_of(identifier) == "cancelled"


def test_a_refused_payment_is_refused_again_for_the_same_reason(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.tamper(identifier, amount="9")

    codes = [alice.approve(identifier, expect=409)["error"] for _ in range(3)]

    assert codes == ["amount_mismatch"] * 3


def test_a_refusal_whose_cancel_is_lost_is_cancelled_by_the_repeat(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.tamper(identifier, amount="9")
    alice.pi.faults.add("refuse", path="cancel", times=1)
    alice.approve(identifier, expect=409)
    assert status_of(identifier) == "created"

    alice.approve(identifier, expect=409)

    assert (status_of(identifier), alice.pi.payment(identifier)["status"]["cancelled"]) == ("cancelled", True)


def test_approve_refuses_when_sold_out_and_cancels_at_pi(alice: Page, bob: Page) -> None:
    for_bob = bob.order({"mug": 10})
    alice.approved({"mug": 10})
    identifier = bob.create_payment(for_bob)

    status, answer = bob.approve(identifier, expect=None)

    assert (status, answer["error"]) == (409, "out_of_stock")
    assert bob.pi.payment(identifier)["status"]["cancelled"] is True
    assert Order.objects.get(reference=for_bob["reference"]).status == "pending"


def test_a_payment_cancelled_before_we_heard_of_it_holds_nothing(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.cancel_by_user(identifier)

    assert alice.approve(identifier, expect=409)["error"] == "payment_cancelled"

    assert set(acts(alice.pi)) == {"GET"}
    assert not Event.objects.filter(after="reserved").exists()


def test_a_payment_signed_before_we_heard_of_it_is_completed_at_once(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.approve(identifier)
    alice.pi.sign(identifier)

    assert alice.approve(identifier)["status"] == "completed"

    assert set(acts(alice.pi)) == {"GET", "complete"}
    assert not Event.objects.filter(after="reserved").exists()


def test_a_wrong_caller_gets_403_and_pi_is_left_alone(alice: Page, bob: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.calls.clear()

    answer = bob.approve(identifier, expect=403)

    assert (answer["error"], list(alice.pi.calls)) == ("wrong_caller", [])


def test_a_wrong_caller_of_an_unknown_payment_writes_nothing(alice: Page, bob: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.calls.clear()

    bob.approve(identifier, expect=403)

    assert acts(alice.pi) == ["GET"]
    assert PiPayment.objects.count() == 0


def test_a_wrong_access_token_in_the_body_is_a_wrong_caller(alice: Page, bob: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    body = {"paymentId": identifier, "accessToken": bob.pi.sign_in(bob.pioneer)}
    alice.pi.calls.clear()

    bob.token = ""
    answer = bob.post("/pi_payment/approve", body, expect=403)

    assert answer["error"] == "wrong_caller"
    asked = [(call.method, call.path) for call in alice.pi.calls]
    assert asked == [("GET", "/v2/me"), ("GET", f"/v2/payments/{identifier}")]
    assert PiPayment.objects.count() == 0


def test_a_stranger_approves_and_learns_only_the_status(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.token = ""

    assert alice.approve(identifier) == {"status": "approved", "order": None}


def test_an_outgoing_payment_is_no_business_of_approve(alice: Page) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, amount="1", memo="refund", metadata={"refund": "1"})
    alice.pi.calls.clear()

    alice.approve(identifier, expect=404)

    assert acts(alice.pi) == ["GET"]
    assert PiPayment.objects.count() == 0


def test_a_payment_of_another_app_is_unknown(alice: Page) -> None:
    order = alice.order({"mug": 1})
    identifier = alice.pi.create_payment(
        alice.pioneer, amount="1.5", memo="m", metadata=order["payment"]["metadata"], app="other"
    )

    alice.approve(identifier, expect=404)

    assert PiPayment.objects.count() == 0


def test_approve_lost_on_the_way_back_is_found_by_the_repeat(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.faults.add("lose_answer", path="approve", times=1)
    alice.approve(identifier, expect=503)
    assert status_of(identifier) == "approving"

    answer = alice.approve(identifier)

    assert answer["status"] == "approved"
    assert counted(Variant.objects.get(sku="mug")) == (1, 10)


def test_an_approve_that_pi_never_received_is_sent_again(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.faults.add("refuse", path="approve", times=1)
    alice.approve(identifier, expect=503)

    alice.approve(identifier)

    assert alice.pi.payment(identifier)["status"]["developer_approved"] is True


@pytest.mark.parametrize("seconds", [4])
def test_a_slow_pi_still_approves_within_one_callback(alice: Page, seconds: int) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.faults.add("latency", path="payments", seconds=seconds)

    assert alice.approve(identifier)["status"] == "approved"
    assert len(acts(alice.pi)) * seconds < CALLBACK_SECONDS


def test_asking_whose_token_it_is_counts_against_the_callbacks_time(
    alice: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    body = {"paymentId": identifier, "accessToken": alice.pi.sign_in(alice.pioneer)}
    alice.token = ""
    alice.pi.faults.add("latency", path="any", seconds=4)
    clock = SimpleNamespace(monotonic=lambda: alice.pi.clock.now().timestamp())
    monkeypatch.setattr(http, "time", clock)

    alice.post("/pi_payment/approve", body, expect=503)  # three slow answers are too many
    alice.pi.faults.clear()

    assert alice.post("/pi_payment/approve", body)["status"] == "approved"


def test_the_first_dialog_abandoned_for_a_second_gives_its_goods_up(alice: Page) -> None:
    order = alice.order({"mug": 1})
    first = alice.create_payment(order)
    alice.approve(first)
    second = alice.create_payment(order)  # Pi cancels the first by this

    alice.approve(second)

    held = Order.objects.get(reference=order["reference"])
    assert held.held_by.identifier == second
    assert (status_of(first), status_of(second)) == ("cancelled", "approved")
    assert counted(Variant.objects.get(sku="mug")) == (1, 10)


def test_the_abandoned_dialog_cannot_release_the_seconds_goods(alice: Page) -> None:
    order = alice.order({"mug": 1})
    first = alice.create_payment(order)
    alice.approve(first)
    second = alice.create_payment(order)
    alice.approve(second)

    alice.cancel(first)
    alice.incomplete(first)

    assert Order.objects.get(reference=order["reference"]).held_by.identifier == second
    assert counted(Variant.objects.get(sku="mug")) == (1, 10)


def test_a_second_dialog_while_the_first_is_alive_is_refused(alice: Page) -> None:
    order, first = alice.approved({"mug": 1})
    second = alice.rival_payment(order)

    answer = alice.approve(second, expect=409)

    assert answer["error"] == "payment_in_progress"
    assert (status_of(first), status_of(second)) == ("approved", "cancelled")


def test_an_order_whose_rival_was_paid_is_closed_for_the_second(alice: Page) -> None:
    order, first = alice.approved({"mug": 1})
    alice.pi.sign(first)
    second = alice.rival_payment(order)

    answer = alice.approve(second, expect=409)

    assert answer["error"] == "order_closed"
    order.refresh_from_db()
    assert (order.status, status_of(first), status_of(second)) == ("paid", "completed", "cancelled")


def test_a_record_that_changes_after_the_gate_is_cancelled_and_released(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.tamper(identifier, amount="0.5")

    answer = alice.incomplete(identifier)

    order.refresh_from_db()
    assert (answer["status"], order.status) == ("cancelled", "pending")
    assert PiPayment.objects.get().refusal == "amount_mismatch"


def statuses() -> tuple[str, str]:
    return Order.objects.get().status, PiPayment.objects.get().status


def signed_after_it_was_given_up(alice: Page) -> tuple[Order, str, str]:
    """Return an open order, its first payment, whose transaction is not verified yet, and a second one."""
    answer = alice.order({"mug": 1})
    first = given_up_while_signed(alice, answer, verified=False)
    second = alice.create_payment(answer)
    alice.pi.record_transaction(first)
    alice.incomplete(first)
    assert status_of(first) == "submitted"
    return Order.objects.get(), first, second


def test_nobody_pays_a_second_time_while_the_first_money_is_on_its_way(alice: Page) -> None:
    order, first, second = signed_after_it_was_given_up(alice)

    assert alice.approve(second, expect=409)["error"] == "payment_in_progress"

    alice.pi.verify_transaction(first)
    alice.incomplete(first)
    order.refresh_from_db()
    assert (order.status, status_of(first), status_of(second)) == ("paid", "completed", "cancelled")


def test_an_order_is_not_given_up_while_its_money_is_on_its_way(alice: Page) -> None:
    order, _, _ = signed_after_it_was_given_up(alice)

    answer = alice.post(f"/api/orders/{order.reference}/cancel/", {}, expect=409)

    order.refresh_from_db()
    assert (answer["error"], order.status) == ("order_closed", "pending")


def test_approve_costs_two_calls_at_pi_and_a_fixed_number_of_queries(
    alice: Page, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1, "book": 1, "voucher": 1}))
    alice.pi.calls.clear()

    with django_assert_num_queries(31):
        alice.approve(identifier)

    assert acts(alice.pi) == ["GET", "approve"]
