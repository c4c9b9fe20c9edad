"""Our payments, compared with the chain: the one list of them that cannot be lost. Reads only.

Every transaction to our wallet carries the identifier of its payment as its memo. Pi's API lists no incoming
payments, so after a restore this is how we find payments that our database has never seen. A memo proves
nothing, because anybody can write one; only Pi can say whether there is such a payment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from payments.audit.against_pi import SECONDS_PER_ANSWER, Comparison, Verdict, look_up, under_way_or_different
from payments.models import PiPayment, Refund
from payments.money import in_pi
from payments.pi.client import PiError
from payments.pi.formats import IDENTIFIER
from payments.pi.horizon import ChainEntry, Horizon
from payments.statuses import UNFINISHED, PaymentStatus

Pause = Callable[[], None]


def entries_since(moment: datetime, *, pause: Pause) -> Iterator[ChainEntry]:
    """Yield the transactions of our wallet since `moment`, newest first, calling `pause` before each page."""
    older_than = ""
    while True:
        pause()
        horizon = Horizon(seconds=SECONDS_PER_ANSWER)
        page = horizon.transactions(settings.PI_WALLET_ADDRESS, older_than=older_than)
        for entry in page:
            if entry.created_at < moment:
                return
            yield entry
        if not page:
            return
        older_than = page[-1].paging_token


def names_a_payment(entry: ChainEntry) -> bool:
    """Return whether it succeeded and its memo has the shape of an identifier."""
    return entry.successful and re.fullmatch(IDENTIFIER, entry.memo) is not None


def came_in(entry: ChainEntry) -> bool:
    """Return whether somebody else sent it."""
    return entry.source != settings.PI_WALLET_ADDRESS


def is_known(entry: ChainEntry) -> bool:
    """Return whether our records have the transaction already, as money that came in or as a refund."""
    if came_in(entry):
        came = PiPayment.objects.filter(status=PaymentStatus.COMPLETED)
        return came.filter(identifier=entry.memo, txid=entry.txid).exists()
    return Refund.objects.filter(Q(txid=entry.txid) | Q(identifier=entry.memo)).exists()


def compare_since(moment: datetime, *, pause: Pause) -> Iterator[Comparison]:
    """Compare every transaction that names a payment with our records, calling `pause` before each call.

    Raise PiUnclear when the chain itself gives no usable answer.
    """
    for entry in entries_since(moment, pause=pause):
        if names_a_payment(entry):
            yield _compare(entry, pause=pause)


def _compare(entry: ChainEntry, *, pause: Pause) -> Comparison:
    if is_known(entry):
        return Comparison(entry.memo, Verdict.SAME)
    payment = PiPayment.objects.filter(identifier=entry.memo).first()
    if payment is not None:
        return Comparison(entry.memo, *_judge(payment, entry))
    pause()
    try:
        shown = look_up(entry.memo)
    except PiError as problem:
        return Comparison(entry.memo, Verdict.NOT_ASKED, str(problem))
    if shown is None:
        return Comparison(entry.memo, Verdict.SAME)  # a stranger's memo: no payment of this app
    verb = "came from" if shown.direction == "user_to_app" else "went out to"
    text = f"is unknown here, but Pi shows that {in_pi(shown.amount)} {verb} {shown.user_uid}"
    return Comparison(entry.memo, Verdict.DIFFERENT, text)


def _judge(payment: PiPayment, entry: ChainEntry) -> tuple[Verdict, str]:
    if payment.status == PaymentStatus.COMPLETED:
        # The first is its money. The second was sent by hand, or as a joke; Pi counts only one.
        return Verdict.NOTE, f"a second transaction names it: {entry.txid}"
    # The money of a payment that was cancelled or has failed will not be recorded by itself.
    is_open = payment.status in UNFINISHED
    verdict = under_way_or_different(payment) if is_open else Verdict.DIFFERENT
    return verdict, f"is {payment.status} here, but the chain shows that it was paid"
