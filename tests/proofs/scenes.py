"""How far a story has come when two actors meet in it, or a process dies. Told through our entry points.

In each scene alice has an order and a payment. Who meets her there acts on the same, on bob's order for the
last unit, or on another payment for her order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction

from catalog.models import Category, Delivery, DeliveryCode, Product, Variant
from payments.domain import protocol
from payments.domain.ordering import Refused, Shipping
from payments.domain.protocol import NotCompleted
from payments.domain.settle import PATIENCE
from payments.models import DeliveredCode, Event, Order, OrderLine, Pioneer, PiPayment, Refund
from payments.moves import Author
from payments.pi.client import PiUnclear
from pi_simulator import Simulator
from pi_simulator.records import Pioneer as AtPi
from tests.payments.situations import approve
from tests.proofs.promises import Goods, pass_time

HOME = Shipping("Alice Example", "1 Main Street\nSpringfield")
BASKET = {"mug": 1, "voucher": 1}
LAST_UNIT = {"mug": 1}
HOLD_IS_OVER = timedelta(minutes=settings.ORDER_HOLD_MINUTES + 1)
# In the order in which rows can be deleted: what points to others goes first.
TABLES = (Event, DeliveredCode, Refund, OrderLine, PiPayment, Order, Pioneer, DeliveryCode, Variant)


@dataclass
class Hand:
    """What an actor's steps are about: an order, and one payment that names it."""

    pi: Simulator
    pioneer: Pioneer
    order: Order
    basket: Mapping[str, int]
    identifier: str = ""

    @property
    def txid(self) -> str:
        """What the phone would send; before the buyer has signed it may send nonsense."""
        return self.pi.txid_of(self.identifier) or "0" * 64

    @property
    def by(self) -> Author:
        return Author(f"pioneer {self.pioneer}", "cancel_order")

    def order_now(self) -> Order:
        return Order.objects.select_related("held_by").get(pk=self.order.pk)

    def payment_now(self) -> PiPayment | None:
        return PiPayment.objects.select_related("order").filter(identifier=self.identifier).first()


@dataclass
class Scene:
    """The hands of the one who acts first and of the rival, and the goods there were at the beginning."""

    pi: Simulator
    goods: Goods
    mine: Hand
    theirs: Hand


# What may have happened to one hand's order and payment ---------------------------------------------


def ordered(hand: Hand) -> None:
    """Open the wallet; we have not heard of the payment."""


def seen(hand: Hand) -> None:
    protocol.report_error(hand.identifier, "a hiccup", caller=hand.pioneer)


def approving(hand: Hand) -> None:
    """Hold the goods, without reaching Pi."""
    hand.pi.faults.add("down", path="/approve", times=1)
    with suppress(PiUnclear):
        protocol.approve(hand.identifier, caller=hand.pioneer)


def approval_unanswered(hand: Hand) -> None:
    hand.pi.faults.add("lose_answer", path="/approve", times=1)
    with suppress(PiUnclear):
        protocol.approve(hand.identifier, caller=hand.pioneer)


def approved(hand: Hand) -> None:
    protocol.approve(hand.identifier, caller=hand.pioneer)


def refused(hand: Hand) -> None:
    """Refuse a payment of another amount than ordered, without reaching Pi to cancel it."""
    hand.pi.tamper(hand.identifier, amount="0.5")
    hand.pi.faults.add("down", path="/cancel", times=1)
    with suppress(Refused):
        protocol.approve(hand.identifier, caller=hand.pioneer)


def overdue(hand: Hand) -> None:
    approved(hand)
    pass_time(hand.pi, HOLD_IS_OVER)


def signed(hand: Hand) -> None:
    approved(hand)
    hand.pi.sign(hand.identifier)


def signed_unseen(hand: Hand) -> None:
    """Sign, before Pi records the transaction."""
    approved(hand)
    hand.pi.sign(hand.identifier, recorded=False)


def signed_overdue(hand: Hand) -> None:
    signed(hand)
    pass_time(hand.pi, HOLD_IS_OVER)


