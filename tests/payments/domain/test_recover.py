"""onIncompletePaymentFound: a payment left open by an earlier visit is finished, so nobody is locked out."""

from __future__ import annotations

import pytest

from catalog.models import Variant
from payments.models import Event, Order, PiPayment, Refund
from tests.catalog.goods import counted
from tests.payments.page import Page, acts, status_of

pytestmark = pytest.mark.django_db


def test_paid_before_the_browser_closed_is_completed(alice: Page) -> None:
    order, identifier = alice.approved({"voucher": 1})
    alice.pi.sign(identifier)

    answer = alice.incomplete(identifier)

    order.refresh_from_db()
    assert answer == {"status": "completed", "order": order.reference}
    assert order.status == "fulfilled"


def test_the_recovered_buyer_can_buy_again(alice: Page) -> None:
    _, identifier = alice.approved({"voucher": 1})
    alice.pi.sign(identifier)
    alice.incomplete(identifier)

    assert alice.buy({"voucher": 1}).status == "fulfilled"


def test_a_payment_without_a_transaction_is_cancelled_and_its_goods_are_back(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})

    answer = alice.incomplete(identifier)

    order.refresh_from_db()
    assert (answer["status"], order.status) == ("cancelled", "pending")
    assert alice.pi.payment(identifier)["status"]["cancelled"] is True
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)
    assert alice.pi.incomplete_payment_of(alice.pioneer) is None


def test_a_payment_we_have_never_seen_is_cancelled_too(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))

    answer = alice.incomplete(identifier)

    assert (answer["status"], status_of(identifier)) == ("cancelled", "cancelled")


def test_a_recovery_may_come_before_sign_in(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.token = ""

    assert alice.incomplete(identifier) == {"status": "cancelled", "order": None}


@pytest.mark.parametrize("path", ["/payments/incomplete", "/pi_payment/incomplete"])
@pytest.mark.parametrize("transaction", [None, "f" * 64])
def test_what_pi_sdk_js_sends_is_understood(alice: Page, path: str, transaction: str | None) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)

    answer = alice.post(path, {"paymentId": identifier, "transactionId": transaction})

    assert answer["status"] == "completed"


def test_the_whole_dto_is_understood_and_nothing_of_it_believed(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    claimed = {
        "identifier": identifier,
        "amount": 0.0,
        "user_uid": "somebody",
        "transaction": {"txid": "f" * 64, "verified": True, "_link": "http://169.254.169.254/"},
        "status": {"developer_completed": True, "transaction_verified": True},
    }

    answer = alice.post("/payments/incomplete", {"payment": claimed})

    order.refresh_from_db()
    assert (answer["status"], order.status, PiPayment.objects.get().txid) == ("cancelled", "pending", None)
    assert {call.path.split("/")[1] for call in alice.pi.calls} == {"v2"}


def test_a_transaction_that_comes_between_our_look_and_our_cancel_is_completed(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.before_call = lambda call: alice.pi.sign(identifier) if call.path.endswith("/cancel") else None

    answer = alice.incomplete(identifier)

    order.refresh_from_db()
    assert (answer["status"], order.status) == ("completed", "paid")
    assert acts(alice.pi)[-4:] == ["GET", "cancel", "GET", "complete"]


def test_cancelled_at_pi_but_the_answer_lost_is_released_by_the_repeat(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.faults.add("lose_answer", path="cancel", times=1)
    alice.incomplete(identifier, expect=503)
    assert counted(Variant.objects.get(sku="mug")) == (1, 10)

    alice.incomplete(identifier)

    order.refresh_from_db()
    assert order.status == "pending"
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_a_repeated_recovery_changes_nothing(alice: Page) -> None:
    _, identifier = alice.approved({"voucher": 1})
    alice.pi.sign(identifier)
    first = alice.incomplete(identifier)
    events = Event.objects.count()

    answers = [alice.incomplete(identifier) for _ in range(5)]

    assert (answers, Event.objects.count(), Refund.objects.count()) == ([first] * 5, events, 0)


def test_buy_now_left_open_with_a_transaction_is_an_orphan_with_a_refund(alice: Page) -> None:
    identifier = alice.pi.create_payment(
        alice.pioneer, amount="0.25", memo="m", metadata={"productId": "book"}
    )
    alice.pi.approve(identifier)
    alice.pi.sign(identifier)

    answer = alice.incomplete(identifier)

    assert (answer["status"], Order.objects.count(), Refund.objects.count()) == ("completed", 0, 1)
