"""The one sentence at the top of an order's page: what is true, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from payments import protocol, refunds, situation, staff
from payments.models import Order, PiPayment, Refund
from payments.moves import move
from tests.payments.desk import (
    CAROL,
    DORA,
    approve,
    cancel,
    doubted_after,
    paid_after_cancel,
    paid_but_unused,
    pay_again,
    unverified,
)
from tests.payments.page import Page

pytestmark = pytest.mark.django_db
PAST = timezone.now() - timedelta(hours=1)


def _pending(page: Page) -> Order:
    order = Order.objects.get(reference=page.order({"mug": 1})["reference"])
    order.expires_at = timezone.now().replace(hour=23, minute=59) + timedelta(days=1)
    order.save()
    return order


def _pending_too_long(page: Page) -> Order:
    order = _pending(page)
    order.expires_at = PAST
    order.save()
    return order


def _reserved(page: Page) -> Order:
    order, _ = page.approved({"mug": 1})
    order.reserved_until = timezone.now().replace(hour=23, minute=58) + timedelta(days=1)
    order.save()
    return order


def _reserved_too_long(page: Page) -> Order:
    order, _ = page.approved({"mug": 1})
    order.reserved_until = PAST
    order.save()
    return order


def _signed(page: Page) -> Order:
    order, identifier = page.approved({"mug": 1})
    page.pi.sign(identifier)
    page.pi.faults.add("down", path="complete")
    page.cancel(identifier, expect=503)
    return order


def _paid(page: Page) -> Order:
    return page.buy({"mug": 2, "voucher": 1})


def _paid_twice(page: Page) -> Order:
    order = page.buy({"mug": 1})
    pay_again(page, order)
    return order


def _paid_twice_and_rejected(page: Page) -> Order:
    order = _paid_twice(page)
    staff.reject_refund(Refund.objects.get(), by=CAROL, note="x")
    return order


def _asked_back(page: Page) -> Order:
    order = page.buy({"mug": 1})
    refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL)
    return order


def _going_back(page: Page) -> Order:
    order = page.buy({"mug": 1})
    approve(refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL))
    return order


def _failed_to_go_back(page: Page) -> Order:
    order = _going_back(page)
    refund = Refund.objects.get()
    move(refund, "sending", by=DORA)
    move(refund, "failed", by=DORA)
    return order


def _fulfilled(page: Page) -> Order:
    return page.buy({"voucher": 1})


def _expired(page: Page) -> Order:
    order = _pending_too_long(page)
    move(order, "expired", by=CAROL)
    return order


def _cancelled(page: Page) -> Order:
    return protocol.cancel_order(_pending(page), by=CAROL)


def _review(page: Page) -> Order:
    return paid_after_cancel(page, {"mug": 1})


def _review_without_refund(page: Page) -> Order:
    order = _review(page)
    staff.reject_refund(Refund.objects.get(), by=CAROL, note="x")
    return order


def _doubtful(page: Page) -> Order:
    return unverified(page, {"mug": 1})


def _unused(page: Page) -> Order:
    return paid_but_unused(page, {"mug": 1})


def _unused_and_cancelled(page: Page) -> Order:
    return protocol.cancel_order(_unused(page), by=CAROL)


def _doubted_and_cancelled(page: Page) -> Order:
    return doubted_after(cancel, page, {"mug": 1})


def _refunded(page: Page) -> Order:
    order = _going_back(page)
    move(Refund.objects.get(), "done", by=DORA, txid="e" * 64)
    move(order, "refunded", by=DORA)
    return order


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (_pending, "Not paid yet. It stays open until 23:59 UTC."),
        (_pending_too_long, "Not paid in time. The clean-up will expire it."),
        (_reserved, "The buyer is paying. The goods are held until 23:58 UTC."),
        (
            _reserved_too_long,
            "The goods are held, but the time is over. They go back once Pi has cancelled the payment.",
        ),
        (
            _signed,
            "The buyer has signed, but Pi has not completed the payment yet. Nothing to do; or ask Pi again.",
        ),
        (_paid, "Paid. 1 parcel waits to be shipped."),
        (_paid_twice, "Paid. 1 parcel waits to be shipped. A refund of 1.5 π is requested."),
        (
            _paid_twice_and_rejected,
            "Paid. 1 parcel waits to be shipped. 1.5 π too much was paid: flag it for refund.",
        ),
        (
            _asked_back,
            (
                "Paid, but its money is asked back: do not ship, or reject the refund first. A refund of "
                "1.5 π is requested."
            ),
        ),
        (
            _going_back,
            "Paid, but the money is on its way back: do not ship. A refund of 1.5 π is on its way.",
        ),
        (_failed_to_go_back, "Paid. 1 parcel waits to be shipped. A refund of 1.5 π has failed."),
        (_fulfilled, "Paid, and everything is delivered."),
        (_unused, "Waiting for payment, but 1.5 π came that it cannot use. A refund of 1.5 π is requested."),
        (
            _unused_and_cancelled,
            "Cancelled, but 1.5 π came that it cannot use. A refund of 1.5 π is requested.",
        ),
        (
            _doubted_and_cancelled,
            (
                "Cancelled; nothing was paid. Pi shows a transaction for it that it does not verify: look on "
                "the chain."
            ),
        ),
        (_expired, "Expired: nobody paid in time."),
        (_cancelled, "Cancelled; nothing was paid."),
        (
            _review,
            (
                "Needs review: paid after the order was cancelled. Hand the goods over, or let the money go "
                "back. A refund of 1.5 π is requested."
            ),
        ),
        (
            _review_without_refund,
            (
                "Needs review: paid after the order was cancelled. Hand the goods over, or flag the money "
                "for refund."
            ),
        ),
        (
            _doubtful,
            (
                "Needs review: Pi does not verify the transaction. Ask Pi again, and look for it on the "
                "chain, before you hand anything over."
            ),
        ),
        (_refunded, "Everything that was paid went back."),
    ],
)
def test_an_order_in_one_sentence(alice: Page, story: Callable[[Page], Order], sentence: str) -> None:
    order = story(alice)

    assert situation.of_order(Order.objects.get(pk=order.pk)) == sentence


def test_every_status_of_an_order_has_a_sentence(alice: Page) -> None:
    order = _paid(alice)
    for status in situation.OrderStatus.values:
        order.status = status
        assert situation.of_order(order)


def test_two_parcels_wait(alice: Page) -> None:
    order = _paid(alice)
    order.lines.update(delivered_at=None)

    assert situation.of_order(order) == "Paid. 2 parcels wait to be shipped."


@pytest.mark.parametrize(
    ("story", "paid_requested_on_its_way_refunded_due"),
    [
        (_pending, "0 0 0 0 0"),
        (_paid, "3.1 0 0 0 0"),
        (_paid_twice, "3 1.5 0 0 1.5"),
        (_paid_twice_and_rejected, "3 0 0 0 1.5"),
        (_going_back, "1.5 0 1.5 0 1.5"),
        (_failed_to_go_back, "1.5 0 0 0 1.5"),
        (_review, "1.5 1.5 0 0 1.5"),
        (_refunded, "1.5 0 0 1.5 0"),
    ],
)
def test_the_sums_of_an_order(
    alice: Page, story: Callable[[Page], Order], paid_requested_on_its_way_refunded_due: str
) -> None:
    sums = situation.sums(Order.objects.get(pk=story(alice).pk))

    expected = [Decimal(amount) for amount in paid_requested_on_its_way_refunded_due.split()]
    assert [sums.paid, sums.requested, sums.on_its_way, sums.refunded, sums.due] == expected


def test_sums_are_exact(alice: Page) -> None:
    order = alice.buy({"voucher": 3})
    PiPayment.objects.update(amount=Decimal("12345678.1234567"))

    assert situation.sums(order).due == Decimal("12345677.8234567")


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
        (_seen, "Seen at Pi; nothing is held for it, and nobody can sign it yet."),
        (_refused, "Refused (amount_mismatch) and cancelled: nothing was charged."),
        (_refused_and_still_open, "Refused (amount_mismatch); it is about to be cancelled at Pi."),
        (_reserved, "Approved: the buyer may sign at any moment."),
        (_signed, "Signed by the buyer, but Pi has not completed it yet."),
        (_paid, "Completed: the money is ours."),
        (_review, "Completed: the money is ours. A refund of 1.5 π is requested."),
        (_refunded, "Completed: the money is ours. 1.5 π went back."),
        (
            _orphan,
            "Completed, but it belongs to no order: the money must go back. A refund of 0.7 π is requested.",
        ),
        (
            _doubtful,
            "Pi shows a transaction, but does not verify it: ask again, and look on the chain.",
        ),
    ],
)
def test_a_payment_in_one_sentence(alice: Page, story: Callable[[Page], object], sentence: str) -> None:
    story(alice)

    assert situation.of_payment(PiPayment.objects.get()) == sentence
