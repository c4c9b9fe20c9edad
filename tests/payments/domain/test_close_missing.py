"""Staff give up a payment that Pi no longer knows, by name."""

from __future__ import annotations

import pytest

from catalog.models import Variant
from payments.domain import decisions, protocol
from payments.domain.settle import UnknownPayment
from payments.models import PiPayment
from payments.moves import Author
from payments.pi.client import PiError
from tests.catalog.goods import counted
from tests.payments.page import Page, acts, status_of
from tests.payments.situations import asking, everything, story

pytestmark = pytest.mark.django_db
BY = Author("staff carol", "close_missing")


def _forgotten(buyer: Page) -> PiPayment:
    _, identifier = buyer.approved({"mug": 1})
    buyer.pi.reset()
    PiPayment.objects.update(notice="not_shown")
    return PiPayment.objects.get(identifier=identifier)


def test_what_a_missing_payment_holds_is_released(alice: Page) -> None:
    payment = _forgotten(alice)

    payment = decisions.close_missing(payment, pi=asking(), by=BY)

    order = payment.order
    assert order is not None
    assert story(payment)[-1] == ("staff carol", "close_missing", "approved", "cancelled")
    assert story(order)[-1] == ("staff carol", "close_missing", "reserved", "pending")
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_a_closed_payment_needs_no_notice_any_more(alice: Page) -> None:
    payment = decisions.close_missing(_forgotten(alice), pi=asking(), by=BY, note="the key was changed")

    payment.refresh_from_db()
    assert payment.notice == ""
    assert payment.events.get(after="cancelled").note == "Pi does not know it. the key was changed"


def test_a_payment_may_be_closed_without_a_note(alice: Page) -> None:
    payment = decisions.close_missing(_forgotten(alice), pi=asking(), by=BY)

    assert payment.events.get(after="cancelled").note == "Pi does not know it."


def test_a_closed_payment_is_still_watched_without_a_notice(alice: Page) -> None:
    payment = decisions.close_missing(_forgotten(alice), pi=asking(), by=BY)

    with pytest.raises(UnknownPayment):
        protocol.reconcile(payment, pi=asking(), by=BY)

    payment.refresh_from_db()
    assert (payment.notice, payment.next_check_at is None) == ("", False)


def test_a_closed_payment_that_never_held_goods_is_not_watched(alice: Page) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))
    protocol.report_error(identifier, "a hiccup", caller=None)
    alice.pi.reset()

    payment = decisions.close_missing(PiPayment.objects.get(), pi=asking(), by=BY)

    payment.refresh_from_db()
    assert (payment.status, payment.next_check_at) == ("cancelled", None)


def test_a_payment_that_pi_shows_again_is_settled_instead(alice: Page) -> None:
    order, identifier = alice.approved({"voucher": 1})
    alice.pi.sign(identifier)

    payment = decisions.close_missing(PiPayment.objects.get(), pi=asking(), by=BY)

    order.refresh_from_db()
    assert (payment.status, order.status) == ("completed", "fulfilled")


def test_a_payment_that_pi_still_shows_open_is_left_open(alice: Page) -> None:
    _, identifier = alice.approved({"voucher": 1})

    decisions.close_missing(PiPayment.objects.get(), pi=asking(), by=BY)

    assert status_of(identifier) == "approved"


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("down", {}),
        ("html", {}),
        ("malformed", {}),
        ("refuse", {"status": 401, "body": {"error": "Invalid/missing API key"}}),
        ("refuse", {"status": 404, "body": {"error": "no_such_route"}}),
    ],
)
def test_nothing_is_closed_when_pi_cannot_say(alice: Page, fault: str, more: dict[str, object]) -> None:
    payment = _forgotten(alice)
    alice.pi.faults.add(fault, **more)
    before = everything()

    with pytest.raises(PiError):
        decisions.close_missing(payment, pi=asking(), by=BY)

    assert everything() == before


def test_a_payment_that_is_over_is_not_closed(alice: Page) -> None:
    alice.buy({"mug": 1})
    alice.pi.calls.clear()
    before = everything()

    with pytest.raises(
        decisions.Declined, match=r"^Only an open payment can be closed; this one is completed\.$"
    ):
        decisions.close_missing(PiPayment.objects.get(), pi=asking(), by=BY)

    assert (everything(), acts(alice.pi)) == (before, [])


def test_a_signed_payment_that_pi_has_forgotten_goes_to_review_and_frees_its_goods(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)
    alice.pi.faults.add("down", path="complete")
    alice.cancel(identifier, expect=503)
    alice.pi.reset()

    payment = decisions.close_missing(PiPayment.objects.get(), pi=asking(), by=BY)

    order.refresh_from_db()
    assert (payment.status, order.status, order.review_reason) == ("failed", "needs_review", "tx_unverified")
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_what_staff_have_written_on_it_stays(alice: Page) -> None:
    payment = _forgotten(alice)
    PiPayment.objects.update(attention="Alice phoned")

    payment = decisions.close_missing(PiPayment.objects.get(), pi=asking(), by=BY)

    payment.refresh_from_db()
    assert (payment.status, payment.attention) == ("cancelled", "Alice phoned")
