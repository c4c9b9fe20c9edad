"""The life of a payment at Pi: what each party may do to it, and what Pi refuses.

Callers must hold the world's lock. A function either does all that it says, or raises
`SimulatorRefusal` and changes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from .identity import new_identifier, uid_of, wallet_of
from .records import APP_TO_USER, OUR_APP, USER_TO_APP, Payment, Pioneer
from .refusal import SimulatorRefusal
from .world import World

MEMO_MISMATCH = "tx_memo_payment_identifier_mismatch"
LINKED_BEFORE = "payment_already_linked_with_a_tx"
NOT_ON_CHAIN = "tx_not_found"
"""Not seen in a real answer, unlike the two above."""


# The buyer


def create_incoming(
    world: World,
    pioneer: Pioneer,
    *,
    amount: Decimal,
    memo: str,
    metadata: dict[str, Any],
    app: str = OUR_APP,
) -> Payment:
    """Open a payment of a pioneer to an app, as the SDK does.

    This cancels an open payment of the same pioneer to that app if it has no transaction. One with a
    transaction blocks until the app has completed it.
    """
    for older in unfinished_incoming(world, pioneer, app):
        if older.recorded:
            raise SimulatorRefusal(
                "pending_payment",
                "A pending payment needs to be handled.",
                payment=world.dto(older),
            )
        older.cancelled = True
    now = world.clock.now()
    window = 0 if world.faults.take("approval_elapses") else world.quirks.approval_window
    payment = Payment(
        identifier=new_identifier(),
        app=app,
        pioneer=pioneer,
        user_uid=uid_of(pioneer.username, app),
        amount=amount,
        memo=memo,
        metadata=metadata,
        direction=USER_TO_APP,
        from_address="",
        to_address=world.app_wallet if app == OUR_APP else wallet_of(f"app {app}"),
        network=world.network,
        created_at=now,
        approve_until=now + timedelta(seconds=window),
    )
    world.payments[payment.identifier] = payment
    return payment


def unfinished_incoming(world: World, pioneer: Pioneer, app: str = OUR_APP) -> list[Payment]:
    """Return the pioneer's payments to the app that wait for something, latest first."""
    world.expire_due()
    return [
        payment
        for payment in reversed(world.payments.values())
        if payment.incoming
        and payment.app == app
        and payment.pioneer == pioneer
        and _unfinished(world, payment)
    ]


def sign(world: World, payment: Payment, *, recorded: bool, verified: bool) -> str:
    """Pay on the chain: the buyer's wallet, or the app's for a payment to a pioneer."""
    if payment.signed is not None:
        raise SimulatorRefusal("already_signed", "The payment has been signed before.")
    if payment.closed or payment.expired:
        raise SimulatorRefusal("cancelled_payment", "The payment was cancelled.")
    if not payment.developer_approved:
        raise SimulatorRefusal("not_approved_payment", "The app has not approved the payment.")
    payment.signed = world.chain.pay(
        source=payment.pioneer.wallet if payment.incoming else payment.from_address,
        destination=payment.to_address,
        amount=payment.amount,
        memo=payment.identifier,
    )
    payment.doubted = not verified
    if recorded:
        record(payment)
    return payment.signed.hash


def record(payment: Payment) -> None:
    """Let Pi learn of the signed transaction, also after a cancellation."""
    if payment.signed is None:
        raise SimulatorRefusal("not_signed", "There is no transaction to record.")
    payment.recorded = True
    payment.from_address = payment.signed.source
    payment.verified = not payment.doubted


def verify(payment: Payment) -> None:
    """Let Pi verify the transaction that it had doubted."""
    payment.doubted = False
    record(payment)


def cancel_by_user(world: World, payment: Payment) -> None:
    """Close the dialog as the buyer, instead of paying."""
    _refuse_cancelling(world, payment)
    payment.user_cancelled = True


# The app's server


def approve(world: World, payment: Payment) -> None:
    """Approve as the app. Payments to pioneers are approved from the start."""
    if payment.app != OUR_APP:
        raise _forbidden(world, payment, "approve")
    if payment.developer_approved:
        if not payment.incoming or world.quirks.approve_twice_is_error:
            raise SimulatorRefusal(
                "already_approved",
                "This payment has already been approved.",
                payment=world.dto(payment),
            )
        return
    if payment.closed:
        raise _cancelled_before(world, payment)
    payment.developer_approved = True


