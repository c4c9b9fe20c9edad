"""Our payments, compared with Pi's own records, one by one and slowly. Reads only."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils import timezone

from payments.domain.reconciliation import overdue_before
from payments.models import PiPayment, Refund
from payments.money import in_pi
from payments.pi.client import PaymentRecord, PiClient, PiError, PiRefused
from payments.statuses import PaymentStatus

SECONDS_PER_ANSWER = 10
ROWS_AT_ONCE = 200
# Give up after this many consecutive failures.
MAX_FAILURES = 5


class Verdict(enum.Enum):
    SAME = "the same"
    UNDER_WAY = "under way"  # Pi is ahead of us, and reconcile_payments is about to check
    DIFFERENT = "different"
    NOT_ASKED = "not asked"
    NOTE = "a note"  # nothing is wrong with our records, but staff should know


@dataclass(frozen=True)
class Comparison:
    identifier: str
    verdict: Verdict
    text: str = ""

    def __str__(self) -> str:
        return f"payment {self.identifier}: {self.text}"


def compare_all(*, pause: Callable[[], None]) -> Iterator[Comparison]:
    """Compare every payment, calling `pause` before each, and go on when Pi does not answer about one."""
    failures = 0
    for payment in _one_by_one():
        if failures >= MAX_FAILURES:
            text = "not asked, because Pi could not be asked before"
            yield Comparison(payment.identifier, Verdict.NOT_ASKED, text)
            continue
        pause()
        comparison = compare(payment)
        failures = failures + 1 if comparison.verdict == Verdict.NOT_ASKED else 0
        yield comparison
    if failures < MAX_FAILURES:
        pause()
        yield from _compare_outgoing()


def compare(payment: PiPayment) -> Comparison:
    """Ask Pi about one payment and return whether our row agrees."""
    while True:
        try:
            shown = look_up(payment.identifier)
        except PiError as problem:
            return Comparison(payment.identifier, Verdict.NOT_ASKED, str(problem))
        now = PiPayment.objects.get(pk=payment.pk)
        if now.status == payment.status:
            return _judge(now, shown)
        # It moved while Pi was asked, so the answer may be older or newer than the move.
        payment = now


def look_up(identifier: str) -> PaymentRecord | None:
    """Return Pi's record of the payment; None when this app has no such payment. Raise PiError."""
    try:
        return PiClient(seconds=SECONDS_PER_ANSWER).get_payment(identifier)
    except PiRefused as refusal:
        if refusal.code != "payment_not_found":
            raise
        return None


def _judge(payment: PiPayment, shown: PaymentRecord | None) -> Comparison:
    if shown is None:
        # A cancelled payment may be missing at Pi: staff closed it, or Pi has cleaned up.
        is_cancelled = payment.status == PaymentStatus.CANCELLED
        return Comparison(payment.identifier, *((Verdict.SAME, "") if is_cancelled else _unknown(payment)))
    facts = _wrong_facts(payment, shown)
    if facts:
        return Comparison(payment.identifier, Verdict.DIFFERENT, facts)
    if payment.status == PaymentStatus.SUBMITTED and payment.notice:
        text = f"is signed, and cannot be completed: {payment.notice_text}"
        return Comparison(payment.identifier, Verdict.DIFFERENT, text)
    if payment.status in _statuses_for(shown):
        return Comparison(payment.identifier, Verdict.SAME)
    text = f"is {payment.status} here, but Pi shows it {_in_words(shown)}"
    return Comparison(payment.identifier, under_way_or_different(payment), text)


def under_way_or_different(payment: PiPayment) -> Verdict:
    """Return whether `reconcile_payments` is about to catch up with Pi or the chain. It has already tried in
    vain where there is a notice, and every try only postpones the next."""
    soon = payment.next_check_at is not None and payment.next_check_at > overdue_before(timezone.now())
    return Verdict.UNDER_WAY if soon and not payment.notice else Verdict.DIFFERENT


def _unknown(payment: PiPayment) -> tuple[Verdict, str]:
    return Verdict.DIFFERENT, f"is {payment.status} here, but Pi does not know it"


def _wrong_facts(payment: PiPayment, shown: PaymentRecord) -> str:
    pairs: dict[str, tuple[str, str]] = {
        "amount": (in_pi(payment.amount), in_pi(shown.amount)),
        "payer": (payment.user_uid, shown.user_uid),
        "network": (payment.network, shown.network),
        "address": (payment.to_address, shown.to_address),
        "transaction": (payment.txid or shown.txid or "none", shown.txid or "none"),
        "direction": ("user_to_app", shown.direction),
    }
    wrong = (
        f"{name} is {ours} here, {theirs} at Pi" for name, (ours, theirs) in pairs.items() if ours != theirs
    )
    return "; ".join(wrong)


def _statuses_for(shown: PaymentRecord) -> tuple[PaymentStatus, ...]:
    if shown.completed:
        return (PaymentStatus.COMPLETED,)
    if shown.transaction_verified:
        return (PaymentStatus.SUBMITTED,)
    if shown.txid:
        return (PaymentStatus.SUBMITTED, PaymentStatus.FAILED)
    if shown.cancelled:
        return (PaymentStatus.CANCELLED,)
    if shown.developer_approved:
        return (PaymentStatus.APPROVED,)
    return (PaymentStatus.CREATED, PaymentStatus.APPROVING)


def _in_words(shown: PaymentRecord) -> str:
    return str(_statuses_for(shown)[0])


def _compare_outgoing() -> Iterator[Comparison]:
    """Compare the payments that Pi lists as going out of this app with our refunds. Change nothing at Pi."""
    try:
        unfinished = PiClient(seconds=SECONDS_PER_ANSWER).incomplete_server_payments()
    except PiError as problem:
        yield Comparison("(any that goes out)", Verdict.NOT_ASKED, str(problem))
        return
    for shown in unfinished:
        known = Refund.objects.filter(identifier=shown.identifier).exists()
        text = f"{in_pi(shown.amount)} go out to {shown.user_uid}, but none of our refunds matches"
        yield Comparison(shown.identifier, *((Verdict.SAME, "") if known else (Verdict.DIFFERENT, text)))


def _one_by_one() -> Iterator[PiPayment]:
    """Yield every payment, in short reads: no connection is held while Pi is asked."""
    last = 0
    while page := list(PiPayment.objects.filter(pk__gt=last).order_by("pk")[:ROWS_AT_ONCE]):
        yield from page
        last = page[-1].pk
