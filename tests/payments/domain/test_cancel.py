"""onCancel and onError: hints from a browser. Only what Pi says releases anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from catalog.models import Variant
from payments.domain import protocol
from payments.domain.protocol import ERRORS_KEPT
from payments.models import Event, EventKind, Order, PiPayment
from payments.moves import Author, record
from tests.catalog.goods import counted
from tests.payments.page import Page, acts, status_of

pytestmark = pytest.mark.django_db


def test_cancelled_in_the_wallet_the_order_is_pending_again_and_the_goods_are_back(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.cancel_by_user(identifier)

    answer = alice.cancel(identifier)

    order.refresh_from_db()
    assert answer == {"status": "cancelled", "order": order.reference}
    assert (order.status, order.held_by, order.reserved_until) == ("pending", None, None)
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_cancelled_too_late_the_order_is_expired(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    alice.pi.cancel_by_user(identifier)

    alice.cancel(identifier)

    order.refresh_from_db()
    assert order.status == "expired"


def test_a_browsers_word_releases_nothing(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})

    answer = alice.cancel(identifier)

    order.refresh_from_db()
    assert (answer["status"], order.status) == ("approved", "reserved")
    assert alice.pi.payment(identifier)["status"]["cancelled"] is False


def test_cancel_of_a_paid_payment_completes_it(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)

    answer = alice.cancel(identifier)

    order.refresh_from_db()
    assert (answer["status"], order.status) == ("completed", "paid")


def test_a_repeated_cancel_changes_nothing(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.cancel_by_user(identifier)
    first = alice.cancel(identifier)
    events = Event.objects.count()

    answers = [alice.cancel(identifier) for _ in range(5)]

    assert (answers, Event.objects.count()) == ([first] * 5, events)


def test_after_a_cancel_the_buyer_pays_the_same_order(alice: Page) -> None:
    order = alice.order({"mug": 1})
    first = alice.create_payment(order)
    alice.approve(first)
    alice.pi.cancel_by_user(first)
    alice.cancel(first)

    second = alice.create_payment(order)
    alice.approve(second)
    alice.complete(second, alice.pi.sign(second))

    assert Order.objects.get().status == "paid"
    assert counted(Variant.objects.get(sku="mug")) == (0, 9)


@pytest.mark.parametrize("path", ["/payments/cancelled_payment", "/pi_payment/cancel"])
def test_every_clients_cancel_is_the_same(alice: Page, path: str) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.cancel_by_user(identifier)

    assert alice.post(path, {"paymentId": identifier})["status"] == "cancelled"


def test_a_transaction_seen_after_the_cancel_wins(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)
    assert status_of(identifier) == "cancelled"
    alice.pi.record_transaction(identifier)

    answer = alice.cancel(identifier)

    order.refresh_from_db()
    assert (answer["status"], order.status, order.events.get(after="paid").note) == (
        "completed",
        "paid",
        "paid_late",
    )


def test_an_error_is_noted_for_staff_and_the_truth_is_looked_up(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.cancel_by_user(identifier)

    answer = alice.post("/payments/error", {"paymentId": identifier, "error": "wallet broke"})

    order.refresh_from_db()
    assert (answer["status"], order.status) == ("cancelled", "pending")
    note = Event.objects.get(kind="noted")
    assert (note.payment.identifier, note.note, note.cause) == (identifier, "wallet broke", "report_error")


def test_five_errors_per_payment_are_kept(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})

    for n in range(8):
        alice.post("/payments/error", {"paymentId": identifier, "error": {"message": f"{n}" * 1000}})

    notes = Event.objects.filter(kind="noted")
    assert (notes.count(), max(len(event.note) for event in notes)) == (5, 200)


def test_errors_are_counted_apart_from_all_else_that_is_written_down(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    protocol.report_error(identifier, "e" * 600, caller=None)
    payment = PiPayment.objects.get(identifier=identifier)
    for _ in range(ERRORS_KEPT):
        with transaction.atomic():
            record(payment, EventKind.NOTED, by=Author("staff carol", "ask_pi"), note="asked Pi")

    for _ in range(ERRORS_KEPT):
        protocol.report_error(identifier, "again", caller=None)

    notes = payment.events.filter(kind="noted", cause="report_error").values_list("actor", "note")
    assert list(notes) == [("stranger", "e" * 200)] + [("stranger", "again")] * (ERRORS_KEPT - 1)
    assert payment.events.filter(kind="moved").values_list("actor", "cause").first() == (
        "stranger",
        "report_error",
    )


@pytest.mark.parametrize("body", [{}, {"error": "x"}, {"paymentId": None, "error": {}}])
def test_an_error_without_a_payment_is_only_logged(alice: Page, body: dict[str, object]) -> None:
    alice.pi.calls.clear()

    alice.post("/payments/error", body)

    assert (list(alice.pi.calls), Event.objects.count()) == ([], 0)


@pytest.mark.parametrize("callback", ["cancel", "incomplete", "error"])
def test_no_callback_touches_an_outgoing_payment(alice: Page, callback: str) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, amount="1", memo="refund", metadata={"refund": "1"})
    alice.pi.calls.clear()

    alice.post(f"/payments/{callback}", {"paymentId": identifier}, expect=404)

    assert (acts(alice.pi), PiPayment.objects.count()) == (["GET"], 0)


@pytest.mark.parametrize("callback", ["approve", "cancel", "incomplete", "error"])
@pytest.mark.parametrize("fault", ["down", "html", "refuse", "malformed", "nonsense"])
def test_every_callback_asks_for_a_retry_when_pi_cannot_say(alice: Page, callback: str, fault: str) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.pi.faults.add(fault, path="payments")

    response = alice.client.post(
        f"/payments/{callback}", {"paymentId": identifier}, content_type="application/json"
    )

    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert response.json()["error"] == "pi_unreachable"
    assert Order.objects.get().status == "pending"
