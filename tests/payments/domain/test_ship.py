"""Staff ship the parcels of a paid order."""

from __future__ import annotations

import pytest

from payments.domain import decisions, refunds
from payments.models import Order, Refund
from payments.moves import Author
from tests.payments.page import Page
from tests.payments.situations import CAROL, approve, everything, paid_after_cancel, pay_again, story

pytestmark = pytest.mark.django_db
BY = Author("staff carol", "ship")


def test_a_shipped_order_is_fulfilled(alice: Page) -> None:
    order = alice.buy({"mug": 1, "book": 1})

    order = decisions.ship(order, by=BY)

    assert story(order)[-1] == ("staff carol", "ship", "paid", "fulfilled")
    assert not order.lines.filter(delivered_at=None).exists()


def test_what_was_delivered_before_keeps_its_time(alice: Page) -> None:
    order = alice.buy({"mug": 1, "book": 1})
    delivered = order.lines.get(variant__sku="book").delivered_at

    decisions.ship(order, by=BY)

    assert order.lines.get(variant__sku="book").delivered_at == delivered


def test_the_note_of_a_parcel_is_on_the_timeline(alice: Page) -> None:
    order = alice.buy({"mug": 1})

    decisions.ship(order, by=BY, note="RR123456785GB")

    assert order.events.get(kind="noted").note == "shipped RR123456785GB"


def test_a_parcel_may_leave_without_a_note(alice: Page) -> None:
    order = alice.buy({"mug": 1})

    decisions.ship(order, by=BY)

    assert order.events.get(kind="noted").note == "shipped"


def test_shipping_twice_changes_nothing(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    decisions.ship(order, by=BY)
    before = everything()

    decisions.ship(order, by=Author("staff dora", "ship"))

    assert everything() == before


@pytest.mark.parametrize("first", ["RR111111111GB", ""])
def test_a_second_tracking_number_is_kept_and_its_author_told(alice: Page, first: str) -> None:
    order = alice.buy({"mug": 1})
    decisions.ship(order, by=BY, note=first)

    with pytest.raises(
        decisions.AlreadyShipped, match=r"^It was shipped already\. The timeline keeps your note"
    ):
        decisions.ship(order, by=Author("staff dora", "ship"), note="RR222222222GB")

    notes = list(order.events.filter(kind="noted").values_list("actor", "note"))
    assert notes == [
        ("staff carol", f"shipped {first}".strip()),
        ("staff dora", "after it was shipped: RR222222222GB"),
    ]


def test_shipping_is_declined_while_the_money_goes_back(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    approve(refunds.flag_for_refund(order.payments.get(), reason="changed my mind", by=CAROL))
    before = everything()

    with pytest.raises(
        decisions.Declined, match=r"^Its money is on its way back to the buyer: the goods must stay here\.$"
    ):
        decisions.ship(order, by=BY)

    assert everything() == before


ASKED_BACK = r"^A refund of its money is requested: reject the request first, or keep the goods here\.$"


def test_shipping_is_declined_while_the_money_is_asked_back(alice: Page) -> None:
    """It may have been sent by hand already, which cannot be recorded."""
    order = alice.buy({"mug": 1})
    refund = refunds.flag_for_refund(order.payments.get(), reason="changed my mind", by=CAROL)
    before = everything()

    with pytest.raises(decisions.Declined, match=ASKED_BACK):
        decisions.ship(order, by=BY)
    assert everything() == before

    decisions.reject_refund(refund, by=BY, note="flagged by mistake")
    assert decisions.ship(order, by=BY).status == "fulfilled"


@pytest.mark.parametrize("is_approved", [False, True])
def test_the_refund_of_a_second_payment_stops_no_parcel(alice: Page, is_approved: bool) -> None:
    order = alice.buy({"mug": 1})
    pay_again(alice, order)
    if is_approved:
        approve(Refund.objects.get())

    assert decisions.ship(order, by=BY).status == "fulfilled"


@pytest.mark.parametrize("is_approved", [False, True])
def test_shipping_is_declined_while_both_payments_are_asked_back(alice: Page, is_approved: bool) -> None:
    order = alice.buy({"mug": 1})
    first = order.payments.get()
    pay_again(alice, order)
    if is_approved:
        approve(Refund.objects.get())
    refunds.flag_for_refund(first, reason="changed my mind", by=CAROL)

    with pytest.raises(decisions.Declined, match=ASKED_BACK):
        decisions.ship(order, by=BY)


def test_an_unpaid_order_is_not_shipped(alice: Page) -> None:
    order, _ = alice.approved({"mug": 1})
    before = everything()

    with pytest.raises(
        decisions.Declined,
        match=r"^Only a paid order can be shipped; this one is held for a payment\.$",
    ):
        decisions.ship(order, by=BY)

    assert everything() == before


def test_an_order_in_review_is_not_shipped(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})

    with pytest.raises(decisions.Declined, match="Only a paid order"):
        decisions.ship(order, by=BY)

    assert Order.objects.get().status == "needs_review"
