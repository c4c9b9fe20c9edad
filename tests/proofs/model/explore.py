"""Breadth first through every state of the design's model: `make model`, or `make model RULE=cancel-first`.

python -m tests.proofs.model.explore              visits every world, prints the number of its states
python -m tests.proofs.model.explore RULE         takes one rule away, prints how a promise breaks
python -m tests.proofs.model.explore rules        prints the rules
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.proofs.model.model import RULES, Act, Broken, NotInTheTable, State, World
from tests.proofs.model.model_promises import NAMES, ORDERS, broken, healed, in_words, unsettled

# In each of them every state is visited. Small ones are part of the tests, the others of `make model`.
SMALL = {
    "one order, two payments": World(payments=(0, 1)),
    "two orders, one unit": World(payments=(0, 2)),
    "one payment, and refunds over the chain": World(payments=(0,), refunds="over the chain", returns=True),
    "one payment, and files that are missing": World(payments=(0,), files=True, stranger=True),
}
LARGE = {
    "one order, two payments, two answers in flight": World(payments=(0, 1), most_in_flight=2),
    "one order, two payments, refunds over the chain": World(
        payments=(0, 1), refunds="over the chain", returns=True
    ),
    "two orders, three payments": World(),
}
# The smallest world in which taking the rule away does harm; the first of SMALL does for the others.
HARM = {
    "count-stock": "two orders, one unit",
    "deliver-held": "two orders, one unit",
    "late-watch": "one payment, and refunds over the chain",
    "reconciler": "one payment, and refunds over the chain",
    "money-first": "one payment, and files that are missing",
    "envelope-first": "one payment, and refunds over the chain",
    "wait-for-bound": "one payment, and refunds over the chain",
    "look-on-chain": "one payment, and refunds over the chain",
    "refund-fits": "one payment, and refunds over the chain",
    "one-outgoing": "one order, two payments, refunds over the chain",
}
MAX_HEALING = 60

CameFrom = dict[State, tuple[State, Act] | None]


@dataclass(frozen=True)
class Outcome:
    states: int
    problem: str = ""
    story: tuple[str, ...] = ()


def without(rule: str) -> World:
    """Return the world without the rule in which one sees what the rule is for."""
    world = (SMALL | LARGE)[HARM.get(rule, "one order, two payments")]
    return replace(world, without=rule, moves=set())


def explore(world: World) -> Outcome:
    """Visit every state that can be reached; stop at the first broken promise."""
    came_from: CameFrom = {State(): None}
    problem, s = visit(world, came_from) or _heal(world, came_from) or ("", State())
    return Outcome(len(came_from), problem, tuple(story(came_from, s)) if problem else ())


def visit(world: World, came_from: CameFrom) -> tuple[str, State] | None:
    """Take every step from every state, the nearest first."""
    queue = deque(came_from)
    while queue:
        s = queue.popleft()
        if problem := broken(s):
            return problem, s
        try:
            for act, after in world.steps(s):
                if after not in came_from:
                    came_from[after] = (s, act)
                    queue.append(after)
        except NotInTheTable as error:
            return f"7: not in the table of moves: {error}", s
        except Broken as error:
            return str(error), s
    return None


def _heal(world: World, came_from: CameFrom) -> tuple[str, State] | None:
    """Check promise 9 in a second pass: from every state the healing steps alone lead to an end.

    They lead through states that were visited, so a state is well as soon as it leads to one that is.
    """
    well: set[State] = set()
    for s in came_from:
        path = []
        at: State | None = s
        while at is not None and at not in well:
            if at not in came_from:
                raise AssertionError(f"healing leads where no step leads: {at}")
            path.append(at)
            if len(path) > MAX_HEALING:
                return "9: the reconciler goes on for ever", s
            after = healed(world, at)
            if after is None and (problem := unsettled(at)):
                return f"{problem}, however long the reconciler goes on", s
            at = after
        well.update(path)
    return None


def path_to(came_from: CameFrom, s: State) -> list[tuple[Act, State]]:
    steps = []
    while (step := came_from[s]) is not None:
        steps.append((step[1], s))
        s = step[0]
    return steps[::-1]


def story(came_from: CameFrom, s: State) -> Iterator[str]:
    for act, _ in path_to(came_from, s):
        yield tell(act)


TOLD = {
    "add": "staff add a unit",
    "file": "the file to deliver goes missing, or is put back",
    "sign": "the buyer signs {p}",
    "stranger": "somebody else approves {p} with our key",
    "record": "Pi records the transaction of {p}",
    "record_bad": "Pi records the transaction of {p}, and does not verify it",
    "user_cancels": "the buyer cancels {p}",
    "verify": "Pi verifies the transaction of {p} after all",
    "ask": "we ask Pi about {p}",
    "approve": "we approve {p} at Pi",
    "cancel": "we cancel {p} at Pi",
    "complete": "we complete {p} at Pi",
    "give_up": "we give {p} up without asking Pi",
    "browser_cancels": "a browser says that {p} is cancelled, and is believed",
    "browser_pays": "a browser says that {p} is paid, and is believed",
    "lose": "an answer about {p} is lost ({seen})",
    "note": "we write {p} down, as Pi shows it ({seen})",
    "fold": "we apply an answer about {p} ({seen})",
    "fold_late": "we apply an answer about {p} ({seen}), and its order's time is over",
    "doubt": "Pi refuses to complete {p}, which it does not verify",
    "hold": "{p} passes the gate, a unit is held",
    "refuse": "{p} is refused at the gate",
    "cancel_order": "{o} is cancelled",
    "expire": "{o} expires",
    "reopen": "{o} is opened again",
    "ship": "the parcel of {o} leaves the house",
    "honour": "staff hand the goods of {o} over",
    "flag": "staff flag {p} for refund",
    "approve_refund": "staff approve the refund of {p}",
    "reject_refund": "staff reject the refund of {p}",
    "by_hand": "the refund of {p} is paid by hand",
    "approve_again": "staff approve the failed refund of {p} again",
    "begin_sending": "the refund of {p} is begun",
    "pi_refuses": "Pi refuses to open the refund of {p}",
    "open_at_pi": "the refund of {p} is opened at Pi",
    "write_envelope": "the envelope of the refund of {p} is signed and written down",
    "send_unwritten": "an envelope is sent for {p} and lands, and nobody has written it down",
    "land": "the envelope of the refund of {p} lands on the chain",
    "bound_passes": "the time of the envelope of {p} is over: it can land no more",
    "finish_refund": "the refund of {p} is done",
    "fail_refund": "the refund of {p} is said to have failed",
}


def tell(act: Act) -> str:
    name = {"p": NAMES[act.to], "o": ORDERS[min(act.to, 1)]} if act.to >= 0 else {}
    return TOLD[act.verb].format(**name, seen=in_words(act.seen) if act.seen else "")


def main(arguments: list[str]) -> int:
    if not arguments:
        return visit_all()
    [rule] = arguments
    if rule not in RULES:
        print("rules:", *(f"  {name}: {text}" for name, text in RULES.items()), sep="\n")
        return 2 * (rule != "rules")
    outcome = explore(without(rule))
    print(f"Without the rule that {RULES[rule]}:\n")
    for number, told in enumerate(outcome.story, 1):
        print(f"{number:3}. {told}")
    print(
        f"\n{outcome.states} states, " + (f"then promise {outcome.problem}" if outcome.problem else "no harm")
    )
    return not outcome.problem


def visit_all() -> int:
    total = problems = 0
    for name, world in (SMALL | LARGE).items():
        began = time.monotonic()
        outcome = explore(world)
        total += outcome.states
        verdict = outcome.problem or "every promise holds"
        print(
            f"{outcome.states:>10,} states in {time.monotonic() - began:4.0f} s  {name}: {verdict}",
            flush=True,
        )
        if outcome.problem:
            problems += 1
            print(*(f"{number:14}. {told}" for number, told in enumerate(outcome.story, 1)), sep="\n")
    print(f"{total:>10,} states in all, {problems or 'no'} broken promises")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
