"""The real code, led along a path of the model: after every step both must tell the same story.

Each step of the model is the one commit or the one call of the code that it stands for, with the real
database and the simulated Pi. Answers of Pi's are kept in hand, and applied when the model says so.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from django.db import transaction
from django.utils import timezone

from catalog import stock
from payments.domain import decisions, protocol, refunds, sync
from payments.domain.ordering import Refused, Shipping
from payments.models import Order, Pioneer, PiPayment, Refund
from payments.moves import Author, locked, move
from payments.pi.client import PaymentRecord, PiClient
from payments.statuses import OrderStatus
from pi_simulator import Simulator
from tests.catalog.goods import product, variant
from tests.proofs.model import model
from tests.proofs.model.model import BAD, NONE, ORDER_OF, RECORDED, SIGNED, Act, AtPi, State, World

BY = Author("staff carol", "follow")
DORA = Author("staff dora", "follow")
A_DAY = timedelta(days=1)
REFUSALS = (
    decisions.Declined,
    Refused,
    refunds.RefundImpossible,
    PiPayment.DoesNotExist,
    Refund.DoesNotExist,
)
_numbers = count()


class Apart(AssertionError):
    """Model and code tell different stories."""


@dataclass
class Follower:
    """One world of its own: its goods, its buyers, their orders and payments."""

    pi: Simulator
    doubted: frozenset[int] = frozenset()  # whose transaction Pi will not verify
    answers: dict[tuple[int, AtPi], PaymentRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = next(_numbers)
        self.pi.quirks.approval_window = A_DAY.total_seconds()
        self.goods = variant(product(f"Goods-{number}"), on_hand=1, price="1.5", sku=f"goods-{number}")
        self.orders = [self._order(f"{name} {number}") for name in ("alice", "bob")]
        self.identifiers = [
            self._payment(self.orders[o], f"phone {p} of {number}") for p, o in enumerate(ORDER_OF)
        ]

    def _order(self, username: str) -> Order:
        pioneer = Pioneer.objects.create(uid=self.pi.pioneer(username).uid, username=username)
        return protocol.place_order(pioneer, {self.goods.sku: 1}, shipping=Shipping("A", "B"))

    def _payment(self, order: Order, phone: str) -> str:
        """Begin a payment on a phone of its own, or Pi would cancel the older one of the same buyer."""
        identifier = self.pi.create_payment(
            self.pi.pioneer(phone), amount=str(order.total), memo="m", metadata={"order": order.reference}
        )
        self.pi.tamper(identifier, user_uid=order.pioneer.uid)
        return identifier

    # Steps ------------------------------------------------------------------------------------------------

    def take(self, act: Act) -> None:
        """Do in the code what the model has done."""
        getattr(self, f"do_{act.verb}")(act)

    def do_add(self, act: Act) -> None:
        stock.change_on_hand(self.goods, by=1)

    def do_sign(self, act: Act) -> None:
        self.pi.sign(self.identifiers[act.to], recorded=False, verified=act.to not in self.doubted)

    def do_record(self, act: Act) -> None:
        self.pi.record_transaction(self.identifiers[act.to])

    do_record_bad = do_record

    def do_verify(self, act: Act) -> None:
        self.pi.verify_transaction(self.identifiers[act.to])

    def do_user_cancels(self, act: Act) -> None:
        self.pi.cancel_by_user(self.identifiers[act.to])

    def do_stranger(self, act: Act) -> None:
        self.pi.approve(self.identifiers[act.to])

    def do_ask(self, act: Act) -> None:
        self._keep(act.to, _client().get_payment(self.identifiers[act.to]))

    def do_approve(self, act: Act) -> None:
        self._keep(act.to, _client().approve(self.identifiers[act.to]))

    def do_cancel(self, act: Act) -> None:
        self._keep(act.to, _client().cancel(self.identifiers[act.to]))

    def do_complete(self, act: Act) -> None:
        identifier = self.identifiers[act.to]
        self._keep(act.to, _client().complete(identifier, self.pi.txid_of(identifier) or ""))

    def do_lose(self, act: Act) -> None:
        self._answer(act)

    def do_note(self, act: Act) -> None:
        protocol._note(self.answers[act.to, act.seen], by=BY)  # type: ignore[index]

    def do_fold(self, act: Act, *, late: bool = False) -> None:
        Order.objects.update(expires_at=timezone.now() + (-A_DAY if late else A_DAY))
        sync.apply_record(self.row(act.to), self._answer(act), by=BY)

    def do_fold_late(self, act: Act) -> None:
        self.do_fold(act, late=True)

    def do_doubt(self, act: Act) -> None:
        self._answer(act)
        sync.record_failed(self.row(act.to), by=BY, note="Pi does not verify it")

    def do_hold(self, act: Act) -> None:
        self._look_at_the_rival(act.to)
        protocol._hold(self.row(act.to), self._answer(act), by=BY)

    def do_refuse(self, act: Act) -> None:
        self._look_at_the_rival(act.to)
        try:
            protocol._hold(self.row(act.to), self._answer(act), by=BY)
        except (Refused, stock.OutOfStock):
            with locked(self.row(act.to)) as (payment, _):
                sync.remember_refusal(payment, "out_of_stock", by=BY, note="follow")
        else:
            raise Apart("the model refuses it at the gate, and the code holds goods for it")

    def do_cancel_order(self, act: Act) -> None:
        protocol.cancel_order(self.order(act.to), by=BY)

    def do_expire(self, act: Act) -> None:
        protocol.expire(self.order(act.to), pi=_client(), by=BY)

    def do_reopen(self, act: Act) -> None:
        protocol.reopen(self.order(act.to), by=BY)

    def do_ship(self, act: Act) -> None:
        decisions.ship(self.order(act.to), by=BY)

    def do_honour(self, act: Act) -> None:
        decisions.honour(self.order(act.to), by=Author("staff carol", "honour"))

    def do_flag(self, act: Act) -> None:
        refunds.flag_for_refund(self.row(act.to), reason="follow", by=BY)

    def do_approve_refund(self, act: Act) -> None:
        with transaction.atomic():
            move(self.refund(act.to), "approved", by=DORA, approved_by=DORA.actor)

    def do_reject_refund(self, act: Act) -> None:
        decisions.reject_refund(self.refund(act.to), by=BY, note="follow")

    # Where both are ---------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return what is true here and at Pi, in the words of the model, as far as the records tell."""
        self.goods.refresh_from_db()
        return State(
            at_pi=tuple(self._at_pi(p) for p in range(3)),
            ours=tuple(self._ours(p) for p in range(3)),
            orders=tuple(self._order_now(o) for o in range(2)),
            on_hand=self.goods.on_hand,
            flight=tuple(sorted(self.answers)),
        )

    def _at_pi(self, p: int) -> AtPi:
        shown = self.pi.payment(self.identifiers[p])
        flags = shown["status"]
        tx = SIGNED if self.pi.txid_of(self.identifiers[p]) else NONE
        if shown["transaction"]:
            tx = RECORDED if flags["transaction_verified"] else BAD
        return AtPi(
            approved=int(flags["developer_approved"]),
            cancelled=flags["cancelled"] or flags["user_cancelled"],
            tx=tx,
            completed=flags["developer_completed"],
        )

    def _ours(self, p: int) -> model.Ours:
        row = PiPayment.objects.filter(identifier=self.identifiers[p]).first()
        if row is None:
            return model.Ours()
        refund = row.refunds.order_by("-pk").first()
        return model.Ours(str(row.status), int(bool(row.refusal)), str(refund.status) if refund else "")

    def _order_now(self, o: int) -> model.Order:
        order = self.order(o)
        held_by = self.identifiers.index(order.held_by.identifier) if order.held_by else -1
        delivered = order.events.filter(after=OrderStatus.PAID).count()
        return model.Order(str(order.status), held_by, delivered=delivered)

    def row(self, p: int) -> PiPayment:
        return PiPayment.objects.get(identifier=self.identifiers[p])

    def order(self, o: int) -> Order:
        return Order.objects.select_related("held_by").get(pk=self.orders[o].pk)

    def refund(self, p: int) -> Refund:
        return self.row(p).refunds.latest("pk")

    def _keep(self, p: int, shown: PaymentRecord) -> None:
        self.answers[p, self._at_pi(p)] = shown

    def _answer(self, act: Act) -> PaymentRecord:
        return self.answers.pop((act.to, act.seen))  # type: ignore[arg-type]

    def _look_at_the_rival(self, p: int) -> None:
        rival = self.order(ORDER_OF[p]).held_by
        if rival is not None:
            sync.apply_record(rival, _client().get_payment(rival.identifier), by=BY)


