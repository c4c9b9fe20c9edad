"""What happens to an order and its payment, from the tap on Buy to the receipt. Read this first.

    place_order    Buy pressed: price and total from our catalogue
    approve        onReadyForServerApproval: the gate, the hold, then Pi may take the buyer's signature
    complete       onReadyForServerCompletion: Pi confirms the money, the goods go out
    cancel         onCancel: a hint; check what is true
    report_error   onError: the same, and a note for staff
    recover        onIncompletePaymentFound: finish what an earlier visit left open
    reconcile      `reconcile_payments`: the same for buyers who never come back
    recover_paid   the chain shows it as paid, and our records may lack it
    expire         `cleanup_stale_orders`: orders that nobody paid
    cancel_order   the buyer or staff cancel an order
    reopen         the buyer tries an expired order again

They all lead to `settle`. Only Pi's own record moves a payment; what a browser sends is a hint about which
payment to check. Pi is never asked while a transaction is open: the intention is committed before, the
answer after. Everything here may be called twice, at once, late, or by a stranger.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import stock
from payments.domain import gate
from payments.domain.notices import set_notice
from payments.domain.ordering import NOWHERE, Refused, Shipping, check_still_offered, hold_time, write_order
from payments.domain.settle import PATIENCE, UnknownPayment, look_up, settle, settle_unless_completed
from payments.domain.sync import LOOK_SOON, apply_record, remember_refusal
from payments.models import EventKind, Order, Pioneer, PiPayment
from payments.moves import Author, Overtaken, begin, locked, move, record
from payments.pi.client import PaymentRecord, PiClient, PiError, PiRefused
from payments.statuses import LIVE, UNFINISHED, Cause, Notice, OrderStatus, PaymentStatus

logger = logging.getLogger(__name__)

# All that one callback does at Pi must fit in here: the SDK repeats the callback after ten seconds.
CALLBACK_SECONDS = 9
ERRORS_KEPT = 5


class WrongCaller(Exception):
    """The caller has proven to be someone other than the payer. Nothing was changed at Pi."""


class NotCompleted(Exception):
    """Pi has not completed the payment, so nothing was delivered."""

    def __init__(self, payment: PiPayment) -> None:
        super().__init__(f"payment {payment} is {payment.status}, not completed")


# The entry points, in the order in which a payment reaches them ---------------------------------------


def place_order(
    pioneer: Pioneer,
    basket: Mapping[str, int],
    *,
    shipping: Shipping | None = None,
    idempotency_key: str | None = None,
) -> Order:
    """Write a pending order of the skus and quantities in `basket`, at our prices. Hold no goods yet.

    With a key that this pioneer has used before, return the earlier order. Raise Refused (also
    `idempotency_conflict`, when the basket or the address differs from the earlier one) and OutOfStock.
    """
    by = _by(pioneer, Cause.PLACE_ORDER)
    earlier = _ordered_before(pioneer, basket, shipping, idempotency_key)
    if earlier is not None:
        return earlier
    try:
        with transaction.atomic(durable=True):
            return write_order(pioneer, basket, by=by, shipping=shipping, idempotency_key=idempotency_key)
    except IntegrityError:
        # The same tap arrived twice at once, and the other request was faster.
        earlier = _ordered_before(pioneer, basket, shipping, idempotency_key)
        if earlier is None:
            raise
        return earlier


def approve(identifier: str, *, caller: Pioneer | None, pi: PiClient | None = None) -> PiPayment:
    """Let the buyer sign, if the payment is exactly what was ordered and the goods can be held.

    `pi` is the callback's client when checking the access token has already used some of its time.
    Raise WrongCaller (nothing is done at Pi), UnknownPayment, or Refused with a code after cancelling the
    payment at Pi, so that the dialog closes at once. On PiError nothing is lost: the SDK repeats the call.
    """
    by, pi = _by(caller, Cause.APPROVE), pi or PiClient(seconds=CALLBACK_SECONDS)
    payment = _known(identifier)
    if payment is not None and payment.status != PaymentStatus.CREATED:
        _refuse_wrong_caller(payment.user_uid, caller)
        return _bring_to_approval(payment, pi=pi, by=by)
    shown = look_up(identifier, pi)
    _refuse_wrong_caller(shown.user_uid, caller)
    payment = _note(shown, by=by)
    if shown.txid or shown.cancelled or payment.refusal:
        return _bring_to_approval(payment, pi=pi, by=by)
    _settle_rival(payment, pi=pi, by=by)
    try:
        payment = _hold(payment, shown, by=by)
    except (Refused, stock.OutOfStock) as problem:
        refusal = problem if isinstance(problem, Refused) else Refused("out_of_stock")
        _refuse(payment, refusal, pi=pi, by=by)
        raise refusal from problem
    return _bring_to_approval(payment, pi=pi, by=by)


def complete(identifier: str, txid: str, *, caller: Pioneer | None) -> PiPayment:
    """Have Pi confirm the money, then hand over the goods. Return only a completed payment.

    `txid` is what the browser claims: it is passed to Pi, never stored. Raise NotCompleted when Pi does not
    confirm, UnknownPayment, or PiError; then the payment stays open and is completed later.
    """
    by, pi = _by(caller, Cause.COMPLETE), PiClient(seconds=CALLBACK_SECONDS)
    payment = _known(identifier)
    if payment is not None and payment.status == PaymentStatus.COMPLETED:
        return payment
    if payment is not None and payment.status in (*LIVE, PaymentStatus.SUBMITTED):
        payment = _complete_at_once(payment, txid, pi=pi, by=by)
    else:
        payment = _find(identifier, pi=pi, by=by)
    if payment.status != PaymentStatus.COMPLETED:
        payment = settle(payment, pi=pi, by=by)
    if payment.status != PaymentStatus.COMPLETED:
        raise NotCompleted(payment)
    return payment


def cancel(identifier: str, *, caller: Pioneer | None) -> PiPayment:
    """Check what is true after the browser said that its buyer cancelled. The browser's word releases
    nothing: the goods go back only when Pi says cancelled, too. Return the payment as it is now."""
    by, pi = _by(caller, Cause.CANCEL), PiClient(seconds=CALLBACK_SECONDS)
    return settle_unless_completed(_find(identifier, pi=pi, by=by), pi=pi, by=by)


def report_error(identifier: str, text: str, *, caller: Pioneer | None) -> PiPayment:
    """Keep a short note of what the browser saw, a few per payment, and check what is true."""
    by, pi = _by(caller, Cause.REPORT_ERROR), PiClient(seconds=CALLBACK_SECONDS)
    payment = _find(identifier, pi=pi, by=by)
    if payment.events.filter(cause=Cause.REPORT_ERROR, kind=EventKind.NOTED).count() < ERRORS_KEPT:
        with transaction.atomic(durable=True):
            record(payment, EventKind.NOTED, by=by, note=text[:200])
    return settle_unless_completed(payment, pi=pi, by=by)


def recover(identifier: str, *, caller: Pioneer | None) -> PiPayment:
    """Finish a payment that an earlier visit left open: complete it if it has a transaction, otherwise
    cancel it, so that the buyer is never locked out. May be called before sign-in."""
    by, pi = _by(caller, Cause.RECOVER), PiClient(seconds=CALLBACK_SECONDS)
    return settle_unless_completed(_find(identifier, pi=pi, by=by), pi=pi, by=by, give_up=True)


def reconcile(payment: PiPayment, *, pi: PiClient, by: Author) -> PiPayment:
    """Settle one unfinished payment, and cancel it once its hold has expired or nobody came back for it."""
    order = payment.order
    if order is not None and order.held_by_id == payment.pk and order.reserved_until is not None:
        give_up = order.reserved_until <= timezone.now()
    else:
        give_up = payment.created_at <= timezone.now() - PATIENCE
    return settle(payment, pi=pi, by=by, give_up=give_up)


def recover_paid(identifier: str, txid: str, *, pi: PiClient, by: Author) -> PiPayment:
    """Settle a payment that the chain shows as paid with `txid`, whether we know it or not.

    Pi decides: it looks the transaction up itself, and refuses one that belongs to another payment. Raise
    UnknownPayment when it is not ours (anybody can write anything into a memo), or PiError.
    """
    payment = settle(_find(identifier, pi=pi, by=by), pi=pi, by=by)
    if payment.txid is None:
        # Pi may not have heard of the transaction yet.
        payment = settle(_complete_at_once(payment, txid, pi=pi, by=by), pi=pi, by=by)
    if payment.txid is None:
        set_notice(payment, Notice.PAID_ON_CHAIN_ONLY)
    return payment


def expire(order: Order, *, pi: PiClient, by: Author) -> None:
    """Close an order that nobody paid in time; release held goods only after Pi has cancelled.

    Leave an order with a payment still open to `reconcile`.
    """
    if order.held_by is not None:
        settle(order.held_by, pi=pi, by=by, give_up=True)
        order.refresh_from_db()
    if order.status == OrderStatus.PENDING and not _has_open_payment(order):
        with transaction.atomic(durable=True):
            move(order, OrderStatus.EXPIRED, by=by)


def cancel_order(order: Order, *, by: Author) -> Order:
    """Cancel an unpaid order; first cancel at Pi any payment that holds its goods.

    Raise Refused `order_closed` when it is paid, is about to be, or can no longer be cancelled.
    """
    if order.held_by is not None:
        settle(order.held_by, pi=PiClient(seconds=CALLBACK_SECONDS), by=by, give_up=True)
        order.refresh_from_db()
    if order.status == OrderStatus.PENDING and not _is_signed(order):
        with transaction.atomic(durable=True):
            move(order, OrderStatus.CANCELLED, by=by)
    if order.status not in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
        raise Refused("order_closed")
    return order


def reopen(order: Order, *, by: Author) -> Order:
    """Open an expired order for another hold time. Raise Refused: `order_closed`, `price_changed`, or
    `not_for_sale` when the catalogue no longer offers what was ordered."""
    if order.status == OrderStatus.EXPIRED:
        check_still_offered(order)
        with transaction.atomic(durable=True):
            move(order, OrderStatus.PENDING, by=by, expires_at=timezone.now() + hold_time())
    if order.status not in (OrderStatus.PENDING, OrderStatus.RESERVED):
        raise Refused("order_closed")
    return order


# The gate, and the steps around it -------------------------------------------------------------------


def _hold(payment: PiPayment, shown: PaymentRecord, *, by: Author) -> PiPayment:
    """Reserve the order, mark the payment approving and hold the stock: one commit, the intention to approve.

    Raise Refused or OutOfStock with nothing changed. A repeated call changes nothing.
    """
    with locked(payment) as (payment, order):
        if payment.refusal:
            raise Refused(payment.refusal)
        if payment.status == PaymentStatus.CREATED:
            order = gate.order_for(order, shown, by=by)  # noqa: PLW2901  (a buy-now has none before)
            now = timezone.now()
            # The order moves first: its row decides between two payments that arrive at once.
            move(order, OrderStatus.RESERVED, by=by, held_by=payment, reserved_until=now + hold_time())
            move(payment, PaymentStatus.APPROVING, by=by, order=order, held_at=now, next_check_at=_soon())
            stock.hold(order.quantities())
    return payment


def _bring_to_approval(payment: PiPayment, *, pi: PiClient, by: Author) -> PiPayment:
    """Go on from the payment's status. Only an approved or completed one counts as success for the SDK."""
    if payment.status == PaymentStatus.APPROVING:
        payment = _ask_approval(payment, pi=pi, by=by)
    if payment.status not in (PaymentStatus.APPROVED, PaymentStatus.COMPLETED):
        payment = settle(payment, pi=pi, by=by)
    if payment.status == PaymentStatus.CANCELLED:
        raise Refused(payment.refusal or "payment_cancelled")
    if payment.status == PaymentStatus.FAILED:
        raise NotCompleted(payment)
    return payment


