"""Decisions are committed: nothing here runs inside a transaction that its caller could roll back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from payments.domain import decisions, protocol, reconciliation, refunds
from payments.domain import settle as settlement
from payments.moves import Author, locked
from payments.pi.client import PiRefused
from tests.payments import rows
from tests.payments.page import Page
from tests.payments.situations import asking

BY = Author("staff carol", "test")
NESTED = "^A durable atomic block cannot be nested within another atomic block"

Commit = Callable[[Page], object]
COMMITS: dict[str, Commit] = {
    "place_order": lambda alice: protocol.place_order(rows.pioneer(), {"book": 1}),
    "report_error": lambda alice: protocol.report_error(rows.payment().identifier, "text", caller=None),
    "expire": lambda alice: protocol.expire(rows.order(), pi=asking(), by=BY),
    "cancel_order": lambda alice: protocol.cancel_order(rows.order(), by=BY),
    "reopen": lambda alice: protocol.reopen(rows.order("expired"), by=BY),
    "claim_next": lambda alice: reconciliation.claim_next(),
    "flag_for_refund": lambda alice: refunds.flag_for_refund(rows.payment("completed"), reason="test", by=BY),
    "reject_refund": lambda alice: decisions.reject_refund(rows.refund(), by=BY, note="test"),
    "honour": lambda alice: decisions.honour(rows.order("needs_review"), by=BY),
    "_doubted_since": lambda alice: settlement._doubted_since(
        rows.payment("submitted"), PiRefused("not_verified", "no"), by=BY
    ),
    "_note": lambda alice: protocol._note(rows.shown(), by=BY),
    "locked": lambda alice: locked(rows.payment()).__enter__(),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS)
def test_no_commit_joins_an_open_transaction(alice: Page, commit: Commit) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match=NESTED):
        commit(alice)
