"""What is true about an order or a payment, and what staff should do: in one sentence, for the admin.

Reads only what it is given; lists prefetch `READ_BY_VERDICT`.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from payments.domain.verdict import Verdict, verdict_of
from payments.models import Order, PiPayment, Refund
from payments.money import in_pi, paid, refunded
from payments.statuses import (
    LIVE,
    REFUND_UNDER_WAY,
    UNPAID,
    WITH_GOODS,
    Notice,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
    ReviewReason,
)

ON_ITS_WAY = tuple(status for status in REFUND_UNDER_WAY if status != RefundStatus.DONE)


@dataclass(frozen=True)
class Sums:
    """The money of one order, in Pi. Rejected refunds count for nothing."""

    total: Decimal
    used: Decimal  # the price of what the buyer got, or will
    paid: Decimal
    asked: Decimal
    requested: Decimal
    on_its_way: Decimal
    refunded: Decimal

    @property
    def surplus(self) -> Decimal:
        """What the order does not need, and no refund covers yet."""
        return max(self.paid - self.used - self.asked - self.refunded, Decimal(0))

    @property
    def due(self) -> Decimal:
        """What must still go back to the buyer, whether a refund was requested or not."""
        return self.asked + self.surplus


def sums(order: Order) -> Sums:
    """Return the sums of an order, from its payments and refunds."""
    refunds = list(order.refunds.all())
    return Sums(
        total=order.total,
        used=order.total if order.status in WITH_GOODS else Decimal(0),
        paid=paid(order.payments.all()),
        asked=refunded(refunds, (RefundStatus.REQUESTED, *ON_ITS_WAY, RefundStatus.FAILED)),
        requested=refunded(refunds, (RefundStatus.REQUESTED,)),
        on_its_way=refunded(refunds, ON_ITS_WAY),
        refunded=refunded(refunds, (RefundStatus.DONE,)),
    )


def describe_order(order: Order) -> str:
    """Return what is true about the order and what to do, in one or two sentences.

    The first one is chosen by the verdict, so that staff and buyer are told the same.
    """
    verdict, money = verdict_of(order), sums(order)
    tell = _ORDERS.get(verdict)
    sentences = [tell(order, money) if tell else _PLAIN_ORDERS[verdict]]
    if verdict != Verdict.REFUNDED:
        sentences += _refund_sentences(list(order.refunds.all()))
    if order.status in UNPAID and any(p.status == PaymentStatus.FAILED for p in order.payments.all()):
        sentences.append("Pi does not verify its transaction: look on the chain.")
    if order.status in WITH_GOODS and money.surplus > 0:
        sentences.append(f"The buyer paid {in_pi(money.surplus)} too much: flag it for refund.")
    return " ".join(sentences)


def describe_payment(payment: PiPayment) -> str:
    """Return what is true about the payment and what to do, in one or two sentences."""
    sentence = _PAYMENTS[payment.status]
    if payment.status == PaymentStatus.CREATED and payment.refusal:
        sentence = f"Refused ({payment.refusal}); it is about to be cancelled at Pi."
    elif payment.status == PaymentStatus.CANCELLED and payment.refusal:
        sentence = f"Refused ({payment.refusal}) and cancelled: nothing was charged."
    if _is_missing(payment):
        sentence = _MISSING[payment.status]
    if payment.status == PaymentStatus.COMPLETED and payment.order is None:
        sentence = "Completed, but it belongs to no order: the money must go back."
    return " ".join([sentence, *_refund_sentences(list(payment.refunds.all()))])


def _pending(order: Order, money: Sums) -> str:
    if order.expires_at <= timezone.now():
        return "Not paid in time. The clean-up will expire it."
    return f"Not paid yet. It stays open until {_clock(order)}."


def _sold_out(order: Order, money: Sums) -> str:
    return f"{_pending(order, money)} There is not enough left in stock."


def _reserved(order: Order, money: Sums) -> str:
    if _are_missing(order, LIVE):
        return (
            "Pi no longer shows the buyer's payment, and the goods are still held for it. "
            "Ask Pi again, or close the payment as missing."
        )
    if order.reserved_until is not None and order.reserved_until <= timezone.now():
        return "The goods are held past their time. They go back to stock once Pi has cancelled the payment."
    return f"The buyer is paying. The goods are held until {_clock(order)}."


def _finishing(order: Order, money: Sums) -> str:
    if _are_missing(order, (PaymentStatus.SUBMITTED,)):
        return (
            "The buyer has signed, but Pi no longer shows the payment. Look on the chain, and ask Pi again."
        )
    return "The buyer has signed, but Pi has not completed the payment yet. Wait, or ask Pi again."


def _paid(order: Order, money: Sums) -> str:
    # Units: how many parcels they fill, only those know who pack them.
    waiting = sum(line.quantity for line in order.lines.all() if line.delivered_at is None)
    return f"{_how_paid(money)}. {_count(waiting, 'item')} to ship."


def _fulfilled(order: Order, money: Sums) -> str:
    return f"{_how_paid(money)}, and everything is delivered."


def _returning(order: Order, money: Sums) -> str:
    if order.status == OrderStatus.PAID:
        return "Paid, but the money is on its way back: do not ship."
    if order.status == OrderStatus.FULFILLED:
        return "Paid and delivered, but the money is on its way back."
    if order.status == OrderStatus.NEEDS_REVIEW:
        return "Paid, but the money is on its way back: keep the goods."
    return _unused(order, money)


def _in_review(order: Order, money: Sums) -> str:
    if order.status != OrderStatus.NEEDS_REVIEW:
        return _unused(order, money)
    advice = "flag the payment for refund" if money.surplus else "let the refund go through"
    return f"Needs review: {_reason(order, money)}. Hand the goods over, or {advice}."


def _doubted(order: Order, money: Sums) -> str:
    if order.status != OrderStatus.NEEDS_REVIEW:
        return f"{_state(order)}."
    advice = "Ask Pi again, and look for it on the chain, before you hand anything over."
    return f"Needs review: {_reason(order, money)}. {advice}"


def _unused(order: Order, money: Sums) -> str:
    return f"{_state(order)}, but {in_pi(money.paid - money.refunded)} arrived that cannot pay for it."


_ORDERS: dict[Verdict, Callable[[Order, Sums], str]] = {
    Verdict.PENDING: _pending,
    Verdict.SOLD_OUT: _sold_out,
    Verdict.SIGNATURE: _reserved,
    Verdict.FINISHING: _finishing,
    Verdict.PAID: _paid,
    Verdict.FULFILLED: _fulfilled,
    Verdict.REVIEW: _in_review,
    Verdict.DOUBT: _doubted,
    Verdict.RETURNING: _returning,
}

_PLAIN_ORDERS: dict[Verdict, str] = {
    Verdict.REFUND_REQUESTED: "Paid, but do not ship: decide on the refund first.",
    Verdict.EXPIRED: "Expired: nobody paid in time.",
    Verdict.CANCELLED: "Cancelled; nothing was paid.",
    Verdict.REFUNDED: "Everything that was paid has been refunded.",
}

_PAYMENTS: dict[str, str] = {
    PaymentStatus.CREATED: "Created at Pi. No goods are held, and the buyer cannot sign it yet.",
    PaymentStatus.APPROVING: "Goods are held. We do not know yet whether Pi received our approval.",
    PaymentStatus.APPROVED: "Approved: the buyer may sign at any moment.",
    PaymentStatus.SUBMITTED: "Signed by the buyer, but Pi has not completed it yet.",
    PaymentStatus.COMPLETED: "Completed: the money is ours.",
    PaymentStatus.CANCELLED: "Cancelled: nothing was charged.",
    PaymentStatus.FAILED: "Pi shows a transaction but does not verify it: ask again, and look on the chain.",
}

# Of payments that Pi no longer shows: our status tells only what we knew last.
_MISSING: dict[str, str] = {
    PaymentStatus.CREATED: "Pi no longer shows it. No goods are held. Ask Pi again, or close it as missing.",
    PaymentStatus.APPROVING: (
        "Pi no longer shows it. We had not heard whether Pi received our approval, and goods are held. "
        "Ask Pi again, or close it as missing."
    ),
    PaymentStatus.APPROVED: (
        "Pi no longer shows it. We had approved it, and goods are held. Ask Pi again, or close it as missing."
    ),
    PaymentStatus.SUBMITTED: (
        "Pi no longer shows it, although the buyer had signed: look on the chain, and ask Pi again."
    ),
}


def _is_missing(payment: PiPayment) -> bool:
    return payment.notice == Notice.NOT_SHOWN and payment.status in _MISSING


def _are_missing(order: Order, statuses: Container[str]) -> bool:
    """Return whether Pi no longer shows any of the order's payments in these statuses."""
    expected = [payment for payment in order.payments.all() if payment.status in statuses]
    return bool(expected) and all(_is_missing(payment) for payment in expected)


