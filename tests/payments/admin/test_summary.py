"""The one sentence at the top of an order's page: what is true, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from payments.admin import summary
from payments.domain.settle import UnknownPayment, settle
from payments.models import Order, PiPayment
from payments.pi.client import PiClient
from payments.statuses import Notice
from tests.catalog.goods import product, variant
from tests.payments import stories
from tests.payments.page import Page
from tests.payments.situations import CAROL

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (stories.pending, "Not paid yet. It stays open until 23:59 UTC."),
        (stories.pending_too_long, "Not paid in time. The clean-up will expire it."),
        (stories.reserved, "The buyer is paying. The goods are held until 23:58 UTC."),
        (
            stories.reserved_too_long,
            "The goods are held past their time. They go back to stock once Pi has cancelled the payment.",
        ),
        (
            stories.signed,
            "The buyer has signed, but Pi has not completed the payment yet. Wait, or ask Pi again.",
        ),
        (stories.paid, "Paid. 2 items to ship."),
        (stories.paid_twice, "Paid. 1 item to ship. A refund of 1.5 π is requested."),
        (
            stories.paid_twice_and_rejected,
            "Paid. 1 item to ship. The buyer paid 1.5 π too much: flag it for refund.",
        ),
        (
            stories.asked_back,
            ("Paid, but do not ship: decide on the refund first. A refund of 1.5 π is requested."),
        ),
        (
            stories.going_back,
            "Paid, but the money is on its way back: do not ship. A refund of 1.5 π is on its way.",
        ),
        (stories.failed_to_go_back, "Paid. 1 item to ship. A refund of 1.5 π has failed."),
        (stories.fulfilled, "Paid, and everything is delivered."),
        (
            stories.unused,
            "Waiting for payment, but 1.5 π arrived that cannot pay for it. A refund of 1.5 π is requested.",
        ),
        (
            stories.unused_and_cancelled,
            "Cancelled, but 1.5 π arrived that cannot pay for it. A refund of 1.5 π is requested.",
        ),
        (
            stories.doubted_and_cancelled,
            "Cancelled. Pi does not verify its transaction: look on the chain.",
        ),
        (
            stories.sold_out_meanwhile,
            "Not paid yet. It stays open until 23:59 UTC. There is not enough left in stock.",
        ),
        (
            stories.honoured_for_too_little,
            "Counts as paid, although only 0.5 π arrived. 1 item to ship.",
        ),
        (
            stories.honoured_without_money,
            "Counts as paid, although nothing arrived. 1 item to ship.",
        ),
        (
            stories.honoured_without_money_and_delivered,
            "Counts as paid, although nothing arrived, and everything is delivered.",
        ),
        (
            stories.believed_at_last,
            (
                "Needs review: the money arrived after Pi had not verified the transaction. Hand the goods "
                "over, or let the refund go through. A refund of 1.5 π is requested."
            ),
        ),
        (
            stories.review_going_back,
            ("Paid, but the money is on its way back: keep the goods. A refund of 1.5 π is on its way."),
        ),
        (
            stories.unused_and_going_back,
            "Waiting for payment, but 1.5 π arrived that cannot pay for it. A refund of 1.5 π is on its way.",
        ),
        (
            stories.fulfilled_and_going_back,
            "Paid and delivered, but the money is on its way back. A refund of 0.1 π is on its way.",
        ),
        (stories.paid_and_back, "Everything that was paid has been refunded."),
        (
            stories.refunded_and_paid_again,
            (
                "Refunded, but 1.5 π arrived that cannot pay for it. A refund of 1.5 π is requested. "
                "1.5 π was refunded."
            ),
        ),
        (stories.expired, "Expired: nobody paid in time."),
        (stories.cancelled, "Cancelled; nothing was paid."),
        (
            stories.review,
            (
                "Needs review: paid after the order was cancelled. Hand the goods over, or let the refund "
                "go through. A refund of 1.5 π is requested."
            ),
        ),
        (
            stories.review_without_refund,
            (
                "Needs review: paid after the order was cancelled. Hand the goods over, or flag the "
                "payment for refund."
            ),
        ),
        (
            stories.doubtful,
            (
                "Needs review: Pi does not verify the transaction. Ask Pi again, and look for it on the "
                "chain, before you hand anything over."
            ),
        ),
        (stories.refunded, "Everything that was paid has been refunded."),
    ],
)
def test_an_order_in_one_sentence(alice: Page, story: Callable[[Page], Order], sentence: str) -> None:
    order = story(alice)

    assert summary.describe_order(Order.objects.get(pk=order.pk)) == sentence


def test_every_status_of_an_order_has_a_sentence(alice: Page) -> None:
    order = stories.paid(alice)
    for status in summary.OrderStatus.values:
        order.status = status
        assert summary.describe_order(order)


@pytest.mark.parametrize(
    ("quantities", "items"),
    [([1], "1 item"), ([3], "3 items"), ([1, 1], "2 items"), ([2, 1, 4], "7 items"), ([1] * 9, "9 items")],
    ids=str,
)
def test_what_waits_is_counted_in_units_not_in_parcels(
    alice: Page, quantities: list[int], items: str
) -> None:
    goods = {variant(product(f"Plate{number}"), on_hand=9): count for number, count in enumerate(quantities)}
    order = alice.buy({plate.sku: count for plate, count in goods.items()})

    assert summary.describe_order(order) == f"Paid. {items} to ship."


def test_what_is_delivered_does_not_wait(alice: Page) -> None:
    order = alice.buy({"mug": 2, "book": 1, "voucher": 3})

    assert summary.describe_order(order) == "Paid. 2 items to ship."


@pytest.mark.parametrize(
    ("story", "paid_requested_on_its_way_refunded_due"),
    [
        (stories.pending, "0 0 0 0 0"),
        (stories.paid, "3.1 0 0 0 0"),
        (stories.paid_twice, "3 1.5 0 0 1.5"),
        (stories.paid_twice_and_rejected, "3 0 0 0 1.5"),
        (stories.going_back, "1.5 0 1.5 0 1.5"),
        (stories.failed_to_go_back, "1.5 0 0 0 1.5"),
        (stories.review, "1.5 1.5 0 0 1.5"),
        (stories.refunded, "1.5 0 0 1.5 0"),
    ],
)
def test_the_sums_of_an_order(
    alice: Page, story: Callable[[Page], Order], paid_requested_on_its_way_refunded_due: str
) -> None:
    sums = summary.sums(Order.objects.get(pk=story(alice).pk))

    expected = [Decimal(amount) for amount in paid_requested_on_its_way_refunded_due.split()]
    assert [sums.paid, sums.requested, sums.on_its_way, sums.refunded, sums.due] == expected


def test_sums_are_exact(alice: Page) -> None:
    order = alice.buy({"voucher": 3})
    PiPayment.objects.update(amount=Decimal("12345678.1234567"))

    assert summary.sums(order).due == Decimal("12345677.8234567")


def _seen(page: Page) -> None:
    page.cancel(page.create_payment(page.order({"mug": 1})))


def _refused(page: Page) -> None:
    identifier = page.create_payment(page.order({"mug": 1}))
    page.pi.tamper(identifier, amount="9")
    page.approve(identifier, expect=409)


def _refused_and_still_open(page: Page) -> None:
    page.pi.faults.add("down", path="cancel")
    _refused(page)


def _orphan(page: Page) -> None:
    identifier = page.pi.create_payment(page.pioneer, amount="0.7", metadata={"order": "nonsense"})
    page.pi.approve(identifier)
    page.pi.sign(identifier)
    page.incomplete(identifier)


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (_seen, "Created at Pi. No goods are held, and the buyer cannot sign it yet."),
        (_refused, "Refused (amount_mismatch) and cancelled: nothing was charged."),
        (_refused_and_still_open, "Refused (amount_mismatch); it is about to be cancelled at Pi."),
        (stories.reserved, "Approved: the buyer may sign at any moment."),
        (stories.signed, "Signed by the buyer, but Pi has not completed it yet."),
        (stories.paid, "Completed: the money is ours."),
        (stories.review, "Completed: the money is ours. A refund of 1.5 π is requested."),
        (stories.refunded, "Completed: the money is ours. 1.5 π was refunded."),
        (
            _orphan,
            "Completed, but it belongs to no order: the money must go back. A refund of 0.7 π is requested.",
        ),
        (
            stories.doubtful,
            "Pi shows a transaction but does not verify it: ask again, and look on the chain.",
        ),
    ],
)
def test_a_payment_in_one_sentence(alice: Page, story: Callable[[Page], object], sentence: str) -> None:
    story(alice)

    assert summary.describe_payment(PiPayment.objects.get()) == sentence


ASK_OR_CLOSE = "Ask Pi again, or close it as missing."
MISSING = (
    "Pi no longer shows the buyer's payment, and the goods are still held for it. Ask Pi again, or close the "
    "payment as missing."
)


def _approving(page: Page) -> None:
    identifier = page.create_payment(page.order({"mug": 1}))
    page.pi.faults.add("down", path="approve")
    page.approve(identifier, expect=503)


def _forget(page: Page) -> None:
    """Have Pi forget the payment, and the shop find out."""
    page.pi.reset()
    with pytest.raises(UnknownPayment):
        settle(PiPayment.objects.get(), pi=PiClient(seconds=9), by=CAROL)


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (
            _refused_and_still_open,
            f"Pi no longer shows it. No goods are held. {ASK_OR_CLOSE}",
        ),
        (
            _approving,
            (
                "Pi no longer shows it. We had not heard whether Pi received our approval, and goods are "
                f"held. {ASK_OR_CLOSE}"
            ),
        ),
        (
            stories.reserved,
            f"Pi no longer shows it. We had approved it, and goods are held. {ASK_OR_CLOSE}",
        ),
        (
            stories.signed,
            "Pi no longer shows it, although the buyer had signed: look on the chain, and ask Pi again.",
        ),
        (stories.paid, "Completed: the money is ours."),
    ],
)
def test_a_payment_that_pi_has_forgotten(alice: Page, story: Callable[[Page], object], sentence: str) -> None:
    story(alice)
    _forget(alice)

    assert summary.describe_payment(PiPayment.objects.get()) == sentence


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (stories.reserved, MISSING),
        (stories.reserved_too_long, MISSING),
        (
            stories.signed,
            "The buyer has signed, but Pi no longer shows the payment. Look on the chain, and ask Pi again.",
        ),
    ],
)
def test_an_order_whose_payment_pi_has_forgotten(
    alice: Page, story: Callable[[Page], Order], sentence: str
) -> None:
    order = story(alice)
    _forget(alice)

    assert summary.describe_order(order) == sentence


def test_a_forgotten_payment_that_pi_shows_again_is_headed_as_before(alice: Page) -> None:
    stories.reserved(alice)
    before = summary.describe_payment(PiPayment.objects.get())
    PiPayment.objects.update(notice=Notice.NOT_SHOWN)

    settle(PiPayment.objects.get(), pi=PiClient(seconds=9), by=CAROL)

    assert summary.describe_payment(PiPayment.objects.get()) == before
