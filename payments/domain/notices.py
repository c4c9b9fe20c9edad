"""What the shop tells staff about an order or a payment, and when it withdraws that.

    set_notice      staff should look at this
    clear_notice    Pi has given a clear answer, so a passing notice no longer applies
    dismiss_notice  a member of staff has seen it

A notice is a choice of `statuses.Notice`; code decides by it, never by its sentence.
"""

from __future__ import annotations

from django.db import transaction

from payments.models import EventKind, Order, PiPayment
from payments.moves import Author, record
from payments.statuses import PASSING_NOTICES, Notice

MAX_DETAIL = 200  # characters


def set_notice(subject: Order | PiPayment, notice: Notice, detail: str = "") -> None:
    """Set the notice, unless the row has one that is not merely passing."""
    is_new = (subject.notice, subject.notice_detail) != (notice, detail[:MAX_DETAIL])
    if is_new and (not subject.notice or subject.notice in PASSING_NOTICES):
        _write(subject, notice, detail[:MAX_DETAIL])


def clear_notice(subject: Order | PiPayment) -> None:
    """Clear a notice that holds only until Pi gives a clear answer."""
    if subject.notice in PASSING_NOTICES:
        _write(subject, "", "")


def dismiss_notice(subject: Order | PiPayment, *, by: Author) -> None:
    """Clear any notice, on the word of staff, and note it on the timeline; without one, change nothing."""
    said = subject.notice_text
    with transaction.atomic(durable=True):
        if subject.notice and _write(subject, "", ""):
            record(subject, EventKind.NOTED, by=by, note=f"dismissed: {said}")


def _write(subject: Order | PiPayment, notice: str, detail: str) -> bool:
    """Write the notice, unless the row has since moved or got another one: whoever did that knows more."""
    unchanged = type(subject)._default_manager.filter(
        pk=subject.pk, status=subject.status, notice=subject.notice, notice_detail=subject.notice_detail
    )
    if not unchanged.update(notice=notice, notice_detail=detail):
        return False
    subject.notice, subject.notice_detail = notice, detail
    return True
