"""The explorer finds nothing in the design as it is, and a story wherever a rule is taken away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from payments import statuses
from tests.proofs.model.explore import HARM, LARGE, SMALL, explore, main, visit, without
from tests.proofs.model.model import RULES, State, World

# The model is the same on every database.
pytestmark = pytest.mark.sqlite

TABLES = {
    "order": statuses.ORDER_MOVES,
    "payment": statuses.PAYMENT_MOVES,
    "refund": statuses.REFUND_MOVES,
}
# Moves of the code that no world of the model takes, each with its reason. There are none.
OUTSIDE: dict[tuple[str, str, str], str] = {}

STATES = {
    "one order, two payments": 32_604,
    "two orders, one unit": 105_250,
    "one payment, and refunds over the chain": 790,
    "one payment, and files that are missing": 7_050,
}


@pytest.mark.parametrize("name", SMALL)
def test_every_promise_holds_in_every_state(name: str) -> None:
    """The number is pinned: a world that shrinks proves less, and should be noticed."""
    outcome = explore(SMALL[name])

    assert (outcome.problem, outcome.story) == ("", ())
    assert outcome.states == STATES[name]


def test_every_move_of_the_tables_is_taken_by_the_model() -> None:
    taken: set[tuple[str, str, str]] = set()
    for name in SMALL.keys() - {"two orders, one unit"}:  # the others take them all, and are smaller
        visit(replace(SMALL[name], moves=taken), {State(): None})
    moves = {
        (what, before, after) for what, table in TABLES.items() for before in table for after in table[before]
    }

    assert sorted(moves - taken - set(OUTSIDE)) == []
    assert sorted(set(OUTSIDE) & taken) == []


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_the_explorer_tells_how_a_promise_breaks(rule: str) -> None:
    outcome = explore(without(rule))

    assert outcome.problem
    assert outcome.story


@pytest.mark.parametrize(
    ("table", "before", "after"),
    [
        ("ORDER_MOVES", "pending", "paid"),
        ("ORDER_MOVES", "reserved", "pending"),
        ("PAYMENT_MOVES", "cancelled", "submitted"),
        ("PAYMENT_MOVES", "failed", "completed"),
        ("REFUND_MOVES", "requested", "rejected"),
    ],
)
def test_the_model_moves_by_the_tables_of_the_code(
    monkeypatch: pytest.MonkeyPatch, table: str, before: str, after: str
) -> None:
    moves = getattr(statuses, table)
    monkeypatch.setitem(moves, before, moves[before] - {after})

    outcome = explore(World(payments=(0, 1)))

    assert "not in the table of moves" in outcome.problem


def test_a_story_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel-first"]) == 0

    heading, *told, verdict = filter(None, capsys.readouterr().out.splitlines())
    assert heading == "Without the rule that goods go back only after Pi has cancelled:"
    assert told == [
        "  1. we ask Pi about alice's first payment",
        "  2. we write alice's first payment down, as Pi shows it (new)",
        "  3. alice's first payment passes the gate, a unit is held",
        "  4. we give alice's first payment up without asking Pi",
    ]
    assert "promise 6: its goods went back while it could still be paid" in verdict


def test_every_rule_can_be_asked_for_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0

    printed = capsys.readouterr().out
    assert [rule for rule in RULES if f"  {rule}: " not in printed] == []
    assert set(HARM) <= set(RULES)
    assert {*HARM.values()} <= {*SMALL, *LARGE}
