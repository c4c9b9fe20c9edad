"""Model and code tell the same story: the code is led along paths of the model and compared at every step.

A sample is part of all tests; `make model` takes every kind of step.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from payments.domain import decisions
from payments.domain.ordering import Refused
from pi_simulator import Simulator
from tests.proofs.model.explore import CameFrom, path_to, visit
from tests.proofs.model.follow import Apart, follow
from tests.proofs.model.model import ORDER_OF, Act, State, World

# SQLite alone: what differs between databases is not what the model speaks of.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

WHOLE = bool(os.environ.get("WHOLE_MODEL"))
ONE_IN = 1 if WHOLE else 20  # of the paths
WALKS, STEPS = 5, 25
# What sends money back does not exist in the code yet.
NARROW = World(payments=(0, 1), refunds="only asked for")
WIDE = World(most_in_flight=2, refunds="only asked for", returns=True)

OF_ORDERS = frozenset({"cancel_order", "expire", "reopen", "ship", "honour"})

Path = list[tuple[Act, State]]


def kind(act: Act, before: State, after: State) -> tuple[object, ...]:
    """Return what tells one step from another: the statuses that it starts from and ends in."""
    if act.to < 0:
        return (act.verb,)
    o = act.to if act.verb in OF_ORDERS else ORDER_OF[act.to]
    orders = (before.orders[o].status, after.orders[o].status)
    if act.verb in OF_ORDERS:
        return (act.verb, *orders)
    return (act.verb, *orders, before.ours[act.to], after.ours[act.to])


def paths(world: World) -> Iterator[Path]:
    """Yield the shortest paths that together take every kind of step of this world."""
    came_from: CameFrom = {State(): None}
    assert visit(world, came_from) is None
    first: dict[tuple[object, ...], tuple[State, Act, State]] = {}
    for before in came_from:
        for act, after in world.steps(before):
            first.setdefault(kind(act, before, after), (before, act, after))
    taken: set[tuple[object, ...]] = set()
    for wanted, (before, act, after) in reversed(first.items()):
        if wanted not in taken:
            path = [*path_to(came_from, before), (act, after)]
            states = [State(), *(s for _, s in path)]
            taken |= {kind(a, b, c) for (a, c), b in zip(path, states, strict=False)}
            yield path


def walk(world: World, seed: int) -> Path:
    """Choose a path at random. Questions and lost answers are most of what can happen, least of a story."""
    chance = random.Random(seed)
    path: Path = []
    s = State()
    for _ in range(STEPS):
        steps = list(world.steps(s))
        weights = [1 if act.verb in ("ask", "lose") else 5 for act, _ in steps]
        act, s = chance.choices(steps, weights)[0]
        path.append((act, s))
    return path


def test_the_code_takes_every_kind_of_step_as_the_model_does(pi: Simulator) -> None:
    chosen = list(paths(NARROW))[::ONE_IN]

    steps = sum(follow(pi, NARROW, path) for path in chosen)

    print(f"{len(chosen)} paths, {steps} steps of the model taken by the code")
    assert steps > 3000 // ONE_IN


def test_the_code_walks_at_random_where_the_model_walks(pi: Simulator) -> None:
    steps = sum(follow(pi, WIDE, walk(WIDE, seed)) for seed in range(WALKS))

    assert steps == WALKS * STEPS


def test_a_rule_that_only_the_model_has_is_noticed(pi: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code's staff are made to look away where the model's are not."""
    monkeypatch.setattr(decisions._Case, "_is_short_without", lambda case, statuses: False)
    path = next(path for path in paths_to_a_locked_parcel())

    with pytest.raises(Apart, match="does not allow ship of 0"):
        follow(pi, NARROW, path)


def paths_to_a_locked_parcel() -> Iterator[Path]:
    """Yield paths to an order that is paid, not shipped, and whose money is on its way back."""
    world = replace(NARROW, payments=(0,), returns=True)
    came_from: CameFrom = {State(): None}
    assert visit(world, came_from) is None
    for s in came_from:
        if s.orders[0].status == "paid" and s.ours[0].refund == "approved":
            yield path_to(came_from, s)


def test_a_rule_that_only_the_code_has_is_noticed(pi: Simulator) -> None:
    """The model holds goods for a second payment of an order that is reserved."""
    world = replace(NARROW, without="open-order")
    came_from: CameFrom = {State(): None}
    found = visit(world, came_from)
    assert found is not None

    with pytest.raises(Refused, match="under way"):
        follow(pi, world, path_to(came_from, found[1]))
