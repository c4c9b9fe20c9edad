"""The design as a model: orders, payments, stock and refunds against a Pi that may do anything Pi can do.

A small world: one unit of stock (and one that staff may add), an order of alice's with two payments, and
bob's order with one, which wants the same unit. Everything that is one commit in the code, or one call at
Pi, is one step here, and between any two steps anybody else may act. An answer of Pi's is in flight until
somebody applies it, however late, or until it is lost; a crash is the same. What is never taken further was
killed there.

The moves are the tables that the models use: a step that is not in them ends the exploration. `explore`
visits every state, `model_promises` says what must hold in each, `follow` leads the code along.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from payments.statuses import (
    LIVE,
    OPEN,
    ORDER_MOVES,
    PAYMENT_MOVES,
    REFUND_MOVES,
    REFUND_UNDER_WAY,
    UNFINISHED,
)
from payments.statuses import OrderStatus as O
from payments.statuses import PaymentStatus as P
from payments.statuses import RefundStatus as R

# payment -> order; the payments 0 and 1 are alice's, 2 is bob's.
ORDER_OF = (0, 0, 1)
PAYMENTS_OF = ((0, 1), (2,))

NONE, SIGNED, RECORDED, BAD = range(4)  # of a transaction: on the chain, known to Pi, known but not verified
NOT_YET, BY_US, BY_A_STRANGER = range(3)  # approved
WRONGED = 2  # of a refusal: turned away for a payment that was over already


class AtPi(NamedTuple):
    """A payment as Pi has it."""

    approved: int = NOT_YET
    cancelled: bool = False
    tx: int = NONE
    completed: bool = False


class Ours(NamedTuple):
    """A payment as our database has it; status "" before we have seen it. `refund` is its refund's status."""

    status: str = ""
    refused: int = 0
    refund: str = ""


class Back(NamedTuple):
    """The way back of a payment's money: open at Pi, envelopes that can still land, and that have landed."""

    listed: bool = False
    alive: int = 0
    landed: int = 0


class Order(NamedTuple):
    status: str = O.PENDING
    held_by: int = -1
    paid_by: int = -1  # -1 with goods: staff decided it
    delivered: int = 0


class State(NamedTuple):
    at_pi: tuple[AtPi, ...] = (AtPi(),) * 3
    ours: tuple[Ours, ...] = (Ours(),) * 3
    back: tuple[Back, ...] = (Back(),) * 3
    orders: tuple[Order, ...] = (Order(),) * 2
    on_hand: int = 1
    added: int = 0
    file: int = 0  # what is to be delivered is there (0), is missing (1), is there again (2)
    flight: tuple[tuple[int, AtPi], ...] = ()


class Act(NamedTuple):
    """Who does what: `verb`, to which payment or order, with which answer of Pi's."""

    verb: str
    to: int = -1
    seen: AtPi | None = None


Step = tuple[Act, State]


class NotInTheTable(AssertionError):
    """The model takes a step that the code's table of moves does not know."""


class Broken(AssertionError):
    """A step breaks a promise that no single state shows."""


RULES = {
    "cancel-first": "goods go back only after Pi has cancelled",
    "browser-word": "a browser's word releases nothing",
    "believe-pi": "only Pi's record completes a payment",
    "intention-first": "Pi is asked to approve only after the hold is committed",
    "own-hold": "only the payment that holds the goods releases them",
    "look-again": "a commit decides on what is true when it is made, not on what was read before",
    "count-stock": "a hold takes only what is there",
    "open-order": "only an open order can be held",
    "rival-first": "another payment of the order is settled before a second one is refused for it",
    "transaction-wins": "a transaction is seen before a cancellation",
    "deliver-held": "late money takes stock anew instead of trusting its old hold",
    "money-first": "that Pi completed it is committed, also when the goods cannot be delivered",
    "refund-unusable": "completed money that an order cannot use gets a refund requested",
    "late-watch": "what was cancelled is looked at again",
    "reconciler": "somebody asks about every payment that is not at an end",
    "refund-fits": "no refund is asked for twice",
    "refund-locks-goods": "goods stay here while their money is on its way back",
    "honour-rejects": "staff who hand goods over reject the refund of their money in the same commit",
    "one-outgoing": "one outgoing payment at a time",
    "envelope-first": "an envelope is written down before it is sent",
    "wait-for-bound": "a refund has failed only when its envelope can land no more",
    "look-on-chain": "a refund has failed only when the chain does not show it",
}


