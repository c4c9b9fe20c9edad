"""Settling a payment: Pi's own record decides how far it can go now.

Every entry point of `protocol`, every command and every staff action that asks Pi leads here. Pi is asked
while no transaction is open; `sync` commits its answers.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from payments.domain.notices import clear_notice, set_notice
from payments.domain.sync import Contradiction, apply_record, record_failed
from payments.models import EventKind, PiPayment
from payments.moves import Author, record
from payments.pi.client import PaymentRecord, PiClient, PiRefused, PiUnclear
from payments.statuses import UNFINISHED, Notice, PaymentStatus

# How long a payment may take to reach the gate before it is cancelled at Pi, and how long Pi may refuse to
# verify a transaction before we assume that it never will.
PATIENCE = timedelta(minutes=10)
# With these codes Pi says that it looked at the transaction and does not accept it.
UNVERIFIED = frozenset({"verification_failed", "not_verified"})


class UnknownPayment(Exception):
    """Pi knows no such payment of this app, or it is an outgoing one. Nothing was changed at Pi."""


def settle(payment: PiPayment, *, pi: PiClient, by: Author, give_up: bool = False) -> PiPayment:
    """Bring one payment as far as it can go now, by what Pi's own record says.

    Completed: record the money, then hand over the goods. Signed: complete it at Pi, then the same.
    Cancelled: release its goods. Open and `give_up` (or refused before): cancel it at Pi, then release them.
    Open and Pi's answer to our approval was lost: approve it again. Otherwise wait.

    Raise PiUnclear or PiMisconfigured when Pi cannot say, UnknownPayment when Pi does not know it, PiRefused
    when Pi refuses for a reason that its record does not explain.
    """
    shown = look_up(payment.identifier, pi, known=payment)
    payment = apply_record(payment, shown, by=by)
    tried: set[str] = set()
    while step := _next_step(payment, shown, give_up=give_up):
        if step in tried:
            set_notice(payment, Notice.NOT_MOVED, step)
            raise Contradiction(f"Pi answered {step} of {payment}, but nothing has moved")
        tried.add(step)
        try:
            shown = _take_step(step, payment, shown, pi)
        except PiRefused as refusal:
            # Often the payment is further along than we knew. Believe the record, not the refusal.
            shown = look_up(payment.identifier, pi, known=payment)
            payment = apply_record(payment, shown, by=by)
            if _next_step(payment, shown, give_up=give_up) == step:
                return _stuck(payment, shown, refusal, by=by)
        payment = apply_record(payment, shown, by=by)
    clear_notice(payment)
    return payment


def settle_unless_completed(
    payment: PiPayment, *, pi: PiClient, by: Author, give_up: bool = False
) -> PiPayment:
    """Settle, unless completed: that is final, so identifiers copied from the chain cause no calls to Pi."""
    if payment.status == PaymentStatus.COMPLETED:
        return payment
    return settle(payment, pi=pi, by=by, give_up=give_up)


def look_up(identifier: str, pi: PiClient, *, known: PiPayment | None = None) -> PaymentRecord:
    try:
        shown = pi.get_payment(identifier)
    except PiRefused as refusal:
        if refusal.code != "payment_not_found":
            raise PiUnclear(str(refusal)) from refusal
        if known is not None:
            # One that has ended, perhaps closed by staff for that very reason, needs no attention.
            set_notice(known, Notice.NOT_SHOWN) if known.status in UNFINISHED else clear_notice(known)
        raise UnknownPayment(identifier) from refusal
    if shown.direction != "user_to_app":
        raise UnknownPayment(identifier)
    return shown


def _next_step(payment: PiPayment, shown: PaymentRecord, *, give_up: bool) -> str | None:
    if payment.status in (PaymentStatus.COMPLETED, PaymentStatus.CANCELLED):
        return None
    if shown.txid or payment.txid:
        return "complete"
    if give_up or payment.refusal:
        return "cancel"
    return "approve" if payment.status == PaymentStatus.APPROVING else None


def _take_step(step: str, payment: PiPayment, shown: PaymentRecord, pi: PiClient) -> PaymentRecord:
    if step == "complete":
        return pi.complete(payment.identifier, shown.txid or payment.txid or "")
    return pi.cancel(payment.identifier) if step == "cancel" else pi.approve(payment.identifier)


def _stuck(payment: PiPayment, shown: PaymentRecord, refusal: PiRefused, *, by: Author) -> PiPayment:
    """Mark the payment failed if Pi has long refused to verify its transaction; raise any other refusal.

    Pi may be about to verify it: a repeated call of ours came too soon, or Pi lags behind the chain. So the
    goods stay held for a while, and every later check asks Pi to complete it again. A transaction that Pi no
    longer shows counts as not verified.
    """
    is_gone = payment.txid is not None and shown.txid is None
    if is_gone or (refusal.code in UNVERIFIED and shown.txid and not shown.transaction_verified):
        clear_notice(payment)
        if timezone.now() - _doubted_since(payment, refusal, by=by) < PATIENCE:
            return payment
        return record_failed(payment, by=by, note=str(refusal))
    set_notice(payment, Notice.PI_REFUSES, str(refusal))
    raise refusal


def _doubted_since(payment: PiPayment, refusal: PiRefused, *, by: Author) -> datetime:
    """Return when Pi first refused to verify its transaction: now, if it never did."""
    now = timezone.now()
    if payment.doubted_at is None:
        with transaction.atomic(durable=True):
            if PiPayment.objects.filter(pk=payment.pk, doubted_at=None).update(doubted_at=now):
                note = f"Pi does not verify its transaction yet ({refusal})"
                record(payment, EventKind.NOTED, by=by, note=note)
        payment.refresh_from_db(fields=["doubted_at"])
    return payment.doubted_at or now
