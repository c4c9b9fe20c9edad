"""Every way in which somebody changes something: our entry points, and what happens only at Pi."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from catalog import stock
from catalog.models import DeliveryCode, Variant
from catalog.stock import OutOfStock
from payments.domain import decisions, protocol, refunds
from payments.domain.decisions import Declined
from payments.domain.ordering import Refused
from payments.domain.protocol import NotCompleted
from payments.domain.reconciliation import reconcile_due
from payments.domain.refunds import RefundImpossible
from payments.domain.settle import UnknownPayment
from payments.models import PiPayment, Refund
from payments.moves import Author, Overtaken
from payments.pi.client import PiClient, PiRefused, PiUnclear
from pi_simulator.refusal import SimulatorRefusal
from tests.proofs.promises import CLEANER, RECONCILER
from tests.proofs.scenes import (
    HOME,
    Chapter,
    Hand,
    Scene,
    approved,
    approving,
    completion_unanswered,
    dropped,
    expired,
    forgotten,
    given_up,
    in_review,
    late,
    late_after_cancel,
    late_after_expiry,
    ordered,
    overdue,
    paid,
    refund_approved,
    refused,
    seen,
    signed,
    signed_overdue,
    signed_unseen,
    unverified,
    verified_late,
)

# How an entry point may refuse; everything else would be a 500, or a traceback for staff.
REFUSALS = (
    *(Refused, OutOfStock, NotCompleted, UnknownPayment, Overtaken, PiUnclear, PiRefused),
    *(Declined, RefundImpossible, SimulatorRefusal, CommandError),
)
EntryPoint = Callable[[Scene, Hand], object]


# The buyer's page and the SDK --------------------------------------------------------------------------


def place_order(scene: Scene, hand: Hand) -> object:
    """Tap once, for another basket than the scene's; everybody in the scene sends the same tap."""
    return protocol.place_order(hand.pioneer, hand.basket, shipping=HOME, idempotency_key="another tap")


def order_again(scene: Scene, hand: Hand) -> object:
    return protocol.place_order(hand.pioneer, hand.basket, shipping=HOME)


def approve(scene: Scene, hand: Hand) -> object:
    return protocol.approve(hand.identifier, caller=hand.pioneer)


def complete(scene: Scene, hand: Hand) -> object:
    return protocol.complete(hand.identifier, hand.txid, caller=None)


def cancel(scene: Scene, hand: Hand) -> object:
    return protocol.cancel(hand.identifier, caller=None)


def report_error(scene: Scene, hand: Hand) -> object:
    return protocol.report_error(hand.identifier, "it hangs", caller=None)


def recover(scene: Scene, hand: Hand) -> object:
    return protocol.recover(hand.identifier, caller=None)


def cancel_order(scene: Scene, hand: Hand) -> object:
    return protocol.cancel_order(hand.order_now(), by=hand.by)


def reopen(scene: Scene, hand: Hand) -> object:
    return protocol.reopen(hand.order_now(), by=Author(f"pioneer {hand.pioneer}", "reopen"))


# The commands --------------------------------------------------------------------------------------------


def reconcile(scene: Scene, hand: Hand) -> object:
    """Reconcile after all that anybody had claimed is due again."""
    _make_due()
    return list(reconcile_due(proceed=lambda: True, by=RECONCILER))


def expire(scene: Scene, hand: Hand) -> object:
    return protocol.expire(hand.order_now(), pi=PiClient(seconds=20), by=CLEANER)


def reconcile_payments(scene: Scene, hand: Hand) -> object:
    _make_due()
    return call_command("reconcile_payments", stdout=StringIO(), stderr=StringIO())


def cleanup_stale_orders(scene: Scene, hand: Hand) -> object:
    return call_command("cleanup_stale_orders", stdout=StringIO())


# Staff ---------------------------------------------------------------------------------------------------


def flag_refund(scene: Scene, hand: Hand) -> object:
    return refunds.flag_for_refund(_known(hand), reason="the buyer asked", by=_staff("flag_refund"))


def reject_refund(scene: Scene, hand: Hand) -> object:
    refund = Refund.objects.filter(payment__identifier=hand.identifier).last()
    if refund is None:
        raise Declined("nothing to reject")
    return decisions.reject_refund(refund, by=_staff("reject_refund"), note="a mistake")


def honour(scene: Scene, hand: Hand) -> object:
    return decisions.honour(hand.order_now(), by=_staff("honour"))


