"""How orders come to the staff's desk: each function tells one story to its end and returns the order."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from payments import protocol
from payments.models import Event, Order, PiPayment, Refund
from payments.moves import By, move
from payments.pi_client import PiClient
from tests.payments.page import Page

CAROL = By("staff carol", "test")
DORA = By("staff dora", "test")


def asking() -> PiClient:
    return PiClient(seconds=9)


def paid_after_cancel(buyer: Page, basket: Mapping[str, int]) -> Order:
    """Cancelled while the buyer signed: the money came, a refund is requested, staff must decide."""
    order, identifier = buyer.approved(basket)
    buyer.pi.sign(identifier, recorded=False)
    protocol.cancel_order(order, by=By("pioneer alice", "cancel_order"))
    return _money_arrives(buyer, order, identifier)


def paid_too_late(buyer: Page, basket: Mapping[str, int]) -> Order:
    """Expired and given up while the buyer signed, and then the money came."""
    order, identifier = buyer.approved(basket)
    buyer.pi.sign(identifier, recorded=False)
    over = timezone.now()
    Order.objects.filter(pk=order.pk).update(expires_at=over, reserved_until=over)
    order.refresh_from_db()
    protocol.expire(order, pi=asking(), by=By("test", "expire"))
    return _money_arrives(buyer, order, identifier)


def unverified(buyer: Page, basket: Mapping[str, int]) -> Order:
    """Signed, but Pi does not verify the transaction: no money, and staff must decide."""
    order, identifier = buyer.approved(basket)
    txid = buyer.pi.sign(identifier, verified=False)
    buyer.complete(identifier, txid, expect=409)
    order.refresh_from_db()
    return order


def pay_again(buyer: Page, order: Order) -> PiPayment:
    """The same order is paid once more; a refund of the second payment is requested."""
    identifier = buyer.rival_payment(order)
    buyer.pi.approve(identifier)
    buyer.pi.sign(identifier)
    protocol.recover(identifier, caller=None)
    return PiPayment.objects.get(identifier=identifier)


def approve(refund: Refund) -> Refund:
    """A second person approves: from now on the money is on its way back."""
    with transaction.atomic():
        move(refund, "approved", by=DORA, approved_by=DORA.actor)
    return refund


def story(subject: Order | PiPayment | Refund) -> list[tuple[str, str, str, str]]:
    """Who moved it by which door, from what to what."""
    return list(subject.events.filter(kind="moved").values_list("actor", "cause", "before", "after"))


def everything() -> dict[str, list[dict[str, object]]]:
    """All rows, to show that something changed nothing."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Order, PiPayment, Refund, Event)
    }


def _money_arrives(buyer: Page, order: Order, identifier: str) -> Order:
    buyer.pi.record_transaction(identifier)
    protocol.recover(identifier, caller=None)
    order.refresh_from_db()
    return order