@dataclass
class World:
    """All steps that can be taken from a state. `without` names the rule that is taken away, if any.

    Refunds are paid by hand, or sent over Pi and the chain, or only asked for. `returns` lets staff flag any
    payment. A `stranger` approves with our key, as a database does that was lost. `files` can be missing.
    """

    payments: tuple[int, ...] = (0, 1, 2)
    most_in_flight: int = 1
    refunds: Literal["by hand", "over the chain", "only asked for"] = "by hand"
    returns: bool = False
    stranger: bool = False
    files: bool = False
    without: str = ""
    moves: set[tuple[str, str, str]] = field(default_factory=set)  # all that were taken

    def rule(self, name: str) -> bool:
        return name != self.without

    @property
    def orders(self) -> list[int]:
        return sorted({ORDER_OF[p] for p in self.payments})

    def steps(self, s: State) -> Iterator[Step]:
        for p in self.payments:
            yield from self.pi_acts(s, p)
            yield from self.we_ask(s, p)
            yield from self.money_back(s, p)
        for p, seen in s.flight:
            yield from self.answer(s, p, seen)
        for o in self.orders:
            yield from self.people(s, o)
        if s.added == 0:
            yield Act("add"), s._replace(added=1, on_hand=s.on_hand + 1)
        if self.files and s.file < 2:
            yield Act("file"), s._replace(file=s.file + 1)

    # Pi, the wallet and the chain -----------------------------------------------------------------------

    def pi_acts(self, s: State, p: int) -> Iterator[Step]:
        pi = s.at_pi[p]
        if pi.tx == NONE and not pi.cancelled:
            if pi.approved:
                yield Act("sign", p), at_pi(s, p, tx=SIGNED)
            elif self.stranger:
                yield Act("stranger", p), at_pi(s, p, approved=BY_A_STRANGER)
        if pi.tx == SIGNED:
            yield Act("record", p), at_pi(s, p, tx=RECORDED)
            yield Act("record_bad", p), at_pi(s, p, tx=BAD)
        if pi.tx in (NONE, SIGNED) and not pi.cancelled:
            yield Act("user_cancels", p), at_pi(s, p, cancelled=True)
        if pi.tx == BAD:
            yield Act("verify", p), at_pi(s, p, tx=RECORDED)

    # What we ask of Pi, one call each; the answer may be lost -------------------------------------------

    def we_ask(self, s: State, p: int) -> Iterator[Step]:
        pi, status = s.at_pi[p], s.ours[p].status
        yield from self.believers(s, p)
        if len(s.flight) == self.most_in_flight:
            return
        yield Act("ask", p), fly(s, p)
        may_approve = status == P.APPROVING or (not self.rule("intention-first") and status == P.CREATED)
        if may_approve and not (pi.approved or pi.cancelled or pi.tx):
            yield Act("approve", p), fly(at_pi(s, p, approved=BY_US), p)
        if status in OPEN and pi.tx in (NONE, SIGNED) and not pi.cancelled:
            yield Act("cancel", p), fly(at_pi(s, p, cancelled=True), p)
        if status and not pi.completed and (pi.tx == RECORDED or (pi.tx == SIGNED and not pi.cancelled)):
            yield Act("complete", p), fly(at_pi(s, p, tx=RECORDED, completed=True), p)

    def believers(self, s: State, p: int) -> Iterator[Step]:
        """Yield what is done without asking Pi, where a rule is taken away."""
        if s.ours[p].status in LIVE:
            if not self.rule("cancel-first"):
                yield Act("give_up", p), self.cancelled(s, p)
            if not self.rule("browser-word"):
                yield Act("browser_cancels", p), self.cancelled(s, p)
            if not self.rule("believe-pi"):
                yield Act("browser_pays", p), self.completed(s, p)

    # One commit each ------------------------------------------------------------------------------------

    def answer(self, s: State, p: int, seen: AtPi) -> Iterator[Step]:
        rest = s._replace(flight=tuple(other for other in s.flight if other != (p, seen)))
        yield Act("lose", p, seen), rest
        if not s.ours[p].status:
            yield Act("note", p, seen), ours(s, p, status=P.CREATED)
            return
        after = self.apply_record(rest, p, seen)
        if self.apply_record(after, p, seen) != after:
            raise Broken("the same answer, folded in twice, is not the same as once")
        yield Act("fold", p, seen), after
        o = ORDER_OF[p]
        if s.orders[o].status == O.RESERVED and after.orders[o].status == O.PENDING:
            yield Act("fold_late", p, seen), order_with(after, o, status=self.to(s, o, O.EXPIRED))
        if seen.tx == BAD and s.ours[p].status == P.SUBMITTED:
            yield Act("doubt", p, seen), self.failed(rest, p)
        yield from self.gate(rest, p, seen)

    def apply_record(self, s: State, p: int, seen: AtPi) -> State:
        """Apply what Pi shows, by rank: completed, a transaction, cancelled, approved."""
        status = s.ours[p].status
        if seen.cancelled and not self.rule("transaction-wins"):
            return self.cancelled(s, p) if status in UNFINISHED else s
        if seen.completed:
            return self.completed(s, p)
        if seen.tx in (RECORDED, BAD):
            return self.pay(s, p, P.SUBMITTED) if status in (*OPEN, P.CANCELLED) else s
        if seen.cancelled:
            return self.cancelled(s, p) if status in OPEN else s
        if seen.approved and status == P.APPROVING:
            return self.pay(s, p, P.APPROVED)
        return s

    def gate(self, s: State, p: int, seen: AtPi) -> Iterator[Step]:
        """Decide the gate and the hold on an answer that may be old.

        The look at the order's other payment and the gate are one step here; in the code the other may end in
        between, and is refused for once.
        """
        if seen.cancelled or seen.tx or s.ours[p].status != P.CREATED or s.ours[p].refused:
            return
        o = ORDER_OF[p]
        rival = s.orders[o].held_by
        if rival >= 0 and self.rule("rival-first"):
            s = self.apply_record(s, rival, s.at_pi[rival])
        is_open = s.orders[o].status == O.PENDING or not self.rule("open-order")
        if is_open and not signed(s, o) and (free(s) >= 1 or not self.rule("count-stock")):
            held = order_with(
                s, o, status=self.to(s, o, O.RESERVED, check=self.rule("open-order")), held_by=p
            )
            yield Act("hold", p, seen), self.pay(held, p, P.APPROVING)
        else:
            rival = s.orders[o].held_by
            wronged = rival >= 0 and s.at_pi[rival].cancelled and not s.at_pi[rival].tx
            yield Act("refuse", p, seen), ours(s, p, refused=WRONGED if wronged else 1)

    def completed(self, s: State, p: int) -> State:
        """Record the money first, the goods second."""
        o = ORDER_OF[p]
        if s.ours[p].status == P.COMPLETED:
            return s if self.rule("look-again") else self.deliver(s, o, p, check=False)
        before, s = s, self.pay(s, p, P.COMPLETED)
        order = s.orders[o]
        trusts_old_hold = not self.rule("deliver-held") and free(s) < 1
        if order.held_by == p or order.status in (O.PENDING, O.EXPIRED):
            if s.file == 1:
                return self.in_review(s, o, p) if self.rule("money-first") else before
            if order.held_by == p or free(s) >= 1 or trusts_old_hold:
                return self.deliver(s, o, p)
            return self.in_review(s, o, p)
        if order.status == O.CANCELLED:
            return self.in_review(s, o, p)
        if order.status in (O.PAID, O.FULFILLED) and not self.has_other_money(s, o, p):
            return order_with(s, o, paid_by=p)  # staff have honoured it before its money came
        return self.unusable(s, p)

    def has_other_money(self, s: State, o: int, p: int) -> bool:
        """Return whether other money pays for the order, also when staff want to give it back."""
        others = (q for q in PAYMENTS_OF[o] if q != p and s.ours[q].status == P.COMPLETED)
        return any(q == s.orders[o].paid_by or s.ours[q].refund in ("", R.REJECTED) for q in others)

    def in_review(self, s: State, o: int, p: int) -> State:
        return self.unusable(order_with(s, o, status=self.to(s, o, O.NEEDS_REVIEW), held_by=-1), p)

    def unusable(self, s: State, p: int) -> State:
        return ours(s, p, refund=R.REQUESTED) if self.rule("refund-unusable") else s

    def failed(self, s: State, p: int) -> State:
        """Fail a payment that Pi does not complete, because it does not verify the transaction."""
        s, o = self.pay(s, p, P.FAILED), ORDER_OF[p]
        if s.orders[o].held_by == p or s.orders[o].status == O.PENDING:
            return order_with(s, o, status=self.to(s, o, O.NEEDS_REVIEW), held_by=-1)
        return s

    def cancelled(self, s: State, p: int) -> State:
        s = self.pay(s, p, P.CANCELLED, check=self.rule("transaction-wins"))
        o = ORDER_OF[p]
        holder = s.orders[o].held_by
        if holder == p or (holder >= 0 and not self.rule("own-hold")):
            return order_with(s, o, status=self.to(s, o, O.PENDING), held_by=-1)
        return s

    def deliver(self, s: State, o: int, p: int, *, check: bool = True) -> State:
        """Hand over the unit that is held, or one that nobody holds."""
        if p >= 0 and s.ours[p].refund not in ("", R.REJECTED):
            raise Broken("goods and money back: the refund of what they are paid with is still asked for")
        s = order_with(s, o, status=self.to(s, o, O.PAID, check=check), held_by=-1, paid_by=p)
        return order_with(s, o, delivered=s.orders[o].delivered + 1)._replace(on_hand=s.on_hand - 1)

    # Buyers, staff and the clean-up ---------------------------------------------------------------------

    def people(self, s: State, o: int) -> Iterator[Step]:
        status = s.orders[o].status
        if status == O.PENDING:
            if not signed(s, o):
                yield Act("cancel_order", o), order_with(s, o, status=self.to(s, o, O.CANCELLED))
            if not any(s.ours[p].status in UNFINISHED for p in PAYMENTS_OF[o]):
                yield Act("expire", o), order_with(s, o, status=self.to(s, o, O.EXPIRED))
        if status == O.EXPIRED:
            yield Act("reopen", o), order_with(s, o, status=self.to(s, o, O.PENDING))
        if status == O.NEEDS_REVIEW and free(s) >= 1 and s.file != 1:
            yield from self.honour(s, o)
        if status == O.PAID:
            if not money_leaves(s, o, (R.REQUESTED, *REFUND_UNDER_WAY)):
                yield Act("ship", o), order_with(s, o, status=self.to(s, o, O.FULFILLED))
            elif not self.rule("refund-locks-goods"):
                raise Broken(
                    "goods and money back: a parcel leaves while its money goes back or is asked back"
                )

    def honour(self, s: State, o: int) -> Iterator[Step]:
        if money_leaves(s, o) and self.rule("refund-locks-goods"):
            return
        came = [p for p in PAYMENTS_OF[o] if s.ours[p].status == P.COMPLETED]
        stays = [p for p in came if s.ours[p].refund not in REFUND_UNDER_WAY]
        used = (stays or came or [-1])[0]
        if used >= 0 and s.ours[used].refund in (R.REQUESTED, R.FAILED) and self.rule("honour-rejects"):
            s = self.refund(s, used, R.REJECTED)
        yield Act("honour", o), self.deliver(s, o, used)

    # Money that goes back -------------------------------------------------------------------------------

    def money_back(self, s: State, p: int) -> Iterator[Step]:
        status = s.ours[p].refund
        may_ask = status in ("", R.REJECTED) or not self.rule("refund-fits")
        if self.returns and s.ours[p].status == P.COMPLETED and may_ask:
            yield Act("flag", p), ours(s, p, refund=R.REQUESTED)
        if status == R.REQUESTED:
            yield Act("approve_refund", p), self.refund(s, p, R.APPROVED)
            yield Act("reject_refund", p), self.refund(s, p, R.REJECTED)
        if status == R.APPROVED and self.refunds == "by hand":
            yield Act("by_hand", p), self.went_back(landed(s, p), p)
        if self.refunds == "over the chain":
            yield from self.over_the_chain(s, p)

    def over_the_chain(self, s: State, p: int) -> Iterator[Step]:
        yield from self.begun(s, p)
        yield from self.on_its_way(s, p)

    def begun(self, s: State, p: int) -> Iterator[Step]:
        status, back = s.ours[p].refund, s.back[p]
        busy = any(each.refund in (R.SENDING, R.SUBMITTED) for each in s.ours)
        if status == R.FAILED:
            yield Act("approve_again", p), self.refund(s, p, R.APPROVED)
        if status == R.APPROVED and not (busy and self.rule("one-outgoing")):
            yield Act("begin_sending", p), self.refund(s, p, R.SENDING)
        if status == R.SENDING and not back.listed:
            yield Act("pi_refuses", p), self.refund(s, p, R.FAILED)
            if not any(each.listed for each in s.back):
                yield Act("open_at_pi", p), back_with(s, p, listed=True)
        if status == R.SENDING and back.listed:
            written = back_with(s, p, alive=back.alive + 1)
            yield Act("write_envelope", p), self.refund(written, p, R.SUBMITTED)
            if not self.rule("envelope-first"):
                yield Act("send_unwritten", p), landed(s, p)

    def on_its_way(self, s: State, p: int) -> Iterator[Step]:
        status, back = s.ours[p].refund, s.back[p]
        if back.alive:
            yield Act("land", p), landed(back_with(s, p, alive=back.alive - 1), p)
            yield Act("bound_passes", p), back_with(s, p, alive=0)
        if status == R.SUBMITTED:
            if back.landed:
                yield Act("finish_refund", p), self.went_back(s, p)
            over = not back.alive or not self.rule("wait-for-bound")
            if over and not (back.landed and self.rule("look-on-chain")):
                yield Act("fail_refund", p), self.refund(back_with(s, p, listed=False), p, R.FAILED)

    def went_back(self, s: State, p: int) -> State:
        """Finish the refund; the order is refunded when everything went back that was paid for it."""
        s, o = self.refund(back_with(s, p, listed=False), p, R.DONE), ORDER_OF[p]
        came = [s.ours[q] for q in PAYMENTS_OF[o] if s.ours[q].status == P.COMPLETED]
        if s.orders[o].status in (O.PAID, O.FULFILLED, O.NEEDS_REVIEW) and all(
            q.refund == R.DONE for q in came
        ):
            return order_with(s, o, status=self.to(s, o, O.REFUNDED))
        return s

    # Moves, by the tables of the code -------------------------------------------------------------------

    def pay(self, s: State, p: int, to: str, *, check: bool = True) -> State:
        self.look_up("payment", PAYMENT_MOVES, s.ours[p].status, to, check=check)
        return ours(s, p, status=to)

    def refund(self, s: State, p: int, to: str) -> State:
        self.look_up("refund", REFUND_MOVES, s.ours[p].refund, to)
        return ours(s, p, refund=to)

    def to(self, s: State, o: int, to: str, *, check: bool = True) -> str:
        self.look_up("order", ORDER_MOVES, s.orders[o].status, to, check=check)
        return to

    def look_up(
        self, what: str, table: dict[str, frozenset[str]], before: str, after: str, *, check: bool = True
    ) -> None:
        if check and after not in table[before]:
            raise NotInTheTable(f"{what}: {before} -> {after}")
        self.moves.add((what, before, after))


