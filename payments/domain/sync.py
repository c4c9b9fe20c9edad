"""What Pi's record shows, applied to our rows: one commit each, and harmless to repeat.

Pi's flags are applied by rank (completed, then a transaction, then cancelled, then approved), so that reports
which arrive twice or out of order lead to the same result. Money first, goods second.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import OperationalError, transaction
from django.utils import timezone

from catalog import stock
from payments.domain import gate
from payments.domain.delivery import Take, hand_over
from payments.domain.notices import set_notice
from payments.domain.refunds import COUNTED, request_refund
from payments.models import EventKind, Order, PiPayment, Refund
from payments.moves import Author, locked, move, record
from payments.pi.client import PaymentRecord, PiUnclear
from payments.statuses import (
    LIVE,
    OPEN,
    WITH_GOODS,
    Notice,
    OrderStatus,
    PaymentStatus,
    RefundOrigin,
    ReviewReason,
)

logger = logging.getLogger(__name__)

# When to check again a payment under way, and one that has ended, but that the buyer could have signed.
LOOK_SOON = timedelta(minutes=1)
LOOK_AGAIN = timedelta(minutes=10)


class Contradiction(PiUnclear):
    """What Pi says of this one payment cannot be true. Others are not affected; staff should look."""


def apply_record(payment: PiPayment, shown: PaymentRecord, *, by: Author) -> PiPayment:
    """Apply Pi's flags to our status by rank: completed, a transaction, cancelled, approved."""
    if shown.completed and _paid_another(shown.txid, payment):
        return _refuse_txid(payment)
    if shown.completed:
        return _record_completed(payment, shown, by=by)
    if shown.txid:
        return _record_submitted(payment, shown, by=by)
    if shown.cancelled:
        return record_cancelled(payment, by=by, could_be_signed=shown.developer_approved)
    if payment.status in LIVE and payment.order is not None:
        code = gate.mismatch(payment.order, shown)
        if code:
            return _note_mismatch(payment, code, by=by)
    if shown.developer_approved and payment.status == PaymentStatus.APPROVING:
        return _record_approved(payment, by=by)
    return payment


def _record_approved(payment: PiPayment, *, by: Author) -> PiPayment:
    with locked(payment) as (payment, _):
        if payment.status == PaymentStatus.APPROVING:
            move(payment, PaymentStatus.APPROVED, by=by)
    return payment


def _record_submitted(payment: PiPayment, shown: PaymentRecord, *, by: Author) -> PiPayment:
    if payment.status not in (*OPEN, PaymentStatus.CANCELLED):
        return payment
    with locked(payment) as (payment, _):
        if payment.status in (*OPEN, PaymentStatus.CANCELLED):
            move(
                payment,
                PaymentStatus.SUBMITTED,
                by=by,
                txid=shown.txid,
                from_address=shown.from_address,
                next_check_at=timezone.now() + LOOK_SOON,
            )
    return payment


def record_cancelled(
    payment: PiPayment, *, by: Author, note: str = "", could_be_signed: bool = False
) -> PiPayment:
    """Mark the payment cancelled and release its goods in the same commit.

    `could_be_signed`: Pi says that it was approved, even if a restored database does not know that.
    """
    if payment.status not in OPEN:
        return payment
    with locked(payment) as (payment, order):
        if payment.status in OPEN:
            watched = could_be_signed or payment.held_at is not None
            next_check_at = timezone.now() + LOOK_AGAIN if watched else None
            move(payment, PaymentStatus.CANCELLED, by=by, note=note, next_check_at=next_check_at)
            if order is not None and order.held_by_id == payment.pk:
                in_time = order.expires_at > timezone.now()
                to = OrderStatus.PENDING if in_time else OrderStatus.EXPIRED
                _release(order, to, by=by)
    return payment


def record_failed(payment: PiPayment, *, by: Author, note: str) -> PiPayment:
    with locked(payment) as (payment, order):
        if payment.status == PaymentStatus.SUBMITTED:
            move(
                payment,
                PaymentStatus.FAILED,
                by=by,
                note=note,
                next_check_at=timezone.now() + LOOK_AGAIN,
            )
            held_here = order is not None and order.held_by_id == payment.pk
            if order is not None and (held_here or order.status == OrderStatus.PENDING):
                _review(order, ReviewReason.TX_UNVERIFIED, by=by)
            else:
                set_notice(payment, Notice.UNVERIFIED)
    return payment


