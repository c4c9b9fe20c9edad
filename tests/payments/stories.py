"""Where an order can have come to: each function tells one story to its end and returns the order."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from catalog.models import Variant
from payments.domain import decisions, protocol, refunds
from payments.models import Order
from payments.moves import move
from tests.payments import situations
from tests.payments.page import Page
from tests.payments.situations import CAROL, DORA, approve

PAST = timezone.now() - timedelta(hours=1)


def pending(page: Page) -> Order:
    order = Order.objects.get(reference=page.order({"mug": 1})["reference"])
    order.expires_at = timezone.now().replace(hour=23, minute=59) + timedelta(days=1)
    order.save()
    return order


def pending_too_long(page: Page) -> Order:
    order = pending(page)
    order.expires_at = PAST
    order.save()
    return order


def reserved(page: Page) -> Order:
    order, _ = page.approved({"mug": 1})
    order.reserved_until = timezone.now().replace(hour=23, minute=58) + timedelta(days=1)
    order.save()
    return order


def reserved_too_long(page: Page) -> Order:
    order, _ = page.approved({"mug": 1})
    order.reserved_until = PAST
    order.save()
    return order


def signed(page: Page) -> Order:
    order, identifier = page.approved({"mug": 1})
    page.pi.sign(identifier)
    page.pi.faults.add("down", path="complete")
    page.cancel(identifier, expect=503)
    return order


def paid(page: Page) -> Order:
    return page.buy({"mug": 2, "voucher": 1})


def paid_twice(page: Page) -> Order:
    order = page.buy({"mug": 1})
    situations.pay_again(page, order)
    return order


def paid_twice_and_rejected(page: Page) -> Order:
    order = paid_twice(page)
    decisions.reject_refund(order.refunds.get(), by=CAROL, note="x")
    return order


def asked_back(page: Page) -> Order:
    order = page.buy({"mug": 1})
    refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL)
    return order


def going_back(page: Page) -> Order:
    order = page.buy({"mug": 1})
    approve(refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL))
    return order


def failed_to_go_back(page: Page) -> Order:
    order = going_back(page)
    refund = order.refunds.get()
    move(refund, "sending", by=DORA)
    move(refund, "failed", by=DORA)
    return order


def fulfilled(page: Page) -> Order:
    return page.buy({"voucher": 1})


def expired(page: Page) -> Order:
    order = pending_too_long(page)
    move(order, "expired", by=CAROL)
    return order


def cancelled(page: Page) -> Order:
    return protocol.cancel_order(pending(page), by=CAROL)


def review(page: Page) -> Order:
    return situations.paid_after_cancel(page, {"mug": 1})


def review_without_refund(page: Page) -> Order:
    order = review(page)
    decisions.reject_refund(order.refunds.get(), by=CAROL, note="x")
    return order


def doubtful(page: Page) -> Order:
    return situations.unverified(page, {"mug": 1})


def unused(page: Page) -> Order:
    return situations.paid_but_unused(page, {"mug": 1})


def unused_and_cancelled(page: Page) -> Order:
    return protocol.cancel_order(unused(page), by=CAROL)


def doubted_and_cancelled(page: Page) -> Order:
    return situations.doubted_after(situations.cancel, page, {"mug": 1})


def refunded(page: Page) -> Order:
    order = going_back(page)
    move(order.refunds.get(), "done", by=DORA, txid="e" * 64)
    move(order, "refunded", by=DORA)
    return order


def doubted_and_expired(page: Page) -> Order:
    return situations.doubted_after(situations.expire, page, {"mug": 1})


def sold_out_meanwhile(page: Page) -> Order:
    order = pending(page)
    Variant.objects.filter(sku="mug").update(on_hand=0)
    return order


def unused_and_back(page: Page) -> Order:
    order = unused(page)
    order.refunds.update(status="done", txid="f" * 64, approved_by="staff dora")
    return order


def shipped(page: Page) -> Order:
    return decisions.ship(page.buy({"mug": 1}), by=CAROL)


def signed_and_cancelled(page: Page) -> Order:
    """Cancel while the buyer signs; Pi shows the transaction, and does not complete the payment yet."""
    order, identifier = page.approved({"mug": 1})
    page.pi.sign(identifier, recorded=False)
    situations.cancel(order)
    page.pi.record_transaction(identifier)
    page.pi.faults.add("down", path="complete")
    page.incomplete(identifier, expect=503)
    return order


def paid_once_and_paying_again(page: Page) -> Order:
    """Receive the money of a payment that was given up, while another one holds the goods."""
    answer = page.order({"mug": 1})
    given_up = situations.given_up_while_signed(page, answer)
    page.approve(page.create_payment(answer))
    page.pi.record_transaction(given_up)
    page.incomplete(given_up)
    return Order.objects.get(reference=answer["reference"])


def too_little_came(page: Page) -> Order:
    """Have Pi complete less than what was ordered."""
    order, identifier = page.approved({"mug": 1})
    txid = page.pi.sign(identifier)
    page.pi.tamper(identifier, amount="0.5")
    page.complete(identifier, txid)
    return order


def honoured_for_too_little(page: Page) -> Order:
    return decisions.honour(too_little_came(page), by=CAROL)


def honoured_without_money(page: Page) -> Order:
    return decisions.honour(doubtful(page), by=CAROL)


def honoured_without_money_and_delivered(page: Page) -> Order:
    return decisions.honour(situations.unverified(page, {"voucher": 1}), by=CAROL)


def honoured_and_paid_at_last(page: Page) -> Order:
    order = honoured_without_money(page)
    _believe(page, order)
    return order


def believed_at_last(page: Page) -> Order:
    """Review an order because Pi does not verify its transaction; then it does, and the money comes."""
    order = doubtful(page)
    _believe(page, order)
    return order


def review_going_back(page: Page) -> Order:
    order = review(page)
    approve(order.refunds.get())
    return order


def review_and_back(page: Page) -> Order:
    order = review_going_back(page)
    move(order.refunds.get(), "done", by=DORA, txid="d" * 64)
    return order


def unused_and_going_back(page: Page) -> Order:
    order = unused(page)
    approve(order.refunds.get())
    return order


def unused_cancelled_and_back(page: Page) -> Order:
    order = unused_and_going_back(page)
    move(order.refunds.get(), "done", by=DORA, txid="c" * 64)
    situations.cancel(order)
    return order


def paid_and_back(page: Page) -> Order:
    """Send the money back; the order has not been closed yet."""
    order = going_back(page)
    move(order.refunds.get(), "done", by=DORA, txid="b" * 64)
    return order


def second_payment_going_back(page: Page) -> Order:
    order = page.buy({"voucher": 1})
    approve(situations.pay_again(page, order).refunds.get())
    return order


def fulfilled_and_asked_back(page: Page) -> Order:
    order = fulfilled(page)
    refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL)
    return order


def fulfilled_and_going_back(page: Page) -> Order:
    order = fulfilled_and_asked_back(page)
    approve(order.refunds.get())
    return order


def refunded_and_paid_again(page: Page) -> Order:
    order = refunded(page)
    situations.pay_again(page, order)
    return order


def _believe(page: Page, order: Order) -> None:
    identifier = order.payments.get().identifier
    page.pi.verify_transaction(identifier)
    page.incomplete(identifier)