def dropped(hand: Hand) -> None:
    """Press cancel in the wallet; we have not heard of it."""
    approved(hand)
    hand.pi.cancel_by_user(hand.identifier)


def completion_unanswered(hand: Hand) -> None:
    signed(hand)
    hand.pi.faults.add("lose_answer", path="/complete", times=1)
    with suppress(PiUnclear):
        protocol.complete(hand.identifier, hand.txid, caller=hand.pioneer)


def paid(hand: Hand) -> None:
    signed(hand)
    protocol.complete(hand.identifier, hand.txid, caller=hand.pioneer)


def given_up(hand: Hand) -> None:
    """Give up a payment that is signed but not recorded: its money may still come, and the order is open."""
    signed_unseen(hand)
    protocol.recover(hand.identifier, caller=hand.pioneer)


def late(hand: Hand) -> None:
    """Do the same, and have Pi record the transaction after all."""
    given_up(hand)
    hand.pi.record_transaction(hand.identifier)


def late_after_cancel(hand: Hand) -> None:
    signed_unseen(hand)
    protocol.cancel_order(hand.order_now(), by=hand.by)
    hand.pi.record_transaction(hand.identifier)


def late_after_expiry(hand: Hand) -> None:
    signed_unseen(hand)
    pass_time(hand.pi, HOLD_IS_OVER)
    protocol.recover(hand.identifier, caller=hand.pioneer)
    hand.pi.record_transaction(hand.identifier)


def in_review(hand: Hand) -> None:
    late_after_cancel(hand)
    protocol.recover(hand.identifier, caller=hand.pioneer)


def refund_approved(hand: Hand) -> None:
    in_review(hand)
    approve(Refund.objects.get(payment__identifier=hand.identifier))


def verifying(hand: Hand) -> None:
    """Sign, before Pi verifies the transaction."""
    approved(hand)
    hand.pi.sign(hand.identifier, verified=False)
    with suppress(NotCompleted):
        protocol.complete(hand.identifier, hand.txid, caller=hand.pioneer)


def unverified(hand: Hand) -> None:
    """Wait for a verification that never comes."""
    verifying(hand)
    pass_time(hand.pi, PATIENCE)
    with suppress(NotCompleted):
        protocol.complete(hand.identifier, hand.txid, caller=hand.pioneer)


def verified_late(hand: Hand) -> None:
    unverified(hand)
    hand.pi.verify_transaction(hand.identifier)


def expired(hand: Hand) -> None:
    """Let the time run out; the wallet opens a payment for the order all the same."""
    Order.objects.filter(pk=hand.order.pk).update(expires_at=hand.order.created_at)
    protocol.expire(hand.order_now(), pi=protocol.PiClient(seconds=9), by=Author("test", "expire"))


def forgotten(hand: Hand) -> None:
    """Have Pi forget the payment."""
    approved(hand)
    hand.pi.reset()


Chapter = Callable[[Hand], None]
ALONE: tuple[Chapter, ...] = (
    *(ordered, seen, approving, approval_unanswered, approved, refused, overdue),
    *(signed, signed_unseen, signed_overdue, dropped, completion_unanswered, paid),
    *(given_up, late, late_after_cancel, late_after_expiry, in_review, refund_approved),
    *(verifying, unverified, verified_late, expired, forgotten),
)
# How far alice's order and payment are, and how far bob's, who wants the same last unit.
TWO_ORDERS: tuple[tuple[Chapter, Chapter], ...] = (
    *((ordered, ordered), (approving, ordered), (approved, ordered), (overdue, ordered)),
    *((signed, ordered), (dropped, ordered), (paid, ordered), (expired, ordered)),
    *((late, ordered), (late, approved), (late, late), (given_up, approved)),
    *((late_after_expiry, late_after_cancel), (in_review, late), (in_review, in_review)),
)
# The same of two payments for alice's order.
TWO_PAYMENTS: tuple[tuple[Chapter, Chapter], ...] = (
    *((ordered, ordered), (seen, seen), (approving, ordered), (approval_unanswered, ordered)),
    *((approved, ordered), (overdue, ordered), (signed, ordered), (dropped, ordered)),
    *((given_up, ordered), (given_up, approved), (late, ordered), (late, approved), (late, late)),
    *((late_after_cancel, ordered), (late_after_expiry, ordered), (paid, ordered)),
    *((in_review, ordered), (unverified, ordered), (verified_late, ordered)),
)