def _record_completed(payment: PiPayment, shown: PaymentRecord, *, by: Author) -> PiPayment:
    """Money first, goods second: whatever happens to the goods, the completed payment is committed."""
    if payment.status == PaymentStatus.COMPLETED:
        return payment
    with locked(payment) as (payment, order):
        if payment.status == PaymentStatus.COMPLETED:
            return payment
        move(
            payment,
            PaymentStatus.COMPLETED,
            by=by,
            txid=shown.txid,
            amount=shown.amount,
            from_address=shown.from_address,
            next_check_at=None,
            notice="",  # whatever it said no longer applies, and nobody will check again
            notice_detail="",
        )
        problem = _use_money(payment, order, shown, by=by)
        if problem:
            request_refund(payment, reason=problem, by=by, origin=RefundOrigin.SHOP)
    return payment


def _use_money(payment: PiPayment, order: Order | None, shown: PaymentRecord, *, by: Author) -> str:
    """Hand over the goods for the money. Return why it could not be used, in words, or nothing."""
    if order is None:
        return f"no order for it ({payment.refusal or 'unknown'})"
    held = order.held_by_id == payment.pk
    mismatch = gate.mismatch(order, shown)
    if mismatch:
        if held:
            _review(order, ReviewReason.AMOUNT_MISMATCH, by=by, note=mismatch)
        return f"not what was ordered: {mismatch}"
    if held:
        return _deliver(order, stock.consume, by=by)
    if order.status in (OrderStatus.PENDING, OrderStatus.EXPIRED):
        return _deliver(order, stock.take, by=by, note="paid_late")
    if order.status == OrderStatus.CANCELLED:
        _review(order, ReviewReason.PAID_AFTER_CANCEL, by=by)
        return "paid after the order was cancelled"
    if order.status in WITH_GOODS and not _has_other_money(order, payment):
        # Staff honoured the order while this money was in doubt: the goods are out, and this pays for them.
        record(order, EventKind.NOTED, by=by, note="its money came after it was honoured")
        return ""
    set_notice(order, Notice.UNUSABLE_MONEY)
    return f"the order is already {order.get_status_display()}"


def _has_other_money(order: Order, payment: PiPayment) -> bool:
    """Return whether another payment paid for the goods, even if staff want to refund that one."""
    enough = order.payments.filter(status=PaymentStatus.COMPLETED, amount__gte=order.total)
    unused = Refund.objects.filter(origin=RefundOrigin.SHOP, status__in=COUNTED).values("payment")
    return enough.exclude(pk=payment.pk).exclude(pk__in=unused).exists()


def _deliver(order: Order, take: Take, *, by: Author, note: str = "") -> str:
    try:
        with transaction.atomic():
            hand_over(order, take, by=by, note=note)
    except stock.OutOfStock:
        order.refresh_from_db()
        _review(order, ReviewReason.STOCK_GONE, by=by)
        return "paid late, and the goods are gone"
    except OperationalError:
        raise  # a busy database says nothing about the goods; the next check finds the money again
    except Exception:  # the money must stay recorded, whatever goes wrong in delivery
        logger.exception("order %s is paid, but could not be delivered", order.reference)
        order.refresh_from_db()
        _review(order, ReviewReason.DELIVERY_FAILED, by=by)
        return "the goods could not be delivered"
    return ""


def _review(order: Order, reason: ReviewReason, *, by: Author, note: str = "") -> None:
    if order.held_by_id is not None:
        stock.release(order.quantities())
    move(
        order,
        OrderStatus.NEEDS_REVIEW,
        by=by,
        note=note or reason.label,
        review_reason=reason,
        held_by=None,
        reserved_until=None,
    )


def _release(order: Order, to: OrderStatus, *, by: Author) -> None:
    stock.release(order.quantities())
    move(order, to, by=by, held_by=None, reserved_until=None)


def _paid_another(txid: str | None, payment: PiPayment) -> bool:
    """Return whether another payment was completed with it. One that merely shows it proves nothing."""
    paid = PiPayment.objects.filter(txid=txid, status=PaymentStatus.COMPLETED)
    return payment.status != PaymentStatus.COMPLETED and paid.exclude(pk=payment.pk).exists()


def _refuse_txid(payment: PiPayment) -> PiPayment:
    set_notice(payment, Notice.FOREIGN_TRANSACTION)
    raise Contradiction(f"payment {payment} shows the transaction of another payment")


def _note_mismatch(payment: PiPayment, code: str, *, by: Author) -> PiPayment:
    """Refuse a payment that no longer is what passed the gate. It is not signed, so Pi can cancel it."""
    with locked(payment) as (payment, _):
        if payment.status in LIVE and not payment.refusal:
            remember_refusal(payment, code, by=by, note=f"no longer what was approved: {code}")
    return payment


def remember_refusal(payment: PiPayment, code: str, *, by: Author, note: str) -> None:
    PiPayment.objects.filter(pk=payment.pk).update(refusal=code)
    payment.refusal = code
    record(payment, EventKind.REFUSED, by=by, note=note)
