"""A Pi that answers each question as it likes finds no way to make one call cost more than the table says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from pi_simulator.calls import Call
from tests.payments.page import Page
from tests.proofs.fuzz.effort import ON_SQLITE, forgotten, fuzz
from tests.security.test_cost_at_pi import CANCELLED, FLAGS, OTHER_AMOUNT, SIGNED, approving, asked, told

pytestmark = [pytest.mark.django_db, *ON_SQLITE]

LIES: list[dict[str, Any]] = [
    {},
    OTHER_AMOUNT,
    SIGNED,
    CANCELLED,
    {"status": FLAGS | {"developer_approved": True}},
    {"status": FLAGS | {"developer_completed": True, "transaction_verified": True}},
    {"transaction": None, "status": FLAGS},
]
CODES = [None, "no_reason", "no_reason", "verification_failed", "payment_not_found"]
ENTRY_POINTS: dict[str, Callable[[Page, str], Any]] = {
    "approve": lambda page, identifier: page.approve(identifier, expect=None),
    "complete": lambda page, identifier: page.complete(identifier, "a" * 64, expect=None),
    "cancel": lambda page, identifier: page.cancel(identifier, expect=None),
    "incomplete": lambda page, identifier: page.incomplete(identifier, expect=None),
}


@pytest.mark.parametrize("rival", [True, False], ids=["rival", "alone"])
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_no_answers_of_pi_make_a_call_dearer_than_the_table(
    alice: Page, entry_point: str, rival: bool
) -> None:
    most = told()[entry_point]
    answers = st.lists(st.tuples(st.sampled_from(LIES), st.sampled_from(CODES)), min_size=20, max_size=20)

    @fuzz("whims of Pi", examples=8, answers=answers)
    def bounded(answers: list[tuple[dict[str, Any], str | None]]) -> None:
        with forgotten():
            alice.pi.reset()
            order, identifier = approving(alice)
            asked_about = alice.rival_payment(order) if rival else identifier
            whims = iter(answers)

            def after(call: Call) -> None:
                lie, code = next(whims, ({}, "no_reason"))
                alice.pi.faults.clear()
                if code is not None:
                    for step in ("approve", "complete", "cancel"):
                        alice.pi.faults.add("refuse", path=f"/{step}", status=400, body={"error": code})
                if call.identifier:
                    alice.pi.tamper(call.identifier, **lie)

            alice.pi.after_call = after
            cost = asked(alice.pi, lambda: ENTRY_POINTS[entry_point](alice, asked_about))
            alice.pi.after_call = None
            alice.pi.faults.clear()

            assert cost <= most