def ship(scene: Scene, hand: Hand) -> object:
    return decisions.ship(hand.order_now(), by=_staff("ship"))


def close_missing(scene: Scene, hand: Hand) -> object:
    return decisions.close_missing(_known(hand), pi=PiClient(seconds=9), by=_staff("close_missing"))


def take_a_unit_away(scene: Scene, hand: Hand) -> object:
    return _change_stock(scene, by=-1)


def add_a_unit(scene: Scene, hand: Hand) -> object:
    return _change_stock(scene, by=1)


def withdraw_a_code(scene: Scene, hand: Hand) -> object:
    code = DeliveryCode.objects.select_related("variant").filter(sold_at=None).first()
    if code is None:
        raise Declined("no code to withdraw")
    with transaction.atomic():
        # Told in the moment of the commit: who dies right after it tells nobody.
        if withdrawn := stock.remove_code(code):
            transaction.on_commit(lambda: scene.goods.changed(code.variant, by=-1))
    return withdrawn


# What nobody asks us about -------------------------------------------------------------------------------


def buyer_signs(scene: Scene, hand: Hand) -> object:
    return scene.pi.sign(hand.identifier)


def buyer_signs_unseen(scene: Scene, hand: Hand) -> object:
    return scene.pi.sign(hand.identifier, recorded=False)


def pi_records(scene: Scene, hand: Hand) -> object:
    return scene.pi.record_transaction(hand.identifier)


def buyer_cancels(scene: Scene, hand: Hand) -> object:
    return scene.pi.cancel_by_user(hand.identifier)


ENTRY_POINTS: tuple[EntryPoint, ...] = (
    *(place_order, order_again, approve, complete, cancel, report_error, recover),
    *(reconcile, expire, cancel_order, reopen),
    *(flag_refund, reject_refund, honour, ship, close_missing),
    *(take_a_unit_away, add_a_unit, withdraw_a_code),
)
ELSEWHERE: tuple[EntryPoint, ...] = (buyer_signs, buyer_signs_unseen, pi_records, buyer_cancels)
RIVALS = ENTRY_POINTS + ELSEWHERE
COMMANDS: tuple[EntryPoint, ...] = (reconcile_payments, cleanup_stale_orders)


# The chapters in which an entry point has most to do: a short run meets it there.
AT_HOME: dict[EntryPoint, tuple[Chapter, ...]] = {
    place_order: (ordered, approved),
    order_again: (ordered, approved),
    approve: (ordered, seen, approving, dropped, late, expired),
    complete: (signed, signed_unseen, completion_unanswered, late, verified_late),
    cancel: (dropped, signed, late, approved),
    report_error: (ordered, approved, signed),
    recover: (approved, signed, signed_unseen, late, late_after_cancel, late_after_expiry, verified_late),
    reconcile: (overdue, signed, dropped, late, approving, refused, late_after_expiry),
    expire: (overdue, signed_overdue, ordered, given_up, late),
    cancel_order: (approved, ordered, signed_unseen, given_up, late),
    reopen: (expired, late_after_expiry),
    flag_refund: (paid, in_review),
    reject_refund: (in_review,),
    honour: (in_review, unverified, verified_late, refund_approved),
    ship: (paid,),
    close_missing: (forgotten, approved, dropped),
    take_a_unit_away: (approved, late, in_review),
    add_a_unit: (approved, late, in_review),
    withdraw_a_code: (signed, late, in_review),
    reconcile_payments: (overdue, signed, dropped, late, approving, refused, late_after_expiry),
    cleanup_stale_orders: (overdue, signed_overdue, expired),
}


def attempt(entry_point: EntryPoint, scene: Scene, hand: Hand) -> str:
    """Return what became of it: nothing when it was done, or the name of the refusal."""
    try:
        entry_point(scene, hand)
    except REFUSALS as refusal:
        return type(refusal).__name__
    return ""


def _known(hand: Hand) -> PiPayment:
    payment = hand.payment_now()
    if payment is None:
        raise Declined("staff do not see it yet")
    return payment


def _make_due() -> None:
    now = timezone.now() - timedelta(seconds=5)  # the database's clock is another
    PiPayment.objects.filter(next_check_at__isnull=False).update(next_check_at=now)


def _change_stock(scene: Scene, *, by: int) -> None:
    mug = Variant.objects.get(sku="mug")
    stock.change_on_hand(mug, by=by)
    scene.goods.changed(mug, by=by)


def _staff(cause: str) -> Author:
    return Author("staff carol", cause)