# Small changes of a state --------------------------------------------------------------------------------


def at_pi(s: State, p: int, **values: object) -> State:
    changed = s.at_pi[p]._replace(**values)  # type: ignore[arg-type]
    return s._replace(at_pi=(*s.at_pi[:p], changed, *s.at_pi[p + 1 :]))


def ours(s: State, p: int, **values: object) -> State:
    changed = s.ours[p]._replace(**values)  # type: ignore[arg-type]
    return s._replace(ours=(*s.ours[:p], changed, *s.ours[p + 1 :]))


def back_with(s: State, p: int, **values: object) -> State:
    changed = s.back[p]._replace(**values)  # type: ignore[arg-type]
    return s._replace(back=(*s.back[:p], changed, *s.back[p + 1 :]))


def order_with(s: State, o: int, **values: object) -> State:
    changed = s.orders[o]._replace(**values)  # type: ignore[arg-type]
    return s._replace(orders=(*s.orders[:o], changed, *s.orders[o + 1 :]))


def landed(s: State, p: int) -> State:
    return back_with(s, p, landed=s.back[p].landed + 1)


def fly(s: State, p: int) -> State:
    """Send what Pi shows now on its way to us. The same answer twice is one."""
    return s._replace(flight=tuple(sorted({*s.flight, (p, s.at_pi[p])})))


def reserved(s: State) -> int:
    return sum(order.status == O.RESERVED for order in s.orders)


def free(s: State) -> int:
    return s.on_hand - reserved(s)


def signed(s: State, o: int) -> bool:
    """Return whether money for the order is on its way, or about to be doubted."""
    return any(s.ours[p].status == P.SUBMITTED for p in PAYMENTS_OF[o])


def money_leaves(s: State, o: int, statuses: Container[str] = REFUND_UNDER_WAY) -> bool:
    """Return whether money of the order is on its way back, and none that would be enough stays."""
    came = [s.ours[p].refund for p in PAYMENTS_OF[o] if s.ours[p].status == P.COMPLETED]
    leaving = [refund for refund in came if refund in statuses]
    return bool(leaving) and len(leaving) == len(came)
