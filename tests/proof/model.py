"""The design as a model: orders, payments and stock against a Pi that may do anything Pi can do.

Breadth first through every state of a small world: one unit of stock (and one that staff may add), an order
of alice's with two payments, and bob's order with one, which wants the same unit. Any two of the three
payments make a world that is visited in seconds, all three take minutes. Everything that is one
commit in the code, or one call at Pi, is one step here; between any two steps anybody else may act. An answer
of Pi's is in flight until somebody folds it in, however late, or until it is lost (a crash is the same).

The moves are the tables that the models use: a step that is not in them ends the exploration.

    python -m tests.proof.model              explores the whole world, prints the number of its states
    python -m tests.proof.model RULE         with one rule taken away, prints how a promise breaks
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from payments.statuses import (
    LIVE,
    OPEN,
    ORDER_MOVES,
    PAYMENT_MOVES,
    REFUND_MOVES,
    UNFINISHED,
)
from payments.statuses import OrderStatus as O
from payments.statuses import PaymentStatus as P
from payments.statuses import RefundStatus as R

# payment -> order; the payments 0 and 1 are alice's, 2 is bob's.
ORDER_OF = (0, 0, 1)
NAMES = ("alice's first payment", "alice's second payment", "bob's payment")
ORDERS = ("alice's order", "bob's order")

NONE, SIGNED, RECORDED, BAD = range(4)  # of a transaction: on the chain, known to Pi, known but not verified


class AtPi(NamedTuple):
    """A payment as Pi has it."""

    approved: bool = False
    cancelled: bool = False
    tx: int = NONE
    completed: bool = False


class Ours(NamedTuple):
    """A payment as our database has it; status "" before we have seen it."""

    status: str = ""
    refused: bool = False
    refund: str = ""


class Order(NamedTuple):
    status: str = O.PENDING
    held_by: int = -1
    paid_by: int = -1
    delivered: int = 0


class State(NamedTuple):
    at_pi: tuple[AtPi, ...] = (AtPi(),) * 3
    ours: tuple[Ours, ...] = (Ours(),) * 3
    orders: tuple[Order, ...] = (Order(),) * 2
    on_hand: int = 1
    added: int = 0
    in_flight: tuple[tuple[int, AtPi], ...] = ()


Step = tuple[str, State]

RULES = {
    "cancel-first": "goods go back only after Pi has cancelled",
    "own-hold": "only the payment that holds the goods releases them",
    "look-again": "a commit decides on what is true when it is made, not on what was read before",
    "count-stock": "a hold takes only what is there",
    "refund-unusable": "completed money that an order cannot use gets a refund requested",
    "transaction-wins": "a transaction is seen before a cancellation",
    "open-order": "only an open order can be held",
    "deliver-held": "late money takes stock anew instead of trusting its old hold",
    "refund-locks-goods": "staff honour nothing whose money is on its way back",
}


@dataclass
class World:
    """All steps that can be taken from a state. `without` names the rule that is taken away, if any."""

    without: str = ""
    payments: tuple[int, ...] = (0, 1, 2)
    most_in_flight: int = 1

    def rule(self, name: str) -> bool:
        return name != self.without

    def steps(self, s: State) -> Iterator[Step]:
        for p in self.payments:
            yield from self.pi_acts(s, p)
            yield from self.we_ask(s, p)
        for n, (p, seen) in enumerate(s.in_flight):
            rest = s._replace(in_flight=s.in_flight[:n] + s.in_flight[n + 1 :])
            yield f"an answer about {NAMES[p]} is lost", rest
            yield f"we fold in an answer about {NAMES[p]} ({words(seen)})", self.fold(rest, p, seen)
            yield from self.approve_door(rest, p, seen)
        for o in sorted({ORDER_OF[p] for p in self.payments}):
            yield from self.people(s, o)
        if s.added == 0:
            yield "staff add a unit", s._replace(added=1, on_hand=s.on_hand + 1)

    # Pi, the wallet and the chain -----------------------------------------------------------------------

    def pi_acts(self, s: State, p: int) -> Iterator[Step]:
        pi = s.at_pi[p]
        if pi.approved and not pi.cancelled and pi.tx == NONE:
            yield f"the buyer signs {NAMES[p]}", at_pi(s, p, tx=SIGNED)
        if pi.tx == SIGNED:
            yield f"Pi records the transaction of {NAMES[p]}", at_pi(s, p, tx=RECORDED)
            yield f"Pi records an unverified transaction of {NAMES[p]}", at_pi(s, p, tx=BAD)
        if not pi.cancelled and pi.tx in (NONE, SIGNED):
            yield f"the buyer cancels {NAMES[p]}", at_pi(s, p, cancelled=True)
        if pi.tx == BAD:
            yield f"Pi verifies {NAMES[p]} after all", at_pi(s, p, tx=RECORDED)

    # What we ask of Pi, one call each; the answer may be lost -------------------------------------------

    def we_ask(self, s: State, p: int) -> Iterator[Step]:
        ours, pi = s.ours[p], s.at_pi[p]
        if len(s.in_flight) == self.most_in_flight:
            return
        yield f"we ask Pi about {NAMES[p]}", fly(s, p)
        if ours.status == P.APPROVING and not pi.cancelled and pi.tx == NONE:
            yield f"we approve {NAMES[p]} at Pi", fly(at_pi(s, p, approved=True), p)
        if ours.status in OPEN and pi.tx in (NONE, SIGNED):
            yield f"we cancel {NAMES[p]} at Pi", fly(at_pi(s, p, cancelled=True), p)
        if pi.tx in (SIGNED, RECORDED) and not pi.completed:
            yield f"we complete {NAMES[p]} at Pi", fly(at_pi(s, p, tx=RECORDED, completed=True), p)
        if not self.rule("cancel-first") and ours.status in LIVE:
            yield f"a browser says that {NAMES[p]} is cancelled", self.cancelled(s, p)

    # One commit each ------------------------------------------------------------------------------------

    def fold(self, s: State, p: int, seen: AtPi) -> State:
        if not s.ours[p].status:
            s = ours(s, p, status=P.CREATED)
        if seen.cancelled and not self.rule("transaction-wins"):
            return self.cancelled(s, p) if s.ours[p].status in (*UNFINISHED,) else s
        if seen.completed:
            return self.completed(s, p)
        if seen.tx in (RECORDED, BAD):
            return self.signed(s, p, bad=seen.tx == BAD)
        if seen.cancelled:
            return self.cancelled(s, p) if s.ours[p].status in OPEN else s
        if seen.approved and s.ours[p].status == P.APPROVING:
            return pay_moves(s, p, P.APPROVED)
        return s

    def completed(self, s: State, p: int) -> State:
        if s.ours[p].status == P.COMPLETED and self.rule("look-again"):
            return s
        if s.ours[p].status != P.COMPLETED:
            s = pay_moves(s, p, P.COMPLETED)
        o = ORDER_OF[p]
        order = s.orders[o]
        if order.held_by == p:
            return deliver(release_nothing(s, o), o, p)
        trusts_old_hold = not self.rule("deliver-held") and order.status in (O.PENDING, O.EXPIRED)
        if order.status in (O.PENDING, O.EXPIRED):
            if s.on_hand - reserved(s) >= 1 or trusts_old_hold:
                return deliver(s, o, p)
            return self.unusable(order_moves(s, o, O.NEEDS_REVIEW), p)
        if order.status == O.CANCELLED:
            s = order_moves(s, o, O.NEEDS_REVIEW)
        return self.unusable(s, p)

    def unusable(self, s: State, p: int) -> State:
        return ours(s, p, refund=R.REQUESTED) if self.rule("refund-unusable") else s

    def signed(self, s: State, p: int, *, bad: bool) -> State:
        if s.ours[p].status in (*OPEN, P.CANCELLED):
            s = pay_moves(s, p, P.SUBMITTED)
        if bad and s.ours[p].status == P.SUBMITTED:
            s = pay_moves(s, p, P.FAILED)
            o = ORDER_OF[p]
            if s.orders[o].held_by == p or s.orders[o].status == O.PENDING:
                s = order_moves(s, o, O.NEEDS_REVIEW, held_by=-1)
        return s

    def cancelled(self, s: State, p: int) -> State:
        s = pay_moves(s, p, P.CANCELLED, check=self.rule("transaction-wins"))
        o = ORDER_OF[p]
        holder = s.orders[o].held_by
        if holder == p or (holder >= 0 and not self.rule("own-hold")):
            return order_moves(s, o, O.PENDING, held_by=-1)
        return s

    def approve_door(self, s: State, p: int, seen: AtPi) -> Iterator[Step]:
        """The gate and the hold, decided on an answer that may be old."""
        ours_now, o = s.ours[p], ORDER_OF[p]
        if seen.cancelled or seen.tx != NONE or ours_now.status not in ("", P.CREATED) or ours_now.refused:
            return
        s = ours(s, p, status=P.CREATED)
        is_open = s.orders[o].status == O.PENDING or not self.rule("open-order")
        enough = s.on_hand - reserved(s) >= 1 or not self.rule("count-stock")
        if is_open and enough:
            s = order_moves(s, o, O.RESERVED, check=self.rule("open-order"), held_by=p)
            yield f"{NAMES[p]} passes the gate, a unit is held", pay_moves(s, p, P.APPROVING)
        else:
            yield f"{NAMES[p]} is refused at the gate", ours(s, p, refused=True)

    # Buyers, staff and the clean-up ---------------------------------------------------------------------

    def people(self, s: State, o: int) -> Iterator[Step]:
        order = s.orders[o]
        payments = [p for p in range(3) if ORDER_OF[p] == o]
        if order.status == O.PENDING:
            yield f"{ORDERS[o]} is cancelled", order_moves(s, o, O.CANCELLED)
            if not any(s.ours[p].status in UNFINISHED for p in payments):
                yield f"{ORDERS[o]} expires", order_moves(s, o, O.EXPIRED)
        if order.status == O.EXPIRED:
            yield f"{ORDERS[o]} is reopened", order_moves(s, o, O.PENDING)
        under_way = any(s.ours[p].refund in (R.APPROVED, R.DONE) for p in payments)
        free = not under_way or not self.rule("refund-locks-goods")
        if order.status == O.NEEDS_REVIEW and s.on_hand - reserved(s) >= 1 and free:
            yield f"staff honour {ORDERS[o]}", self.honour(s, o, payments)
        for p in payments:
            yield from self.refund(s, p)

    def honour(self, s: State, o: int, payments: list[int]) -> State:
        used = next((p for p in payments if s.ours[p].status == P.COMPLETED), -1)
        if used >= 0 and s.ours[used].refund == R.REQUESTED:
            s = refund_moves(s, used, R.REJECTED)
        return deliver(s, o, used)

    def refund(self, s: State, p: int) -> Iterator[Step]:
        status = s.ours[p].refund
        if status == R.REQUESTED:
            yield f"staff approve the refund of {NAMES[p]}", refund_moves(s, p, R.APPROVED)
        if status == R.APPROVED:
            yield f"the refund of {NAMES[p]} is done", refund_moves(s, p, R.DONE)


# Small changes of a state --------------------------------------------------------------------------------


class NotInTheTable(AssertionError):
    """The model takes a step that the code's table of moves does not know."""


