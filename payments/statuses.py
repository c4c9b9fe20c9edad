"""The statuses of orders, payments and refunds, and the only moves between them.

`payments.moves.move` refuses everything that is not in these tables. A status that ends in *-ing* means:
our intention is committed, Pi's answer is not known.
"""

from __future__ import annotations

from django.db import models


class OrderStatus(models.TextChoices):
    PENDING = "pending", "waiting for payment"
    RESERVED = "reserved", "held for a payment"
    PAID = "paid", "paid"
    FULFILLED = "fulfilled", "fulfilled"
    EXPIRED = "expired", "expired"
    CANCELLED = "cancelled", "cancelled"
    NEEDS_REVIEW = "needs_review", "in review"
    REFUNDED = "refunded", "refunded"


ORDER_MOVES: dict[str, frozenset[str]] = {
    OrderStatus.PENDING: frozenset(
        {
            OrderStatus.RESERVED,
            OrderStatus.PAID,  # paid late
            OrderStatus.EXPIRED,
            OrderStatus.CANCELLED,
            OrderStatus.NEEDS_REVIEW,
        }
    ),
    OrderStatus.RESERVED: frozenset(
        {
            OrderStatus.PAID,
            OrderStatus.PENDING,
            OrderStatus.EXPIRED,
            OrderStatus.NEEDS_REVIEW,
        }
    ),
    OrderStatus.PAID: frozenset({OrderStatus.FULFILLED, OrderStatus.REFUNDED}),
    OrderStatus.FULFILLED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.NEEDS_REVIEW}),
    OrderStatus.CANCELLED: frozenset({OrderStatus.NEEDS_REVIEW}),
    OrderStatus.NEEDS_REVIEW: frozenset({OrderStatus.PAID, OrderStatus.REFUNDED}),
    OrderStatus.REFUNDED: frozenset(),
}

# Nothing was paid, or nothing that the order could use.
UNPAID = (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED)
# The buyer has the goods, or is owed them.
WITH_GOODS = (OrderStatus.PAID, OrderStatus.FULFILLED)


class ReviewReason(models.TextChoices):
    STOCK_GONE = "stock_gone", "paid late, and the goods are gone"
    DELIVERY_FAILED = "delivery_failed", "paid, but the goods could not be delivered"
    PAID_AFTER_CANCEL = "paid_after_cancel", "paid after the order was cancelled"
    AMOUNT_MISMATCH = "amount_mismatch", "the payment does not match the order"
    TX_UNVERIFIED = "tx_unverified", "Pi does not verify the transaction"


class Notice(models.TextChoices):
    """What the shop itself tells staff about an order or a payment.

    The sentences may be reworded and translated at any time: code decides by the value alone. What people
    write to each other is in `attention`, which the shop never changes.
    """

    NOT_SHOWN = "not_shown", "Pi no longer shows it."
    PI_REFUSES = "pi_refuses", "Pi refuses the next step."
    NOT_MOVED = "not_moved", "Pi answered, but its record has not changed."
    UNANSWERED = "unanswered", "Pi gives no clear answer about it."
    UNVERIFIED = "unverified", "Pi shows a transaction, but does not verify it. Look on the chain."
    FOREIGN_TRANSACTION = "foreign_transaction", "Pi shows a transaction that belongs to another payment."
    PAID_ON_CHAIN_ONLY = (
        "paid_on_chain_only",
        "The chain shows a transaction for it, but Pi does not accept it.",
    )
    UNUSABLE_MONEY = "unusable_money", "Money arrived that could not be used; a refund was requested."


# These last only until Pi gives a clear answer, and any other notice replaces them.
PASSING_NOTICES = (Notice.NOT_SHOWN, Notice.PI_REFUSES, Notice.NOT_MOVED, Notice.UNANSWERED)


class PaymentStatus(models.TextChoices):
    CREATED = "created", "created at Pi"
    APPROVING = "approving", "being approved at Pi"
    APPROVED = "approved", "approved, waiting for the buyer to sign"
    SUBMITTED = "submitted", "signed, not completed yet"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"
    FAILED = "failed", "not verified by Pi"