def _refund_sentences(refunds: list[Refund]) -> list[str]:
    told = (
        ((RefundStatus.REQUESTED,), "A refund of {} is requested."),
        (ON_ITS_WAY, "A refund of {} is on its way."),
        ((RefundStatus.FAILED,), "A refund of {} has failed."),
        ((RefundStatus.DONE,), "{} was refunded."),
    )
    amounts = ((refunded(refunds, statuses), sentence) for statuses, sentence in told)
    return [sentence.format(in_pi(amount)) for amount, sentence in amounts if amount]


def _how_paid(money: Sums) -> str:
    """Return how it was paid. Goods that staff handed over unpaid count as paid, and staff should know."""
    if money.paid >= money.total:
        return "Paid"
    return f"Counts as paid, although {f'only {in_pi(money.paid)}' if money.paid else 'nothing'} arrived"


def _reason(order: Order, money: Sums) -> str:
    if order.review_reason == ReviewReason.TX_UNVERIFIED and money.paid:
        return "the money arrived after Pi had not verified the transaction"
    return ReviewReason(order.review_reason).label if order.review_reason else "no reason was given"


def _state(order: Order) -> str:
    return str(order.get_status_display()).capitalize()


def _clock(order: Order) -> str:
    until = order.reserved_until or order.expires_at
    return f"{timezone.localtime(until):%H:%M %Z}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