def at_pi(s: State, p: int, **values: object) -> State:
    changed = s.at_pi[p]._replace(**values)  # type: ignore[arg-type]
    return s._replace(at_pi=(*s.at_pi[:p], changed, *s.at_pi[p + 1 :]))


def ours(s: State, p: int, **values: object) -> State:
    changed = s.ours[p]._replace(**values)  # type: ignore[arg-type]
    return s._replace(ours=(*s.ours[:p], changed, *s.ours[p + 1 :]))


def order_with(s: State, o: int, **values: object) -> State:
    changed = s.orders[o]._replace(**values)  # type: ignore[arg-type]
    return s._replace(orders=(*s.orders[:o], changed, *s.orders[o + 1 :]))


def pay_moves(s: State, p: int, to: str, *, check: bool = True) -> State:
    if check and to not in PAYMENT_MOVES[s.ours[p].status]:
        raise NotInTheTable(f"payment: {s.ours[p].status} -> {to}")
    return ours(s, p, status=to)


def order_moves(s: State, o: int, to: str, *, check: bool = True, held_by: int = -1) -> State:
    if check and to not in ORDER_MOVES[s.orders[o].status]:
        raise NotInTheTable(f"order: {s.orders[o].status} -> {to}")
    return order_with(s, o, status=to, held_by=held_by)


