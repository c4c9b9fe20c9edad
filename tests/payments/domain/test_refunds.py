"""Requesting a refund: how much of a payment is left, and what the request says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from payments.domain import refunds
from payments.moves import Author
from tests.payments import rows

pytestmark = pytest.mark.django_db
BY = Author("staff carol", "flag_refund")


@pytest.mark.parametrize(
    ("asked_for", "left"),
    [
        ({}, "3"),
        ({"requested": "1"}, "2"),
        ({"done": "1", "approved": "0.5", "failed": "0.25"}, "1.25"),
        ({"rejected": "1"}, "3"),
        ({"done": "3"}, "0"),
    ],
)
def test_what_is_refunded_or_asked_for_is_not_left(asked_for: dict[str, str], left: str) -> None:
    payment = rows.payment("completed", amount=Decimal(3))
    for status, amount in asked_for.items():
        rows.refund(status, payment=payment, amount=Decimal(amount))

    assert refunds.refundable(payment) == Decimal(left)


@pytest.mark.parametrize("status", ["created", "approved", "submitted", "cancelled", "failed"])
def test_money_that_never_came_cannot_go_back(status: str) -> None:
    payment = rows.payment(status)

    assert refunds.refundable(payment) == 0
    with pytest.raises(refunds.RefundImpossible):
        refunds.flag_for_refund(payment, reason="a mistake", by=BY)


def test_no_refund_is_requested_twice() -> None:
    payment = rows.payment("completed")
    refunds.flag_for_refund(payment, reason="a mistake", by=BY)

    with pytest.raises(refunds.RefundImpossible, match=f"^nothing of payment {payment} is left to refund$"):
        refunds.flag_for_refund(payment, reason="a mistake", by=BY)


def test_a_request_tells_who_asks_and_why() -> None:
    payment = rows.payment("completed", order=rows.order("paid"))

    refund = refunds.flag_for_refund(payment, reason="r" * 600, by=BY)

    refund.refresh_from_db()
    assert (refund.payment, refund.order, refund.amount) == (payment, payment.order, payment.amount)
    assert (refund.asked_by, refund.reason) == ("staff carol", "r" * 200)
    assert [event.note for event in refund.events.all()] == ["r" * 500]
