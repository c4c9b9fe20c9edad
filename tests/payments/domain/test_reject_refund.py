"""Staff withdraw a refund that was only requested."""

from __future__ import annotations

import pytest

from payments.domain import decisions, refunds
from payments.models import Refund
from payments.moves import Author
from tests.payments.page import Page
from tests.payments.situations import CAROL, approve, everything, paid_after_cancel, story

pytestmark = pytest.mark.django_db
BY = Author("staff carol", "reject_refund")


def test_a_rejected_refund_tells_who_and_why(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})

    refund = decisions.reject_refund(Refund.objects.get(), by=BY, note="sent by hand")

    assert story(refund)[-1] == ("staff carol", "reject_refund", "requested", "rejected")
    assert refund.events.last().note == "sent by hand"


def test_the_money_of_a_rejected_refund_can_be_flagged_again(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    payment = order.payments.get()
    refund = refunds.flag_for_refund(payment, reason="a mistake", by=CAROL)

    decisions.reject_refund(refund, by=BY, note="a mistake")

    assert refunds.flag_for_refund(payment, reason="not a mistake", by=CAROL).amount == payment.amount


def test_an_approved_refund_cannot_be_rejected(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    refund = approve(Refund.objects.get())
    before = everything()

    with pytest.raises(
        decisions.Declined, match=r"^Only a requested refund can be rejected; this one is approved\.$"
    ):
        decisions.reject_refund(refund, by=BY, note="too late")

    assert everything() == before