def complete(world: World, payment: Payment, txid: str) -> None:
    """Complete as the app: look the transaction up on the chain and close the payment.

    This records a transaction that Pi did not know yet, which is normal for payments to pioneers.
    """
    if payment.app != OUR_APP:
        raise SimulatorRefusal("payment_not_found", "Payment not found")
    if not txid:
        raise SimulatorRefusal("missing_txid", "The txid is missing.")
    if payment.developer_completed:
        _answer_second_completion(world, payment)
        return
    if payment.closed and not _revived(world, payment):
        raise _cancelled_before(world, payment)
    _check_transaction(world, payment, txid)
    record(payment)
    payment.developer_completed = True


def cancel(world: World, payment: Payment) -> None:
    """Cancel as the app; impossible once Pi knows of a transaction."""
    if payment.app != OUR_APP:
        raise _forbidden(world, payment, "cancel")
    if payment.closed and not payment.recorded and not world.quirks.cancel_twice_is_error:
        return
    _refuse_cancelling(world, payment)
    payment.cancelled = True


def create_outgoing(
    world: World, pioneer: Pioneer, *, amount: Decimal, memo: str, metadata: dict[str, Any]
) -> Payment:
    """Open a payment of our app to a pioneer who has shared the wallet address."""
    if "wallet_address" not in world.granted[pioneer.uid]:
        raise SimulatorRefusal(
            "missing_scope",
            'User hasn\'t authorized "wallet_address" scope for you to access the public key.',
        )
    ongoing = unfinished_outgoing(world)
    if ongoing:
        raise SimulatorRefusal(
            "ongoing_payment_found",
            "You need to complete the ongoing payment first to create a new one.",
            payment=world.dto(ongoing[0]),
        )
    now = world.clock.now()
    payment = Payment(
        identifier=new_identifier(),
        app=OUR_APP,
        pioneer=pioneer,
        user_uid=pioneer.uid,
        amount=amount,
        memo=memo,
        metadata=metadata,
        direction=APP_TO_USER,
        from_address=world.app_wallet,
        to_address=pioneer.wallet,
        network=world.network,
        created_at=now,
        approve_until=now,
        developer_approved=True,
    )
    world.payments[payment.identifier] = payment
    return payment


def unfinished_outgoing(world: World) -> list[Payment]:
    """Return our app's payments to pioneers that wait for something, latest first."""
    return [
        payment
        for payment in reversed(world.payments.values())
        if not payment.incoming and _unfinished(world, payment)
    ]


# The rules behind them


def _unfinished(world: World, payment: Payment) -> bool:
    if payment.developer_completed:
        return False
    return not payment.closed or _revived(world, payment)


def _revived(world: World, payment: Payment) -> bool:
    return payment.recorded and world.quirks.late_transaction_revives


def _refuse_cancelling(world: World, payment: Payment) -> None:
    if payment.developer_completed:
        raise SimulatorRefusal(
            "already_completed",
            "This payment has already been completed.",
            payment=world.dto(payment),
        )
    if payment.recorded:
        raise SimulatorRefusal(
            "payment_tx_present",
            "You cannot cancel this payment, because an associated blockchain transaction has been recorded.",
            payment=world.dto(payment),
        )
    if payment.closed:
        raise _cancelled_before(world, payment)


def _answer_second_completion(world: World, payment: Payment) -> None:
    if world.quirks.complete_twice == LINKED_BEFORE:
        raise SimulatorRefusal("verification_failed", verification_error=LINKED_BEFORE)
    if world.quirks.complete_twice == "already_completed":
        raise SimulatorRefusal(
            "already_completed",
            "This payment has already been completed.",
            payment=world.dto(payment),
        )


def _check_transaction(world: World, payment: Payment, txid: str) -> None:
    if payment.recorded and payment.signed is not None and payment.signed.hash != txid:
        raise SimulatorRefusal(
            "txid_mismatch", "The txid is not the one of this payment.", payment=world.dto(payment)
        )
    transaction = world.chain.transactions.get(txid)
    if transaction is None:
        raise SimulatorRefusal("verification_failed", verification_error=NOT_ON_CHAIN)
    if transaction.memo != payment.identifier:
        raise SimulatorRefusal("verification_failed", verification_error=MEMO_MISMATCH)
    if payment.doubted:
        raise SimulatorRefusal(
            "not_verified", "The transaction could not be verified.", payment=world.dto(payment)
        )


def _forbidden(world: World, payment: Payment, verb: str) -> SimulatorRefusal:
    return SimulatorRefusal(
        "forbidden", f"You are not allowed to {verb} this payment", payment=world.dto(payment)
    )


def _cancelled_before(world: World, payment: Payment) -> SimulatorRefusal:
    return SimulatorRefusal(
        "cancelled_payment", "This payment has been cancelled.", payment=world.dto(payment)
    )
