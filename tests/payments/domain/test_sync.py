"""What happens to our rows when Pi's record shows something new, and what staff read about it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from catalog import stock
from catalog.models import DeliveryCode, Variant
from payments.domain.sync import Contradiction, apply_record, record_failed
from payments.models import Order, PiPayment, Refund
from payments.moves import Author
from tests.catalog.goods import counted, variant
from tests.payments import rows
from tests.payments.page import shelf

pytestmark = pytest.mark.django_db
BY = Author("reconcile_payments", "reconcile")
TXID = "a" * 64
SIGNED: dict[str, Any] = {"txid": TXID, "from_address": "GBUYER"}
COMPLETED = SIGNED | {"developer_completed": True, "transaction_verified": True}


def ordered(status: str = "pending", sku: str = "mug") -> Order:
    """Return an order of one unit for 1 π; if reserved, it is held for a payment of its own."""
    if not Variant.objects.exists():
        shelf()
    order = rows.order(status)
    rows.line(order, variant=Variant.objects.get(sku=sku))
    if order.held_by is not None:
        stock.hold(order.quantities())
        PiPayment.objects.filter(pk=order.held_by_id).update(
            status="approved", order=order, held_at=timezone.now()
        )
        order.held_by.refresh_from_db()
    return order


def paid_for(order: Order | None, **changes: Any) -> PiPayment:
    """Have Pi complete a payment of this order, other than the one that holds the goods."""
    return apply_record(rows.payment(order=order), rows.shown(**COMPLETED | changes), by=BY)


def soon(moment: Any, minutes: int) -> bool:
    expected = timezone.now() + timedelta(minutes=minutes)
    return abs(moment - expected) < timedelta(seconds=30)


# Money that cannot be used goes back, and says why -----------------------------------------------------


def orphan() -> PiPayment:
    return paid_for(None)


def refused() -> PiPayment:
    return apply_record(rows.payment(refusal="unknown_order"), rows.shown(**COMPLETED), by=BY)


def of_another_amount() -> PiPayment:
    return apply_record(ordered("reserved").held_by, rows.shown(**COMPLETED | {"amount": Decimal(2)}), by=BY)


def for_a_cancelled_order() -> PiPayment:
    return paid_for(ordered("cancelled"))


def for_goods_that_are_gone() -> PiPayment:
    order = ordered()
    Variant.objects.filter(sku="mug").update(on_hand=0)
    return paid_for(order)


def for_codes_that_are_missing() -> PiPayment:
    order = ordered("reserved", sku="voucher")
    DeliveryCode.objects.all().delete()
    return apply_record(order.held_by, rows.shown(**COMPLETED), by=BY)


def for_an_order_that_is_paid() -> PiPayment:
    order = ordered()
    paid_for(order)
    return paid_for(order, txid="b" * 64)


def while_another_holds_the_goods() -> PiPayment:
    return paid_for(ordered("reserved"))


NOTHING = "unusable_money"
UNUSABLE: list[tuple[Any, str, str | None, str, str]] = [
    (orphan, "no order for it (unknown)", None, "", ""),
    (refused, "no order for it (unknown_order)", None, "", ""),
    (of_another_amount, "not what was ordered: amount_mismatch", "needs_review", "amount_mismatch", ""),
    (
        for_a_cancelled_order,
        "paid after the order was cancelled",
        "needs_review",
        "paid after the order was cancelled",
        "",
    ),
    (
        for_goods_that_are_gone,
        "paid late, and the goods are gone",
        "needs_review",
        "paid late, and the goods are gone",
        "",
    ),
    (
        for_codes_that_are_missing,
        "the goods could not be delivered",
        "needs_review",
        "paid, but the goods could not be delivered",
        "",
    ),
    (for_an_order_that_is_paid, "the order is already paid", "paid", "paid_late", NOTHING),
    (
        while_another_holds_the_goods,
        "the order is already held for a payment",
        "reserved",
        "",
        NOTHING,
    ),
]


@pytest.mark.parametrize(("story", "reason", "status", "note", "notice"), UNUSABLE)
def test_money_that_cannot_be_used_goes_back_and_says_why(
    story: Any, reason: str, status: str | None, note: str, notice: str
) -> None:
    payment = story()

    refund = Refund.objects.get(payment=payment)
    assert (payment.status, payment.txid is not None, payment.next_check_at) == ("completed", True, None)
    assert (refund.reason, refund.origin, refund.asked_by) == (reason, "shop", "the shop")
    assert refund.status == "requested"
    order = payment.order
    if order is not None:
        order.refresh_from_db()
        moved = order.events.filter(kind="moved").last()
        assert (order.status, order.notice) == (status, notice)
        assert (moved.note if moved else "") == note


def test_money_of_another_amount_leaves_an_order_alone_that_does_not_wait_for_it() -> None:
    order = ordered()

    paid_for(order, amount=Decimal(2))

    order.refresh_from_db()
    assert (order.status, Refund.objects.get().amount) == ("pending", 2)


@pytest.mark.parametrize(
    "story", [of_another_amount, for_codes_that_are_missing], ids=lambda story: story.__name__
)
def test_goods_held_for_unusable_money_are_for_sale_again(story: Any) -> None:
    order = story().order

    order.refresh_from_db()
    assert (order.held_by, order.reserved_until) == (None, None)
    assert [counted(line.variant)[0] for line in order.lines.all()] == [0]


def test_late_money_buys_what_is_still_there() -> None:
    order = ordered("expired", sku="book")

    payment = paid_for(order)

    order.refresh_from_db()
    assert (order.status, order.events.get(after="paid").note) == ("fulfilled", "paid_late")
    assert (payment.from_address, payment.amount, Refund.objects.count()) == ("GBUYER", 1, 0)


# When to check again -----------------------------------------------------------------------------------


def test_a_signed_payment_is_checked_again_in_a_minute() -> None:
    payment = apply_record(ordered("reserved").held_by, rows.shown(**SIGNED), by=BY)

    assert (payment.status, payment.txid, payment.from_address) == ("submitted", TXID, "GBUYER")
    assert soon(payment.next_check_at, minutes=1)


def test_a_cancelled_payment_that_could_have_been_signed_is_watched() -> None:
    payment = apply_record(ordered("reserved").held_by, rows.shown(cancelled=True), by=BY)

    assert payment.status == "cancelled"
    assert soon(payment.next_check_at, minutes=10)
    assert payment.events.get(after="cancelled").note == ""


def test_a_cancelled_payment_that_nobody_could_have_signed_is_not_watched() -> None:
    payment = apply_record(rows.payment(next_check_at=timezone.now()), rows.shown(cancelled=True), by=BY)

    payment.refresh_from_db()
    assert (payment.status, payment.next_check_at) == ("cancelled", None)


def test_a_failed_payment_is_watched_and_sends_its_order_to_review() -> None:
    order = ordered("reserved")
    payment = apply_record(order.held_by, rows.shown(**SIGNED), by=BY)

    payment = record_failed(payment, by=BY, note="no such memo")

    order.refresh_from_db()
    assert (payment.status, order.status, order.review_reason) == ("failed", "needs_review", "tx_unverified")
    assert payment.events.get(after="failed").note == "no such memo"
    assert order.events.last().note == "Pi does not verify the transaction"
    assert soon(payment.next_check_at, minutes=10)


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        ("pending", "needs_review"),
        ("cancelled", "cancelled"),
        ("expired", "expired"),
        ("paid", "paid"),
    ],
)
def test_a_failed_payment_sends_only_an_open_order_to_review(status: str, becomes: str) -> None:
    payment = rows.payment("submitted", order=ordered(status))

    record_failed(payment, by=BY, note="no such memo")

    assert Order.objects.get().status == becomes
    payment.refresh_from_db()
    assert bool(payment.notice) is (becomes != "needs_review"), "one of them is shown to staff"


def test_a_failed_payment_without_an_order_gets_a_notice() -> None:
    payment = rows.payment("submitted")

    record_failed(payment, by=BY, note="no such memo")

    assert PiPayment.objects.get().notice == "unverified"


def test_a_failed_payment_leaves_an_order_alone_that_another_payment_holds() -> None:
    payment = rows.payment("submitted", order=ordered("reserved"))

    record_failed(payment, by=BY, note="no such memo")

    assert Order.objects.get().status == "reserved"


@pytest.mark.parametrize(("status", "refunds"), [("requested", 1), ("rejected", 2)])
def test_money_that_the_shop_gives_back_has_paid_for_nothing(status: str, refunds: int) -> None:
    order = ordered("paid")
    unused = rows.payment("completed", order=order)
    rows.refund(status, payment=unused, order=order, origin="shop")

    apply_record(rows.payment("submitted", order=order, txid=TXID), rows.shown(**COMPLETED), by=BY)

    assert Refund.objects.count() == refunds


# Contradictions ----------------------------------------------------------------------------------------


def test_the_transaction_of_another_payment_is_not_taken_over() -> None:
    rows.payment("completed", txid=TXID)
    payment = rows.payment()

    with pytest.raises(Contradiction, match=f"^payment {payment} shows the transaction of another payment$"):
        apply_record(payment, rows.shown(**COMPLETED), by=BY)

    payment.refresh_from_db()
    assert (payment.status, payment.txid) == ("created", None)
    assert payment.notice == "foreign_transaction"


@pytest.mark.parametrize("status", ["submitted", "failed"])
def test_a_transaction_that_another_payment_only_shows_can_be_used(status: str) -> None:
    rows.payment(status, txid=TXID)
    payment = rows.payment()

    assert apply_record(payment, rows.shown(**COMPLETED), by=BY).status == "completed"


def test_a_transaction_of_another_payment_may_be_shown_but_not_completed() -> None:
    rows.payment("completed", txid=TXID)
    payment = apply_record(rows.payment(), rows.shown(**SIGNED), by=BY)
    assert (payment.status, payment.txid) == ("submitted", TXID)

    with pytest.raises(Contradiction):
        apply_record(payment, rows.shown(**COMPLETED), by=BY)


def test_an_old_copy_of_a_row_is_not_another_payment() -> None:
    payment = rows.payment()
    old_copy = PiPayment.objects.get()
    apply_record(payment, rows.shown(**COMPLETED), by=BY)

    assert apply_record(old_copy, rows.shown(**COMPLETED), by=BY).status == "completed"


def test_a_record_that_is_no_longer_what_passed_the_gate_is_refused_once() -> None:
    payment = ordered("reserved").held_by

    for amount in (2, 3):
        payment = apply_record(payment, rows.shown(amount=Decimal(amount)), by=BY)

    assert (payment.status, payment.refusal) == ("approved", "amount_mismatch")
    refusals = payment.events.filter(kind="refused").values_list("actor", "cause", "note")
    assert list(refusals) == [
        (BY.actor, BY.cause, "no longer what was approved: amount_mismatch"),
    ]


def test_a_variant_that_nobody_counts_is_held_and_released_all_the_same() -> None:
    variant(sku="endless", tracked=False, on_hand=0)
    order = ordered("reserved", sku="endless")

    apply_record(order.held_by, rows.shown(cancelled=True), by=BY)

    assert counted(Variant.objects.get(sku="endless")) == (0, 0)