def refund_moves(s: State, p: int, to: str) -> State:
    if to not in REFUND_MOVES[s.ours[p].refund]:
        raise NotInTheTable(f"refund: {s.ours[p].refund} -> {to}")
    return ours(s, p, refund=to)


def release_nothing(s: State, o: int) -> State:
    """The unit that is held becomes the unit that is sold: nothing goes back in between."""
    return s


def deliver(s: State, o: int, p: int) -> State:
    s = order_moves(s, o, O.PAID)._replace(on_hand=s.on_hand - 1)
    return order_with(s, o, paid_by=p, delivered=s.orders[o].delivered + 1)


def fly(s: State, p: int) -> State:
    return s._replace(in_flight=(*s.in_flight, (p, s.at_pi[p])))


def reserved(s: State) -> int:
    return sum(order.status == O.RESERVED for order in s.orders)


def words(seen: AtPi) -> str:
    told = [name for name in ("approved", "cancelled", "completed") if getattr(seen, name)]
    if seen.tx in (RECORDED, BAD):
        told.append("a transaction" if seen.tx == RECORDED else "an unverified transaction")
    return ", ".join(told) or "new"


# What must hold ------------------------------------------------------------------------------------------


def broken(s: State) -> str:
    """Return the promise that does not hold in this state, in words, or nothing."""
    if not 0 <= reserved(s) <= s.on_hand:
        return "more units are promised than there are"
    if s.on_hand + sum(order.delivered for order in s.orders) != 1 + s.added:
        return "units are not conserved"
    for o, order in enumerate(s.orders):
        if problem := broken_order(s, o, order):
            return f"{ORDERS[o]}: {problem}"
    for p, payment in enumerate(s.ours):
        if problem := broken_payment(s, p, payment):
            return f"{NAMES[p]}: {problem}"
    return ""


