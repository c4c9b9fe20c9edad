"""The statuses of orders, payments and refunds, and the only moves between them.

`payments.moves.move` refuses everything that is not in these tables. A status that ends in *-ing* means:
our intention is committed, Pi's answer is not known.
"""

from __future__ import annotations

from django.db import models


class OrderStatus(models.TextChoices):
    PENDING = "pending", "waiting for payment"
    RESERVED = "reserved", "goods held, payment under way"
    PAID = "paid", "paid"
    FULFILLED = "fulfilled", "everything delivered"
    EXPIRED = "expired", "expired"
    CANCELLED = "cancelled", "cancelled"
    NEEDS_REVIEW = "needs_review", "needs a decision by staff"
    REFUNDED = "refunded", "refunded"


ORDER_MOVES: dict[str, frozenset[str]] = {
    OrderStatus.PENDING: frozenset(
        {
            OrderStatus.RESERVED,
            OrderStatus.PAID,  # late money
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


class ReviewReason(models.TextChoices):
    STOCK_GONE = "stock_gone", "paid late, and the goods are gone"
    DELIVERY_FAILED = "delivery_failed", "paid, but the goods could not be delivered"
    PAID_AFTER_CANCEL = "paid_after_cancel", "paid after the order was cancelled"
    AMOUNT_MISMATCH = "amount_mismatch", "what was paid is not what was ordered"
    TX_UNVERIFIED = "tx_unverified", "Pi does not verify the transaction"


class PaymentStatus(models.TextChoices):
    CREATED = "created", "seen at Pi"
    APPROVING = "approving", "goods held, approval asked of Pi"
    APPROVED = "approved", "approved, waiting for the buyer to sign"
    SUBMITTED = "submitted", "signed, not completed yet"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"
    FAILED = "failed", "Pi does not verify the transaction"


# Pi's flags are folded forward only. A transaction wins over everything that was thought before it, and
# completed money over everything else.
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

# One order has at most one payment in these: Pi may take the buyer's signature for it at any moment.
LIVE = (PaymentStatus.APPROVING, PaymentStatus.APPROVED)
# Nothing is signed yet, as far as we know; and everything that is not at an end.
OPEN = (PaymentStatus.CREATED, *LIVE)
UNFINISHED = (*OPEN, PaymentStatus.SUBMITTED)


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