def _ask_approval(payment: PiPayment, *, pi: PiClient, by: Author) -> PiPayment:
    """Approve without looking first: two slow answers must fit into one callback's time."""
    try:
        shown = pi.approve(payment.identifier)
    except PiRefused:
        return payment
    return apply_record(payment, shown, by=by)


def _complete_at_once(payment: PiPayment, txid: str, *, pi: PiClient, by: Author) -> PiPayment:
    """Complete with the browser's txid, without looking first. If Pi refuses, nothing has happened."""
    try:
        shown = pi.complete(payment.identifier, txid)
    except PiRefused:
        return payment
    return apply_record(payment, shown, by=by)


def _settle_rival(payment: PiPayment, *, pi: PiClient, by: Author) -> None:
    """Settle the order's other payment, which Pi may have cancelled because the buyer started again."""
    rival = payment.order.held_by if payment.order is not None else None
    if rival is not None and rival.pk != payment.pk:
        with suppress(UnknownPayment):
            settle(rival, pi=pi, by=by)


def _refuse(payment: PiPayment, refusal: Refused, *, pi: PiClient, by: Author) -> None:
    """Record the reason, then cancel at Pi, so that the buyer's dialog closes instead of timing out."""
    with locked(payment) as (payment, _):
        if payment.status == PaymentStatus.CREATED and not payment.refusal:
            remember_refusal(payment, refusal.code, by=by, note=str(refusal))
    if not payment.refusal:
        raise Overtaken(f"payment {payment} is {payment.status}")
    try:
        settle(payment, pi=pi, by=by)
    except (PiError, UnknownPayment):
        # The next repeat or `reconcile_payments` will cancel it; the buyer is told why all the same.
        logger.warning("payment %s was refused, but is not yet cancelled at Pi", payment)


