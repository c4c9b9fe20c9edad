"""The explorer finds nothing in the design as it is, and a story wherever a rule is taken away."""

from __future__ import annotations

import pytest

from payments import statuses
from tests.proof.model import RULES, World, explore

# Small enough for every run of the tests; `make model` visits the world of all three.
WORLDS = {"one order, two payments": (0, 1), "two orders, one unit": (0, 2)}
# The world in which taking the rule away does harm.
HARM = dict.fromkeys(RULES, (0, 1)) | {"count-stock": (0, 2), "deliver-held": (0, 2)}


@pytest.mark.parametrize("payments", WORLDS.values(), ids=WORLDS)
def test_every_promise_holds_in_every_state(payments: tuple[int, ...]) -> None:
    outcome = explore(World(payments=payments))

    assert (outcome.problem, outcome.story) == ("", ())
    assert outcome.states > 5_000


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_the_explorer_tells_how_a_promise_breaks(rule: str) -> None:
    outcome = explore(World(without=rule, payments=HARM[rule]))

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
