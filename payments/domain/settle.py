"""What becomes of a payment: by Pi's own record it is brought as far as it can go now.

Every entry point of `protocol`, every command and every decision of staff that asks Pi leads here. Pi is
asked while no transaction is open; what it answers is committed by `sync`.
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

# A payment for which nothing is held is given this long to reach the gate, then it is cancelled at Pi. And so
# long Pi may refuse to verify a transaction before we think that it will not.
PATIENCE = timedelta(minutes=10)
# With these codes Pi says that it looked at the transaction and does not accept it.
UNVERIFIED = frozenset({"verification_failed", "not_verified"})


class UnknownPayment(Exception):
    """Pi knows no such payment of this app, or it is an outgoing one. Pi was left alone."""


def settle(payment: PiPayment, *, pi: PiClient, by: Author, give_up: bool = False) -> PiPayment:
    """This will bring one payment as far as it can go now, by what Pi's own record says.

    Completed: the money is recorded, then the goods go out. Signed: completed at Pi, then the same.
    Cancelled: what it holds is released. Alive and `give_up` (or refused before): cancelled at Pi, then
    released. Alive and our approval is not answered: approved again. Otherwise it waits.

    Raises PiUnclear or PiMisconfigured when Pi cannot say, UnknownPayment when Pi does not know it, PiRefused
    when Pi refuses for a reason that looking again does not explain.
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
            # Often things are further on than we knew. Believe the record, not the refusal.
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
    """Completed is the end, at Pi too: old identifiers, which stand on the chain, cost no question there."""
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
            # What is over, or staff closed for that reason, needs no more of their attention.
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
    """Pi refused, and its record shows why only when it does not verify the transaction it has.

    It may be about to: just asked by a repetition of ours, or itself behind the chain. So the goods stay held
    for a while, and also afterwards each look asks Pi to complete. A transaction that it shows no more is as
    good as not verified.
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
