"""Situations an order can get into that need staff, and the steps that lead there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from payments.domain import protocol
from payments.domain.settle import PATIENCE
from payments.models import Event, Order, PiPayment, Refund
from payments.moves import Author, move
from payments.pi.client import PiClient
from tests.payments.page import Page

CAROL = Author("staff carol", "test")
DORA = Author("staff dora", "test")


def asking() -> PiClient:
    return PiClient(seconds=9)


def paid_after_cancel(buyer: Page, basket: Mapping[str, int]) -> Order:
    """Cancel while the buyer signs: the money comes, a refund is requested, staff must decide."""
    order, identifier = buyer.approved(basket)
    buyer.pi.sign(identifier, recorded=False)
    cancel(order)
    return _money_arrives(buyer, order, identifier)


def paid_too_late(buyer: Page, basket: Mapping[str, int]) -> Order:
    """Let the order expire while the buyer signs, give it up, and then receive the money."""
    order, identifier = buyer.approved(basket)
    buyer.pi.sign(identifier, recorded=False)
    expire(order)
    return _money_arrives(buyer, order, identifier)


def cancel(order: Order) -> None:
    protocol.cancel_order(order, by=Author("pioneer alice", "cancel_order"))


def expire(order: Order) -> None:
    over = timezone.now()
    Order.objects.filter(pk=order.pk).update(expires_at=over, reserved_until=over)
    order.refresh_from_db()
    protocol.expire(order, pi=asking(), by=Author("test", "expire"))


def unverified(buyer: Page, basket: Mapping[str, int]) -> Order:
    """Sign, but have Pi not verify the transaction: no money, and staff must decide."""
    order, identifier = buyer.approved(basket)
    txid = buyer.pi.sign(identifier, verified=False)
    not_verified_for_long(buyer, identifier, txid)
    order.refresh_from_db()
    return order


def not_verified_for_long(buyer: Page, identifier: str, txid: str) -> None:
    """Give Pi its time to verify the signed payment, which it still does not: the payment has failed."""
    buyer.complete(identifier, txid, expect=409)
    PiPayment.objects.filter(identifier=identifier).update(doubted_at=F("doubted_at") - PATIENCE)
    buyer.complete(identifier, txid, expect=409)


def doubted_after(close: Callable[[Order], object], buyer: Page, basket: Mapping[str, int]) -> Order:
    """Close the order while the buyer signs; then Pi shows the transaction, but does not verify it."""
    order, identifier = buyer.approved(basket)
    txid = buyer.pi.sign(identifier, recorded=False, verified=False)
    close(order)
    buyer.pi.record_transaction(identifier)
    not_verified_for_long(buyer, identifier, txid)
    order.refresh_from_db()
    return order


def given_up_while_signed(buyer: Page, answer: Mapping[str, Any], *, verified: bool = True) -> str:
    """Return a payment that is signed but not recorded yet, and was given up when its buyer came back."""
    identifier = buyer.create_payment(answer)
    buyer.approve(identifier)
    buyer.pi.sign(identifier, recorded=False, verified=verified)
    buyer.incomplete(identifier)
    return identifier


def paid_but_unused(buyer: Page, basket: Mapping[str, int]) -> Order:
    """Leave money that no order uses: the order stays open, and a refund is requested.

    The payment was given up, its money came while another one held the goods, and that one was cancelled.
    """
    answer = buyer.order(basket)
    first = given_up_while_signed(buyer, answer)
    second = buyer.create_payment(answer)
    buyer.approve(second)
    buyer.pi.record_transaction(first)
    buyer.incomplete(first)
    buyer.pi.cancel_by_user(second)
    buyer.cancel(second)
    return Order.objects.get(reference=answer["reference"])


def pay_again(buyer: Page, order: Order) -> PiPayment:
    """Pay the same order once more; a refund of the second payment is requested."""
    identifier = buyer.rival_payment(order)
    buyer.pi.approve(identifier)
    buyer.pi.sign(identifier)
    protocol.recover(identifier, caller=None)
    return PiPayment.objects.get(identifier=identifier)


def approve(refund: Refund) -> Refund:
    """Approve as a second person: from now on the money is on its way back."""
    with transaction.atomic():
        move(refund, "approved", by=DORA, approved_by=DORA.actor)
    return refund


def story(subject: Order | PiPayment | Refund) -> list[tuple[str, str, str, str]]:
    """Return who moved it, through which entry point, from what to what."""
    return list(subject.events.filter(kind="moved").values_list("actor", "cause", "before", "after"))


def everything() -> dict[str, list[dict[str, object]]]:
    """Return all rows, to show that something changed nothing."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Order, PiPayment, Refund, Event)
    }


def _money_arrives(buyer: Page, order: Order, identifier: str) -> Order:
    buyer.pi.record_transaction(identifier)
    protocol.recover(identifier, caller=None)
    order.refresh_from_db()
    return order