@dataclass(frozen=True)
class Meeting:
    """Where two actors meet: a setting, and how far each hand's story has come."""

    setting: str
    chapters: tuple[Chapter, ...]
    tell: Callable[..., Scene]

    def __str__(self) -> str:
        return f"{self.setting}: {' and '.join(chapter.__name__ for chapter in self.chapters)}"


# Setting the scene ------------------------------------------------------------------------------------


def one_payment(pi: Simulator, chapter: Chapter) -> Scene:
    goods = _goods(mugs=3)
    hand = _tap(_order(pi, "alice", BASKET))
    chapter(hand)
    return Scene(pi, goods, hand, hand)


def two_orders(pi: Simulator, mine: Chapter, theirs: Chapter) -> Scene:
    goods = _goods(mugs=1)
    alice, bob = _order(pi, "alice", LAST_UNIT), _order(pi, "bob", LAST_UNIT)
    mine(_tap(alice))
    theirs(_tap(bob))
    return Scene(pi, goods, alice, bob)


def two_payments(pi: Simulator, mine: Chapter, theirs: Chapter) -> Scene:
    goods = _goods(mugs=3)
    first = _tap(_order(pi, "alice", BASKET))
    mine(first)
    second = _second_tap(first)
    theirs(second)
    return Scene(pi, goods, first, second)


def wipe() -> None:
    """Empty the tables that a scene fills, in a fraction of the time that a flush takes."""
    with transaction.atomic(), connection.cursor() as cursor:
        for model in TABLES:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608


def _goods(*, mugs: int) -> Goods:
    home, _ = Category.objects.get_or_create(name="Home", slug="home")
    mug, voucher = (
        Product.objects.get_or_create(slug=name, category=home, defaults={"name": name, "published": True})[0]
        for name in ("mug", "voucher")
    )
    codes = Delivery.CODE
    Variant.objects.create(product=mug, sku="mug", price=Decimal("1.5"), on_hand=mugs)
    sold = Variant.objects.create(
        product=voucher, sku="voucher", price=Decimal("0.1"), delivery=codes, on_hand=3
    )
    DeliveryCode.objects.bulk_create(DeliveryCode(variant=sold, text=f"CODE-{n}") for n in range(3))
    return Goods()


def _order(pi: Simulator, username: str, basket: Mapping[str, int]) -> Hand:
    uid = pi.pioneer(username).uid
    pioneer, _ = Pioneer.objects.get_or_create(uid=uid, username=username)
    order = protocol.place_order(pioneer, basket, shipping=HOME, idempotency_key="tap")
    return Hand(pi, pioneer, order, basket)


def _tap(hand: Hand) -> Hand:
    """Open the wallet: from here on Pi gives us a minute to approve."""
    hand.identifier = _payment(hand, hand.pi.pioneer(hand.pioneer.username))
    return hand


def _second_tap(first: Hand) -> Hand:
    """Begin a second open payment of the order, as if Pi had let the pioneer begin both."""
    second = replace(first)
    second.identifier = _payment(first, first.pi.pioneer(f"{first.pioneer}'s other phone"))
    first.pi.tamper(second.identifier, user_uid=first.pioneer.uid)
    return second


def _payment(hand: Hand, payer: AtPi) -> str:
    metadata = {"order": hand.order.reference}
    return hand.pi.create_payment(payer, amount=hand.order.total, memo="m", metadata=metadata)


SETTINGS = {
    "one payment": [Meeting("one payment", (chapter,), one_payment) for chapter in ALONE],
    "two orders": [Meeting("two orders", both, two_orders) for both in TWO_ORDERS],
    "two payments": [Meeting("two payments", both, two_payments) for both in TWO_PAYMENTS],
}


def meeting(setting: str, *chapters: Chapter) -> Meeting:
    return next(one for one in SETTINGS[setting] if one.chapters == chapters)