def broken_order(s: State, o: int, order: Order) -> str:
    if (order.status == O.RESERVED) != (order.held_by >= 0):
        return "reserved without a hold, or a hold without being reserved"
    if order.held_by >= 0 and s.ours[order.held_by].status not in UNFINISHED:
        return "held by a payment that is over"
    if order.delivered > 1:
        return "delivered twice"
    if order.delivered and order.paid_by >= 0 and not s.at_pi[order.paid_by].completed:
        return "delivered without money"
    if order.paid_by >= 0 and s.ours[order.paid_by].refund in (R.REQUESTED, R.APPROVED, R.DONE):
        return "goods and money back"
    live = [p for p in range(3) if ORDER_OF[p] == o and s.ours[p].status in LIVE]
    return "two live payments" if len(live) > 1 else ""


def broken_payment(s: State, p: int, payment: Ours) -> str:
    pi, order = s.at_pi[p], s.orders[ORDER_OF[p]]
    if payment.status == P.CANCELLED and not pi.cancelled:
        return "its goods went back while it could still be paid"
    if payment.status in LIVE and order.held_by != p:
        return "it can be signed, and nothing is held for it"
    if payment.status == P.COMPLETED and not pi.completed:
        return "completed here, not at Pi"
    if payment.status == P.COMPLETED and order.paid_by != p and not payment.refund:
        return "the money is forgotten"
    return ""


def rest(world: World, s: State) -> State:
    """No more faults: what the sweeper does, over and over, until nothing changes."""
    s = s._replace(in_flight=())
    for _ in range(6):
        for p in range(3):
            if s.at_pi[p].tx == SIGNED:
                s = at_pi(s, p, tx=RECORDED)
            if not s.ours[p].status and s.at_pi[p] == AtPi():
                continue  # nobody knows of it
            if s.at_pi[p].tx == RECORDED and not s.at_pi[p].completed:
                s = at_pi(s, p, completed=True)
            if s.at_pi[p].tx == NONE and not s.at_pi[p].cancelled:
                s = at_pi(s, p, cancelled=True)
            s = world.fold(s, p, s.at_pi[p])
    return s


def unsettled(s: State) -> str:
    """Return what is broken or still open when the world has come to rest, in words, or nothing."""
    if problem := broken(s):
        return problem
    for p, payment in enumerate(s.ours):
        if payment.status in UNFINISHED:
            return f"{NAMES[p]} never ends"
        if s.at_pi[p].completed and payment.status != P.COMPLETED:
            return f"{NAMES[p]} is paid, and we do not know it"
    return "goods are held for ever" if reserved(s) else ""


# The exploration -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    states: int
    problem: str = ""
    story: tuple[str, ...] = ()


def explore(world: World, start: State | None = None) -> Outcome:
    """This will visit every state that can be reached; it ends at the first broken promise."""
    first = start or State()
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    queue = deque([first])
    while queue:
        s = queue.popleft()
        try:
            problem = broken(s) or unsettled(rest(world, s))
            for told, after in world.steps(s):
                if after not in came_from:
                    came_from[after] = (s, told)
                    queue.append(after)
        except NotInTheTable as error:
            problem = f"not in the table of moves: {error}"
        if problem:
            return Outcome(len(came_from), problem, tuple(story(came_from, s)))
    return Outcome(len(came_from))


def story(came_from: dict[State, tuple[State, str] | None], s: State) -> list[str]:
    told: list[str] = []
    while (step := came_from[s]) is not None:
        s, words_of_it = step
        told.append(words_of_it)
    return told[::-1]


def main(arguments: list[str]) -> int:
    without = arguments[0] if arguments else ""
    if without and without not in RULES:
        print("rules:", *(f"  {name}: {text}" for name, text in RULES.items()), sep="\n")
        return 2
    outcome = explore(replace(World(), without=without))
    for number, told in enumerate(outcome.story, 1):
        print(f"{number:3}. {told}")
    print(f"{outcome.states} states, " + (outcome.problem or "every promise holds in each of them"))
    return bool(outcome.problem)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
