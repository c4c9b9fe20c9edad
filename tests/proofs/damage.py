"""Guards taken out of the shop, one at a time: each proof must show the harm, or it proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db.models import F

from catalog import stock
from catalog.models import Variant
from payments.domain import decisions, delivery, protocol, refunds, sync
from payments.domain import settle as settlement
from payments.models import EventKind, PiPayment
from payments.moves import Author, Subject, move, record
from payments.pi.client import PaymentRecord, PiClient
from payments.statuses import OPEN, OrderStatus, PaymentStatus

Patch = pytest.MonkeyPatch


def release_without_asking_pi(patch: Patch) -> None:
    """Give up a payment by taking the goods back, and do not tell Pi."""
    ask = settlement._take_step

    def take_step(step: str, payment: PiPayment, shown: PaymentRecord, pi: PiClient) -> PaymentRecord:
        return replace(shown, cancelled=True) if step == "cancel" else ask(step, payment, shown, pi)

    patch.setattr(settlement, "_take_step", take_step)


def move_what_was_read(patch: Patch) -> None:
    """Read, then write: overwrite the status that the row has now."""

    def careless(subject: Subject, to: str, *, by: Author, note: str = "", **values: Any) -> None:
        before = subject.status
        type(subject)._default_manager.filter(pk=subject.pk).update(status=to, **values)
        for name, value in {"status": to, **values}.items():
            setattr(subject, name, value)
        record(subject, EventKind.MOVED, by=by, before=before, after=to, note=note)

    for module in (protocol, sync, delivery, refunds):
        patch.setattr(module, "move", careless)


def release_what_others_hold(patch: Patch) -> None:
    """Take the order's goods back when a payment ends, whoever holds them."""

    def record_cancelled(payment: PiPayment, *, by: Author, note: str = "", **_: bool) -> PiPayment:
        with sync.locked(payment) as (fresh, order):
            if fresh.status in OPEN:
                move(fresh, PaymentStatus.CANCELLED, by=by, note=note, next_check_at=None)
                if order is not None and order.status == OrderStatus.RESERVED:
                    sync._release(order, OrderStatus.PENDING, by=by)
        return fresh

    patch.setattr(sync, "record_cancelled", record_cancelled)


def keep_money_that_is_not_used(patch: Patch) -> None:
    patch.setattr(sync, "request_refund", lambda *_, **__: None)


def honour_while_money_leaves(patch: Patch) -> None:
    patch.setattr(decisions._Case, "decline_if_money_leaves", lambda _: None)


def forget_what_is_cancelled(patch: Patch) -> None:
    """Never look at a cancelled payment again."""
    cancel = sync.record_cancelled

    def record_cancelled(payment: PiPayment, **told: Any) -> PiPayment:
        payment = cancel(payment, **told)
        PiPayment.objects.filter(pk=payment.pk, status=PaymentStatus.CANCELLED).update(next_check_at=None)
        return payment

    patch.setattr(sync, "record_cancelled", record_cancelled)


def look_at_nothing_later(patch: Patch) -> None:
    """Schedule no check of new payments."""
    patch.setattr(protocol, "_soon", lambda: None)


def hand_over_in_a_second_commit(patch: Patch) -> None:
    """Record the money in one commit, the goods in another."""

    def record_completed(payment: PiPayment, shown: PaymentRecord, *, by: Author) -> PiPayment:
        with sync.locked(payment) as (fresh, _):
            if fresh.status == PaymentStatus.COMPLETED:
                return fresh
            move(fresh, PaymentStatus.COMPLETED, by=by, txid=shown.txid, next_check_at=None)
        with sync.locked(payment) as (fresh, order):
            sync._use_money(fresh, order, shown, by=by)
        return fresh

    patch.setattr(sync, "_record_completed", record_completed)


def approve_before_the_hold(patch: Patch) -> None:
    """Let Pi take the signature first, and only then hold the goods."""
    hold = protocol._hold

    def hold_late(payment: PiPayment, shown: PaymentRecord, *, by: Author) -> PiPayment:
        PiClient(seconds=9).approve(payment.identifier)
        return hold(payment, shown, by=by)

    patch.setattr(protocol, "_hold", hold_late)


def hold_more_than_there_is(patch: Patch) -> None:
    """Look at the stock first and take it afterwards, without asking the database to forbid it."""

    def hold(quantities: stock.Quantities) -> None:
        for variant_id, quantity in quantities.items():
            Variant.objects.filter(pk=variant_id).update(reserved=F("reserved") + quantity)

    patch.setattr(protocol.stock, "hold", hold)