# Pi's flags only ever move a payment forward. A transaction overrides whatever was assumed before, and
# completed money overrides everything else.
PAYMENT_MOVES: dict[str, frozenset[str]] = {
    PaymentStatus.CREATED: frozenset(
        {
            PaymentStatus.APPROVING,
            PaymentStatus.SUBMITTED,
            PaymentStatus.COMPLETED,
            PaymentStatus.CANCELLED,
        }
    ),
    PaymentStatus.APPROVING: frozenset(
        {
            PaymentStatus.APPROVED,
            PaymentStatus.SUBMITTED,
            PaymentStatus.COMPLETED,
            PaymentStatus.CANCELLED,
        }
    ),
    PaymentStatus.APPROVED: frozenset(
        {PaymentStatus.SUBMITTED, PaymentStatus.COMPLETED, PaymentStatus.CANCELLED}
    ),
    PaymentStatus.SUBMITTED: frozenset({PaymentStatus.COMPLETED, PaymentStatus.FAILED}),
    PaymentStatus.CANCELLED: frozenset({PaymentStatus.SUBMITTED, PaymentStatus.COMPLETED}),
    PaymentStatus.FAILED: frozenset({PaymentStatus.COMPLETED}),
    PaymentStatus.COMPLETED: frozenset(),
}

# An order has at most one payment in these: Pi may take the buyer's signature for it at any moment.
LIVE = (PaymentStatus.APPROVING, PaymentStatus.APPROVED)
# OPEN: not signed yet, as far as we know. UNFINISHED: everything that has not ended.
OPEN = (PaymentStatus.CREATED, *LIVE)
UNFINISHED = (*OPEN, PaymentStatus.SUBMITTED)


class RefundOrigin(models.TextChoices):
    SHOP = "shop", "the shop, for money that no order could use"
    PERSON = "person", "a person"


class RefundStatus(models.TextChoices):
    REQUESTED = "requested", "requested"
    APPROVED = "approved", "approved"
    SENDING = "sending", "being created at Pi"
    SUBMITTED = "submitted", "sent to the chain"
    DONE = "done", "done"
    REJECTED = "rejected", "rejected"
    FAILED = "failed", "failed"


REFUND_MOVES: dict[str, frozenset[str]] = {
    RefundStatus.REQUESTED: frozenset({RefundStatus.APPROVED, RefundStatus.REJECTED}),
    RefundStatus.APPROVED: frozenset({RefundStatus.SENDING, RefundStatus.DONE}),
    RefundStatus.SENDING: frozenset({RefundStatus.SUBMITTED, RefundStatus.FAILED}),
    RefundStatus.SUBMITTED: frozenset({RefundStatus.DONE, RefundStatus.FAILED}),
    RefundStatus.FAILED: frozenset({RefundStatus.APPROVED, RefundStatus.REJECTED}),
    RefundStatus.DONE: frozenset(),
    RefundStatus.REJECTED: frozenset(),
}

# Money that is on its way back, or is back: the goods must not go out as well.
REFUND_UNDER_WAY = (
    RefundStatus.APPROVED,
    RefundStatus.SENDING,
    RefundStatus.SUBMITTED,
    RefundStatus.DONE,
)


class Cause(models.TextChoices):
    """The entry point through which a change came, as its event names it."""

    PLACE_ORDER = "place_order"
    APPROVE = "approve"
    COMPLETE = "complete"
    CANCEL = "cancel"
    REPORT_ERROR = "report_error"
    RECOVER = "recover"
    CANCEL_ORDER = "cancel_order"
    REOPEN = "reopen"
    RECONCILE_PAYMENTS = "reconcile_payments"
    CLEANUP_STALE_ORDERS = "cleanup_stale_orders"
    RECOVER_PAYMENTS = "recover_payments"
    # What staff do in the admin.
    ATTENTION = "attention"
    DISMISS_NOTICE = "dismiss_notice"
    CLEAN_UP = "clean_up"
    ASK_PI = "ask_pi"
    LOOK_ON_CHAIN = "look_on_chain"
    SHIP = "ship"
    HONOUR = "honour"
    CLOSE_MISSING = "close_missing"
    FLAG_REFUND = "flag_refund"
    REJECT_REFUND = "reject_refund"