def comparable(s: State) -> State:
    """Keep what the records tell: not whose money it was, nor how often staff have added something."""
    orders = tuple(order._replace(paid_by=-1) for order in s.orders)
    at_pi = tuple(pi._replace(approved=int(bool(pi.approved))) for pi in s.at_pi)
    flight = tuple(sorted((p, pi._replace(approved=int(bool(pi.approved)))) for p, pi in s.flight))
    return s._replace(orders=orders, at_pi=at_pi, flight=flight, added=0, back=State().back)


def follow(pi: Simulator, world: World, path: list[tuple[Act, State]]) -> int:
    """Walk the path in the code, compare after each step, and return how many steps that were."""
    doubted = frozenset(act.to for act, _ in path if act.verb == "record_bad")
    follower = Follower(pi, doubted)
    for number, (act, expected) in enumerate(path, 1):
        follower.take(act)
        found = follower.state()
        if found != comparable(expected):
            story = [f"{each.verb} {each.to}" for each, _ in path[:number]]
            raise Apart(f"after {story}:\nthe model has {comparable(expected)}\nthe code has  {found}")
    if path:
        _try_what_is_not_allowed(follower, world, path[-1][1])
    return len(path)


def _try_what_is_not_allowed(follower: Follower, world: World, s: State) -> None:
    """Try what staff and buyers cannot do in the model: the code must refuse it, or change nothing."""
    world = replace(world, returns=True, moves=set())
    allowed = {(act.verb, act.to) for act, _ in world.steps(s)}
    before = follower.state()
    acts = [
        (verb, o) for o in world.orders for verb in ("honour", "ship", "reopen", "cancel_order", "expire")
    ]
    acts += [(verb, p) for p in world.payments for verb in ("flag", "reject_refund")]
    for verb, to in set(acts) - allowed:
        if verb in ("cancel_order", "expire") and s.orders[to].status == OrderStatus.RESERVED:
            continue  # in the code this settles the payment first, in several steps
        with suppress(*REFUSALS):
            follower.take(Act(verb, to))
        if follower.state() != before:
            raise Apart(f"the model does not allow {verb} of {to} in {comparable(s)}, and the code does it")


def _client() -> PiClient:
    return PiClient(seconds=20)
