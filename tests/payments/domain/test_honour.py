"""Staff hand over the goods of an order in review after all, by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from catalog import stock
from catalog.models import DeliveryCode, Variant
from payments.domain import decisions, protocol, refunds
from payments.models import DeliveredCode, Order, PiPayment, Refund
from payments.moves import Author, move
from tests.catalog.goods import counted, forget_file, lose_file
from tests.payments.page import Page, status_of
from tests.payments.situations import (
    CAROL,
    approve,
    everything,
    given_up_while_signed,
    not_verified_for_long,
    paid_after_cancel,
    paid_too_late,
    pay_again,
    story,
    unverified,
)

pytestmark = pytest.mark.django_db
BY = Author("staff carol", "honour")


def test_honouring_takes_the_stock_and_delivers(alice: Page) -> None:
    order = paid_after_cancel(alice, {"voucher": 2})

    decisions.honour(order, by=BY)

    order.refresh_from_db()
    assert (order.status, order.review_reason) == ("fulfilled", "")
    assert DeliveredCode.objects.filter(line__order=order).count() == 2
    assert counted(Variant.objects.get(sku="voucher")) == (0, 18)


def test_an_honoured_parcel_still_waits_to_be_shipped(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1, "book": 1})

    order = decisions.honour(order, by=BY)

    assert order.status == "paid"
    assert list(order.lines.filter(delivered_at=None).values_list("variant__sku", flat=True)) == ["mug"]


def test_honouring_rejects_the_refund_that_was_only_requested(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})

    decisions.honour(order, by=BY)

    refund = Refund.objects.get()
    assert story(refund)[-1] == ("staff carol", "honour", "requested", "rejected")
    assert refund.events.last().note == "the order is honoured"


def test_the_event_names_who_honoured_and_what_was_paid(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 2})

    decisions.honour(order, by=BY, note="a good customer")

    event = order.events.get(after="paid")
    assert (event.actor, event.cause) == ("staff carol", "honour")
    assert event.note == "a good customer (paid 3 π of 3 π)"


def test_an_order_without_completed_payment_may_be_honoured_by_name(alice: Page) -> None:
    order = unverified(alice, {"mug": 1})

    order = decisions.honour(order, by=BY)

    assert order.status == "paid"
    assert order.events.get(after="paid").note == "(without a completed payment)"


def test_money_that_pi_believes_after_honouring_pays_for_the_goods(alice: Page) -> None:
    order = decisions.honour(unverified(alice, {"mug": 1}), by=BY)
    identifier = order.payments.get().identifier
    alice.pi.verify_transaction(identifier)

    alice.incomplete(identifier)

    assert (status_of(identifier), Refund.objects.count()) == ("completed", 0)
    assert order.events.last().note == "its money came after it was honoured"


def test_a_payment_that_was_given_up_pays_for_nothing(alice: Page) -> None:
    order, given_up = alice.approved({"mug": 1})
    alice.incomplete(given_up)
    identifier = alice.rival_payment(order)
    alice.approve(identifier)
    not_verified_for_long(alice, identifier, alice.pi.sign(identifier, verified=False))
    order.refresh_from_db()
    decisions.honour(order, by=BY)
    alice.pi.verify_transaction(identifier)

    alice.incomplete(identifier)

    assert [status_of(given_up), status_of(identifier)] == ["cancelled", "completed"]
    assert Refund.objects.count() == 0


def test_a_second_payment_of_an_honoured_order_goes_back(alice: Page) -> None:
    order = decisions.honour(unverified(alice, {"mug": 1}), by=BY)
    first = order.payments.get()
    alice.pi.verify_transaction(first.identifier)
    alice.incomplete(first.identifier)

    second = pay_again(alice, order)

    assert list(Refund.objects.values_list("payment", "status")) == [(second.pk, "requested")]


def paid_while_another_was_signed(alice: Page) -> tuple[Order, PiPayment, str]:
    """Return a delivered order, the payment that paid for it, and an earlier one that was given up."""
    answer = alice.order({"voucher": 1})
    given_up = given_up_while_signed(alice, answer)
    used = alice.create_payment(answer)
    alice.approve(used)
    alice.complete(used, alice.pi.sign(used))
    return Order.objects.get(reference=answer["reference"]), PiPayment.objects.get(identifier=used), given_up


@pytest.mark.parametrize("rejected", [False, True])
def test_a_second_payment_goes_back_whatever_staff_want_to_do_with_the_first(
    alice: Page, rejected: bool
) -> None:
    order, used, given_up = paid_while_another_was_signed(alice)
    flagged = refunds.flag_for_refund(used, reason="a mistake?", by=BY)
    alice.pi.record_transaction(given_up)

    alice.incomplete(given_up)
    if rejected:
        decisions.reject_refund(flagged, by=BY, note="a mistake")

    refund = Refund.objects.get(payment__identifier=given_up)
    assert (refund.status, refund.asked_by) == ("requested", "the shop")
    assert "its money came after it was honoured" not in order.events.values_list("note", flat=True)


def test_honouring_keeps_the_refund_of_a_second_payment_requested(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    second = pay_again(alice, order)

    decisions.honour(order, by=BY)

    states = dict(Refund.objects.values_list("payment__identifier", "status"))
    assert states.pop(second.identifier) == "requested"
    assert list(states.values()) == ["rejected"]


def test_honouring_uses_the_second_payment_when_the_first_goes_back(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    approve(Refund.objects.get())
    second = pay_again(alice, order)

    order = decisions.honour(order, by=BY)

    assert order.status == "paid"
    assert second.refunds.get().status == "rejected"


def test_honouring_is_declined_while_the_money_goes_back(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    approve(Refund.objects.get())
    before = everything()

    with pytest.raises(
        decisions.Declined, match=r"^Its money is on its way back to the buyer: the goods must stay here\.$"
    ):
        decisions.honour(order, by=BY)

    assert everything() == before


def test_honouring_rejects_a_refund_that_has_failed(alice: Page) -> None:
    """Otherwise it could be approved again, and the money would follow the goods."""
    order = paid_after_cancel(alice, {"mug": 1})
    refund = approve(Refund.objects.get())
    with transaction.atomic():
        move(refund, "sending", by=BY)
        move(refund, "failed", by=BY)

    order = decisions.honour(order, by=BY)

    refund.refresh_from_db()
    assert (order.status, refund.status) == ("paid", "rejected")


def test_honouring_is_declined_when_the_stock_is_gone(alice: Page) -> None:
    order = paid_after_cancel(alice, {"voucher": 1, "mug": 2})
    stock.change_on_hand(Variant.objects.get(sku="mug"), by=-9)
    before = everything(), counted(Variant.objects.get(sku="voucher"))

    with pytest.raises(
        decisions.Declined, match=r"^There are not enough of mug left: add stock first, or refund\.$"
    ):
        decisions.honour(order, by=BY)

    assert (everything(), counted(Variant.objects.get(sku="voucher"))) == before


BOOK_LOST = r"^book is sold as a download, and its file is missing: add the file first, or refund\.$"


def _lose_codes(sku: str) -> None:
    DeliveryCode.objects.all().delete()


@pytest.mark.parametrize(
    ("sku", "lose", "sentence"),
    [
        ("book", lose_file, BOOK_LOST),
        ("book", forget_file, BOOK_LOST),
        ("voucher", _lose_codes, r"^There are not enough unsold codes left: add codes first, or refund\.$"),
    ],
)
def test_honouring_is_declined_when_the_goods_cannot_be_delivered(
    alice: Page, sku: str, lose: Callable[[str], None], sentence: str
) -> None:
    order = paid_after_cancel(alice, {"mug": 1, sku: 1})
    lose(sku)
    before = everything(), counted(Variant.objects.get(sku="mug"))

    with pytest.raises(decisions.Declined, match=sentence):
        decisions.honour(order, by=BY)

    assert (everything(), counted(Variant.objects.get(sku="mug"))) == before


@pytest.mark.parametrize(("basket", "status"), [({"mug": 1}, "paid"), ({"book": 1}, "fulfilled")])
def test_only_an_order_in_review_can_be_honoured(alice: Page, basket: dict[str, int], status: str) -> None:
    order = alice.buy(basket)
    before = everything()

    with pytest.raises(
        decisions.Declined, match=f"^Only an order in review can be honoured; this one is {status}\\.$"
    ):
        decisions.honour(order, by=BY)

    assert everything() == before


@pytest.mark.parametrize("keep_the_wrong_one", [False, True])
def test_money_that_goes_back_does_not_pay_for_an_honoured_order(
    alice: Page, keep_the_wrong_one: bool
) -> None:
    order = unverified(alice, {"mug": 1})
    decisions.honour(order, by=BY)
    own, wrong = order.payments.get(), alice.rival_payment(order)
    alice.pi.tamper(wrong, amount="0.5")
    alice.pi.approve(wrong)
    alice.pi.sign(wrong)
    protocol.recover(wrong, caller=None)
    if keep_the_wrong_one:
        decisions.reject_refund(Refund.objects.get(), by=CAROL, note="a gift")

    alice.pi.verify_transaction(own.identifier)
    protocol.recover(own.identifier, caller=None)

    assert status_of(own.identifier) == "completed"
    assert list(Refund.objects.values_list("payment__identifier", flat=True)) == [wrong]


def test_honouring_decides_by_what_is_true_now(alice: Page) -> None:
    stale = paid_after_cancel(alice, {"mug": 1})
    decisions.honour(Order.objects.get(pk=stale.pk), by=BY)

    with pytest.raises(decisions.Declined):
        decisions.honour(stale, by=BY)

    assert counted(Variant.objects.get(sku="mug")) == (0, 9)


def test_late_money_for_goods_that_were_there_needs_no_honouring(alice: Page) -> None:
    order = paid_too_late(alice, {"mug": 1})

    assert order.status == "paid"


def test_a_refund_flagged_by_staff_is_withdrawn_when_the_order_is_honoured(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    refund = Refund.objects.get()
    decisions.reject_refund(refund, by=CAROL, note="wait")
    refunds.flag_for_refund(order.payments.get(), reason="asked for", by=CAROL)

    decisions.honour(order, by=BY)

    assert list(Refund.objects.values_list("status", flat=True)) == ["rejected", "rejected"]
