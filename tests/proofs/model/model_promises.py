"""What must hold in every state of the model, and what must be true once faults stop.

The promises are those of check_ledger and of `promises`, as far as the model can say them:

    1, 2  units are conserved, and no more are promised than there are
    3     nothing is delivered without money (or staff who decided it), nothing twice
    4     completed money is used by its order or asked back; never goods and money back
    5     completed here means completed at Pi; no refund twice, one outgoing payment at a time
    6     what could still be paid has its goods held; what is cancelled here is cancelled at Pi
    7     every change is in the tables of moves (the model has no events; `NotInTheTable`)
    8     an answer that is applied twice is the same as once, in every state (`Broken`)
    9     from every state that can be reached, the reconciler alone reaches an end state
"""

from __future__ import annotations

from collections.abc import Iterator

from payments.statuses import LIVE, OPEN, UNFINISHED
from payments.statuses import OrderStatus as O
from payments.statuses import PaymentStatus as P
from payments.statuses import RefundStatus as R
from tests.proofs.model.model import (
    BAD,
    BY_US,
    NONE,
    ORDER_OF,
    PAYMENTS_OF,
    RECORDED,
    SIGNED,
    WRONGED,
    AtPi,
    Order,
    Ours,
    State,
    World,
    at_pi,
    back_with,
    landed,
    order_with,
    ours,
    reserved,
)

NAMES = ("alice's first payment", "alice's second payment", "bob's payment")
ORDERS = ("alice's order", "bob's order")


def broken(s: State) -> str:
    """Return the promise that does not hold in this state, in words, or nothing."""
    if not 0 <= reserved(s) <= s.on_hand:
        return "1, 2: more units are promised than there are"
    if s.on_hand + s.orders[0].delivered + s.orders[1].delivered != 1 + s.added:
        return "1: units are not conserved"
    if sum(payment.refund in (R.SENDING, R.SUBMITTED) for payment in s.ours) > 1:
        return "5: two outgoing payments at a time"
    for o, order in enumerate(s.orders):
        if problem := _broken_order(s, o, order):
            return f"{problem} ({ORDERS[o]})"
    for p, payment in enumerate(s.ours):
        if problem := _broken_payment(s, p, payment):
            return f"{problem} ({NAMES[p]})"
    return ""


def _broken_order(s: State, o: int, order: Order) -> str:
    if (order.status == O.RESERVED) != (order.held_by >= 0):
        return "1: reserved without a hold, or a hold without being reserved"
    if order.held_by >= 0 and s.ours[order.held_by].status not in UNFINISHED:
        return "6: held for a payment that is over"
    if order.delivered > 1:
        return "3: delivered twice"
    if order.delivered and order.paid_by >= 0 and not s.at_pi[order.paid_by].completed:
        return "3: delivered without money"
    if sum(s.ours[p].status in LIVE for p in PAYMENTS_OF[o]) > 1:
        return "2: two payments of one order can be signed"
    return ""


def _broken_payment(s: State, p: int, payment: Ours) -> str:
    pi, back, order = s.at_pi[p], s.back[p], s.orders[ORDER_OF[p]]
    if payment.status == P.CANCELLED and not pi.cancelled:
        return "6: its goods went back while it could still be paid"
    could_be_paid = pi.approved == BY_US and not pi.cancelled and pi.tx == NONE
    if (could_be_paid or payment.status in LIVE) and order.held_by != p:
        return "6: it can be signed, and nothing is held for it"
    if payment.status == P.COMPLETED and not pi.completed:
        return "5: completed here, not at Pi"
    if payment.status == P.COMPLETED and order.paid_by != p and not payment.refund:
        return "4: the money is forgotten"
    if payment.refund and payment.status != P.COMPLETED:
        return "5: money goes back that never came"
    if back.landed > 1:
        return "5: the money went back twice"
    if payment.refund == R.FAILED and (back.alive or back.landed):
        return "5: the refund is said to have failed, and it was or may be paid"
    if payment.refused == WRONGED:
        return "9: turned away for another payment, which was over at Pi already"
    return ""


# Once faults stop ------------------------------------------------------------------------------------------


def healed(world: World, s: State) -> State | None:
    """Take one of the steps that need no people, with nobody against them; None at the end.

    Each is a step of the model or several in a row, so it leads from a reachable state to a reachable one.
    """
    if s.flight:
        return s._replace(flight=())
    for p in world.payments:
        after = _settled(world, s, p)
        if after != s:
            return after
    for o in world.orders:
        if s.orders[o].status == O.PENDING:
            return order_with(s, o, status=world.to(s, o, O.EXPIRED))
    for p in world.payments:
        after = _sent(world, s, p)
        if after != s:
            return after
    return None


def _settled(world: World, s: State, p: int) -> State:
    """Reconcile one payment; the SDK reports what we have never seen, once it has money."""
    pi, status = s.at_pi[p], s.ours[p].status
    if pi.tx == SIGNED:
        return at_pi(s, p, tx=RECORDED)
    if not status:
        return ours(s, p, status=P.CREATED) if pi.tx else s
    if not world.rule("reconciler") or (status == P.CANCELLED and not world.rule("late-watch")):
        return s
    if pi.tx == NONE and not pi.cancelled and status in OPEN:
        s = at_pi(s, p, cancelled=True)
    if pi.tx == RECORDED and not pi.completed:
        s = at_pi(s, p, completed=True)
    s = world.apply_record(s, p, s.at_pi[p])
    return world.failed(s, p) if pi.tx == BAD and s.ours[p].status == P.SUBMITTED else s


def _sent(world: World, s: State, p: int) -> State:
    """Bring a refund that is on its way to its end."""
    status, back = s.ours[p].refund, s.back[p]
    if status == R.SENDING and not back.listed:
        return back_with(s, p, listed=True)
    if status == R.SENDING:
        return world.refund(back_with(s, p, alive=back.alive + 1), p, R.SUBMITTED)
    if status == R.SUBMITTED and not back.landed:
        return (
            landed(back_with(s, p, alive=0), p)
            if back.alive
            else world.refund(back_with(s, p, listed=False), p, R.FAILED)
        )
    return world.went_back(s, p) if status == R.SUBMITTED else s


def unsettled(s: State) -> str:
    """Return what is still open when the world has come to rest, in words, or nothing."""
    return next(_open_ends(s), "")


def _open_ends(s: State) -> Iterator[str]:
    for p, payment in enumerate(s.ours):
        if payment.status in UNFINISHED:
            yield f"9: it never ends ({NAMES[p]})"
        if s.at_pi[p].completed and payment.status != P.COMPLETED:
            yield f"4, 9: it is paid, and we do not know it ({NAMES[p]})"
        if s.at_pi[p].tx == RECORDED and not s.at_pi[p].completed:
            yield f"9: signed and never completed ({NAMES[p]})"
        if payment.refund in (R.SENDING, R.SUBMITTED):
            yield f"9: its refund never ends ({NAMES[p]})"
    if reserved(s):
        yield "9: goods are held for ever"


def in_words(seen: AtPi) -> str:
    told = [name for name in ("approved", "cancelled", "completed") if getattr(seen, name)]
    if seen.tx in (RECORDED, BAD):
        told.append("a transaction" if seen.tx == RECORDED else "an unverified transaction")
    return ", ".join(told) or "new"