def _refuse_wrong_caller(payer_uid: str, caller: Pioneer | None) -> None:
    if caller is not None and caller.uid != payer_uid:
        raise WrongCaller


# Finding a payment -----------------------------------------------------------------------------------


def _find(identifier: str, *, pi: PiClient, by: Author) -> PiPayment:
    """Return our row of the payment, made from Pi's record if there is none."""
    return _known(identifier) or _note(look_up(identifier, pi), by=by)


def _known(identifier: str) -> PiPayment | None:
    return PiPayment.objects.select_related("order__pioneer").filter(identifier=identifier).first()


def _note(shown: PaymentRecord, *, by: Author) -> PiPayment:
    """Return our row for a payment that Pi shows. A new row is `created`, whatever Pi's flags say."""
    with transaction.atomic(durable=True):
        payment, is_new = PiPayment.objects.get_or_create(
            identifier=shown.identifier,
            defaults={
                "order": gate.named_order(shown),
                "user_uid": shown.user_uid,
                "amount": shown.amount,
                "memo": shown.memo,
                "network": shown.network,
                "from_address": shown.from_address,
                "to_address": shown.to_address,
                "next_check_at": _soon(),
            },
        )
        if is_new:
            begin(payment, by=by, note=gate.names(shown))
    return payment


def _is_signed(order: Order) -> bool:
    return order.payments.filter(status=PaymentStatus.SUBMITTED).exists()


def _has_open_payment(order: Order) -> bool:
    return order.payments.filter(status__in=UNFINISHED).exists()


def _ordered_before(
    pioneer: Pioneer, basket: Mapping[str, int], shipping: Shipping | None, idempotency_key: str | None
) -> Order | None:
    if idempotency_key is None:
        return None
    order = pioneer.orders.filter(idempotency_key=idempotency_key).first()
    if order is not None:
        lines = dict(order.lines.values_list("variant__sku", "quantity"))
        kept = Shipping(order.shipping_name, order.shipping_address)
        if lines != dict(basket) or kept not in (NOWHERE, shipping):
            raise Refused("idempotency_conflict")
    return order


def _soon() -> datetime:
    return timezone.now() + LOOK_SOON


def _by(caller: Pioneer | None, cause: Cause) -> Author:
    return Author(f"pioneer {caller}" if caller is not None else "stranger", cause)
