"""Generated histories: buyers, strangers, staff, the clock, reconcilers, and a Pi that fails, in any order.

Hypothesis chooses who does what; `at_work` asks the witnesses after every step. In the end every fault ends,
time passes, and `broken_at_rest` is asked. `make test` runs a few histories, `make soak` as many as you like.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import hypothesis
from django.db import connection
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from payments.admin import actions
from payments.models import Order, PiPayment, Refund
from tests.catalog.goods import codes, product, variant
from tests.proofs.histories.at_work import AtWork, Death, Interruption, Seen, moves_made
from tests.proofs.histories.people import MADE_UP, Begun, People, Tab
from tests.proofs.promises import Goods, broken_at_rest, heal

STEPS = 80  # that Hypothesis chooses in one history; some of them are several

Row = TypeVar("Row")

BUYERS = ("alice", "bob", "eve")
BASKETS: dict[str, dict[str, int]] = {
    "a mug": {"mug": 1},
    "two mugs": {"mug": 2},
    "a book": {"book": 1},
    "a voucher": {"voucher": 1},
    "two vouchers": {"voucher": 2},
    "one of each": {"mug": 1, "book": 1, "voucher": 1},
}
# A buy-now: what its metadata say, and the amount.
BUY_NOW: dict[str, tuple[dict[str, Any], str]] = {
    "a book by its sku": ({"productId": "book"}, "0.25"),
    "three books": ({"productId": "book", "quantity": 3}, "0.75"),
    "a voucher by its slug": ({"productId": "voucher"}, "0.1"),
    "a voucher for too little": ({"productId": "voucher"}, "0.05"),
    "a mug, which must be shipped": ({"productId": "mug"}, "1.5"),
    "what is not for sale": ({"productId": "moon"}, "1"),
    "nothing that we know": ({"nonsense": True}, "1"),
}
ORDER_ACTIONS = {action.name: action for action in actions.ORDER_ACTIONS}
PAYMENT_ACTIONS = {action.name: action for action in actions.PAYMENT_ACTIONS}
CALLBACKS = ("approve", "complete", "cancel", "incomplete", "error")
SPANS = {
    "half a minute": timedelta(seconds=30),
    "two minutes": timedelta(minutes=2),
    "eleven minutes": timedelta(minutes=11),
    "sixteen minutes": timedelta(minutes=16),
    "two hours": timedelta(hours=2),
    "a day": timedelta(hours=25),
}
FAULTS: dict[str, dict[str, Any]] = {
    "loses answers": {"kind": "lose_answer"},
    "is slow": {"kind": "latency", "seconds": 4},
    "is too slow": {"kind": "latency", "seconds": 30},
    "is down": {"kind": "down"},
    "answers with HTML": {"kind": "html"},
    "acts, and answers with HTML": {"kind": "html_after"},
    "answers with broken JSON": {"kind": "malformed"},
    "answers with nonsense": {"kind": "nonsense"},
    "has too much to do": {"kind": "refuse", "status": 429, "body": {"error": "too_many_requests"}},
    "refuses for no known reason": {"kind": "refuse", "status": 400, "body": {"error": "never_heard_of"}},
    "does not know our key": {"kind": "refuse", "status": 401, "body": {"error": "Invalid API key"}},
    "lets no approval be in time": {"kind": "approval_elapses"},
}
PATHS = {"whatever": "/v2/payments", "approve": "/approve", "complete": "/complete", "cancel": "/cancel"}


def _other_amount(people: People, begun: Begun) -> None:
    people.pi.tamper(begun.identifier, amount="0.0000001")


def _other_network(people: People, begun: Begun) -> None:
    people.pi.tamper(begun.identifier, network="Pi Network")


def _other_wallet(people: People, begun: Begun) -> None:
    people.pi.tamper(begun.identifier, to_address="G" + "A" * 55)


def _other_payer(people: People, begun: Begun) -> None:
    people.pi.tamper(begun.identifier, user_uid=people.stranger.pioneer.uid)


def _no_order(people: People, begun: Begun) -> None:
    people.pi.tamper(begun.identifier, metadata={"order": "nonsense"})


WRONG: dict[str, Callable[[People, Begun], None]] = {
    "of another amount": _other_amount,
    "on another network": _other_network,
    "to another wallet": _other_wallet,
    "by another payer": _other_payer,
    "of an order that is not there": _no_order,
}

CHANGES: dict[str, Callable[[People], object]] = {
    "take three mugs away": lambda people: people.change_stock(by=-3),
    "take a mug away": lambda people: people.change_stock(by=-1),
    "add a mug": lambda people: people.change_stock(by=1),
    "add two codes": lambda people: people.add_codes(2),
    "withdraw a code": People.withdraw_code,
    "raise the price of mugs": lambda people: people.raise_price("mug"),
    "raise the price of vouchers": lambda people: people.raise_price("voucher"),
    "sell no more books": lambda people: people.publish("book", on=False),
    "sell no more vouchers": lambda people: people.publish("voucher", on=False),
    "sell books again": lambda people: people.publish("book", on=True),
    "sell vouchers again": lambda people: people.publish("voucher", on=True),
}

NTH = st.integers(0, 7)
one_of = st.sampled_from


def nth(rows: Sequence[Row], number: int) -> Row:
    """Count from the newest, because that is where most happens."""
    return rows[-1 - number % len(rows)]


class Histories(RuleBasedStateMachine):
    seen = Seen()

    def __init__(self) -> None:
        super().__init__()
        self.shop = AtWork(self.seen)
        try:
            self._open_shop()
        except BaseException:
            self.shop.close()
            raise

    def _open_shop(self) -> None:
        variant(product("Mug"), price="1.5", on_hand=5, sku="mug")
        variant(
            product("Book"), price="0.25", tracked=False, sku="book", delivery="download", file="goods/b.pdf"
        )
        codes("CODE-1", "CODE-2", "CODE-3", "CODE-4", of=product("Voucher"), price="0.1", sku="voucher")
        self.shop.goods = Goods()
        self.people = People(self.shop, BUYERS)

    @initialize(
        approve_twice=st.booleans(),
        cancel_twice=st.booleans(),
        complete_twice=one_of(("already_completed", "payment_already_linked_with_a_tx", "ok")),
        expired_sets=one_of(("cancelled", "user_cancelled", "nothing")),
    )
    def this_is_how_pi_is(
        self, approve_twice: bool, cancel_twice: bool, complete_twice: Any, expired_sets: Any
    ) -> None:
        quirks = self.shop.pi.quirks
        quirks.approve_twice_is_error, quirks.cancel_twice_is_error = approve_twice, cancel_twice
        quirks.complete_twice, quirks.expired_sets = complete_twice, expired_sets

    # Buyers ----------------------------------------------------------------------------------------------

    @rule(buyer=one_of(BUYERS), what=one_of(tuple(BASKETS)), further=st.integers(0, 4))
    def a_buyer_orders(self, buyer: str, what: str, further: int) -> None:
        tab = self.people.open_tab(buyer, BASKETS[what])
        self.shop.step(f"{tab.name} orders {what}", lambda: self.people.order(tab))
        self._go_on(tab, further)

    @precondition(lambda self: self.people.tabs)
    @rule(tab=NTH, times=st.integers(1, 4))
    def a_tab_goes_on(self, tab: int, times: int) -> None:
        self._go_on(nth(self.people.tabs, tab), times)

    @precondition(lambda self: self.people.tabs)
    @rule(tab=NTH, how=one_of(("again", "in another tab", "on another phone")), further=st.integers(0, 4))
    def a_buyer_begins_once_more(self, tab: int, how: str, further: int) -> None:
        one = nth(self.people.tabs, tab)
        if how == "in another tab":
            one = self.people.open_same_order(one)
        begin = self.people.begin_on_other_phone if how == "on another phone" else self.people.begin
        self.shop.step(f"{one.name} begins to pay {how}", lambda: begin(one))
        self._go_on(one, further)

    @precondition(lambda self: self.people.tabs)
    @rule(tab=NTH, wrong=one_of(tuple(WRONG)), further=st.integers(0, 2))
    def a_buyer_begins_a_wrong_payment(self, tab: int, wrong: str, further: int) -> None:
        one = nth(self.people.tabs, tab)
        words = f"{one.name} begins a payment {wrong}"
        self.shop.step(words, lambda: self.people.begin(one, WRONG[wrong]))
        self._go_on(one, further)

    @rule(buyer=one_of(BUYERS), what=one_of(tuple(BUY_NOW)), further=st.integers(0, 3))
    def a_buyer_buys_at_once(self, buyer: str, what: str, further: int) -> None:
        tab = self.people.open_tab(buyer, {})
        tab.buy_now = BUY_NOW[what]
        self.shop.step(f"{tab.name} buys {what} at once", lambda: self.people.begin(tab))
        self._go_on(tab, further)

    @rule(buyer=one_of(BUYERS), signed_in=st.booleans())
    def a_buyer_comes_back(self, buyer: str, signed_in: bool) -> None:
        words = f"{buyer} comes back"
        self.shop.step(words, lambda: self.people.come_back(buyer, signed_in=signed_in))

    @precondition(lambda self: self.people.tabs)
    @rule(tab=NTH, endpoint=one_of(("look at order", "cancel order", "reopen")))
    def a_buyer_asks_about_an_order(self, tab: int, endpoint: str) -> None:
        one = nth(self.people.tabs, tab)
        self.shop.step(f"{one.name}: {endpoint}", lambda: self.people.ask_about_order(one, endpoint))

    @precondition(lambda self: self.people.those("approved"))
    @rule(payment=NTH, recorded=st.booleans(), verified=st.booleans())
    def a_buyer_signs(self, payment: int, recorded: bool, verified: bool) -> None:
        one = nth(self.people.those("approved"), payment)
        heard = "" if recorded else ", but Pi does not hear of it"
        believed = "" if verified else ", but Pi does not believe it"
        self._at_pi(
            f"the buyer of {one.name} signs{heard}{believed}",
            lambda: self.shop.pi.sign(one.identifier, recorded=recorded, verified=verified),
        )

    @precondition(lambda self: self.people.those("approved"))
    @rule(payment=NTH, meanwhile=one_of(("staff", "the buyer", "the reconciler", "the cleaner")))
    def a_signature_is_heard_of_too_late(self, payment: int, meanwhile: str) -> None:
        """Sign in time, but give the order up before Pi hears of it."""
        one = nth(self.people.those("approved"), payment)
        self._at_pi(
            f"the buyer of {one.name} signs, but Pi does not hear of it",
            lambda: self.shop.pi.sign(one.identifier, recorded=False),
        )
        if meanwhile == "staff":
            self._action(actions.CANCEL_ORDER, Order.objects.filter(payments__identifier=one.identifier), 0)
        elif meanwhile == "the buyer":
            words = f"{one.tab.name}: cancel order"
            self.shop.step(words, lambda: self.people.ask_about_order(one.tab, "cancel order"))
        else:
            self.shop.step("sixteen minutes pass", lambda: self.people.wait(SPANS["sixteen minutes"]))
            self._run_command("reconcile" if meanwhile == "the reconciler" else "clean up")
        words = f"Pi hears of the transaction of {one.name}"
        self._at_pi(words, lambda: self.shop.pi.record_transaction(one.identifier))

    @precondition(lambda self: self.people.those("open", "approved"))
    @rule(payment=NTH, waits=st.booleans())
    def a_buyer_does_not_sign(self, payment: int, waits: bool) -> None:
        one = nth(self.people.those("open", "approved"), payment)
        pi = self.shop.pi
        words, act = ("waits", pi.expire_approval) if waits else ("cancels", pi.cancel_by_user)
        self._at_pi(f"the buyer of {one.name} {words}", lambda: act(one.identifier))

    # What browsers say -----------------------------------------------------------------------------------

    @precondition(lambda self: self.people.begun)
    @rule(payment=NTH, endpoint=one_of(CALLBACKS), signed_in=st.booleans())
    def a_tab_says(self, payment: int, endpoint: str, signed_in: bool) -> None:
        one = nth(self._spoken_of(), payment)
        words = f"{one.tab.name} says {endpoint} of {one.name}{'' if signed_in else ', not signed in'}"
        self.shop.step(words, lambda: self.people.say(one, endpoint, signed_in=signed_in))

    @precondition(lambda self: self.people.begun)
    @rule(
        payment=NTH, endpoint=one_of(CALLBACKS), buyer=one_of((*BUYERS, "a stranger")), made_up=st.booleans()
    )
    def somebody_says(self, payment: int, endpoint: str, buyer: str, made_up: bool) -> None:
        one = nth(self._spoken_of(), payment)
        page = self.people.pages.get(buyer, self.people.stranger)
        self.shop.step(
            f"{buyer} says {endpoint} of {one.name}{' with a made-up txid' if made_up else ''}",
            lambda: self.people.callback(page, endpoint, one.identifier, txid=MADE_UP if made_up else ""),
        )

    @precondition(lambda self: self.people.begun)
    @rule(endpoint=one_of(CALLBACKS))
    def a_stranger_names_a_refund(self, endpoint: str) -> None:
        words = f"a stranger says {endpoint} of an outgoing payment"
        self.shop.step(words, lambda: self.people.name_outgoing(endpoint))

    # Pi --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.people.those("unheard"))
    @rule(payment=NTH)
    def pi_hears_of_a_transaction(self, payment: int) -> None:
        one = nth(self.people.those("unheard"), payment)
        words = f"Pi hears of the transaction of {one.name}"
        self._at_pi(words, lambda: self.shop.pi.record_transaction(one.identifier))

    @precondition(lambda self: self.people.those("doubted"))
    @rule(payment=NTH)
    def pi_believes_a_transaction(self, payment: int) -> None:
        one = nth(self.people.those("doubted"), payment)
        words = f"Pi believes the transaction of {one.name}"
        self._at_pi(words, lambda: self.shop.pi.verify_transaction(one.identifier))

    @precondition(lambda self: self.people.those("open", "approved", "cancelled"))
    @rule(payment=NTH)
    def pi_forgets_a_payment(self, payment: int) -> None:
        one = nth(self.people.those("open", "approved", "cancelled"), payment)
        self.shop.step(f"Pi forgets {one.name}", lambda: self.people.forget(one))

    @precondition(lambda self: self.people.those("open"))
    @rule(payment=NTH)
    def somebody_else_approves(self, payment: int) -> None:
        one = nth(self.people.those("open"), payment)
        words = f"somebody else who has our key approves {one.name}"
        self.shop.step(words, lambda: self.people.approve_elsewhere(one))

    @rule(fault=one_of(tuple(FAULTS)), path=one_of(tuple(PATHS)), times=st.integers(1, 3))
    def pi_fails(self, fault: str, path: str, times: int) -> None:
        words = f"from now on Pi {fault} ({path}, {times} times)"
        self.shop.step(words, lambda: self._arm(FAULTS[fault], path=PATHS[path], times=times))

    @rule(times=st.integers(1, 3))
    def calls_arrive_twice(self, times: int) -> None:
        self.shop.step(f"the next {times} calls reach Pi twice", lambda: self._carry_twice(times))

    # Staff -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.people.tabs)
    @rule(action=one_of(tuple(ORDER_ACTIONS)), number=NTH)
    def staff_act_on_an_order(self, action: str, number: int) -> None:
        self._action(ORDER_ACTIONS[action], Order.objects.order_by("pk"), number)

    @precondition(lambda self: self.people.begun)
    @rule(action=one_of(tuple(PAYMENT_ACTIONS)), number=NTH)
    def staff_act_on_a_payment(self, action: str, number: int) -> None:
        self._action(PAYMENT_ACTIONS[action], PiPayment.objects.order_by("pk"), number)

    @precondition(lambda self: Refund.objects.exists())
    @rule(number=NTH, reject=st.booleans())
    def staff_decide_a_refund(self, number: int, reject: bool) -> None:
        if reject:
            self._action(actions.REJECT_REFUND, Refund.objects.order_by("pk"), number)
        else:
            refund = nth(list(Refund.objects.order_by("pk")), number)
            self.shop.step(f"dora approves refund {refund}", lambda: self.people.approve_refund(refund))

    @rule(change=one_of(tuple(CHANGES)))
    def staff_change_the_shop(self, change: str) -> None:
        self.shop.step(f"staff {change}", lambda: CHANGES[change](self.people))

    # Time and the commands -------------------------------------------------------------------------------

    @precondition(lambda self: self.people.begun)
    @rule(span=one_of(tuple(SPANS)), then=st.lists(st.sampled_from(("reconcile", "clean up")), max_size=2))
    def time_passes(self, span: str, then: list[str]) -> None:
        self.shop.step(f"{span} passes", lambda: self.people.wait(SPANS[span]))
        for command in then:
            self._run_command(command)

    @precondition(lambda self: self.people.begun)
    @rule(command=one_of(("reconcile", "clean up")))
    def a_timer_runs_a_command(self, command: str) -> None:
        self._run_command(command)

    # What happens to our process -------------------------------------------------------------------------

    @rule(place=one_of(("before", "after")), left=st.integers(1, 3))
    def our_process_will_die_at_pi(self, place: str, left: int) -> None:
        words = f"our process is to die {place} call {left} to Pi"
        self.shop.step(words, lambda: self._will_die(place, left))

    @rule(left=st.integers(1, 60))
    def our_process_will_die_at_the_database(self, left: int) -> None:
        words = f"our process is to die at statement {left}"
        self.shop.step(words, lambda: self._will_die("statement", left))

    @precondition(lambda self: self.people.tabs)
    @rule(
        place=one_of(("before", "after")),
        left=st.integers(1, 2),
        who=one_of(("the reconciler", "the cleaner", "the buyer", "the wallet", "staff", "a stranger")),
        tab=NTH,
    )
    def somebody_will_come_in_between(self, place: str, left: int, who: str, tab: int) -> None:
        one = nth(self.people.tabs, tab)
        acts: dict[str, tuple[str, Callable[[], object]]] = {
            "the reconciler": ("reconcile_payments runs", self.people.reconcile),
            "the cleaner": ("cleanup_stale_orders runs", self.people.clean_up),
            "the buyer": (f"{one.name} goes on", lambda: self.people.go_on(one)),
            "the wallet": (f"the buyer of {one.name} signs", lambda: self.people.sign(one)),
            "staff": (
                f"the order of {one.name} is given up",
                lambda: self.people.ask_about_order(one, "cancel order"),
            ),
            "a stranger": (f"the payment of {one.name} is recovered", lambda: self.people.recover(one)),
        }
        words, act = acts[who]
        self.shop.step(
            f"{who} is to come in between {place} call {left} to Pi",
            lambda: setattr(self.shop, "interruption", Interruption(place, left, words, act)),
        )

    # The end ---------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # not when the history is over already
                self._come_to_rest()
                self.seen.histories += 1
        finally:
            self.shop.close()

    def _come_to_rest(self) -> None:
        shop = self.shop
        shop.death = shop.interruption = None
        shop.twice = 0
        shop.pi.faults.clear()
        shop.story.append("In the end all faults are over, and time passes.")
        shop.rivals = False
        self.people.close_forgotten()
        heal(shop.pi)
        shop.expect_none(broken_at_rest(shop.pi, shop.goods))
        self._nobody_is_locked_out()
        connection.check_constraints()
        self.seen.moves.update(moves_made())

    def _nobody_is_locked_out(self) -> None:
        for buyer, page in self.people.pages.items():
            for _ in self.people.begun:
                if self.shop.pi.incomplete_payment_of(page.pioneer) is not None:
                    self.people.come_back(buyer, signed_in=True)
            left = self.shop.pi.incomplete_payment_of(page.pioneer)
            doubted = left is not None and left["transaction"] and not left["status"]["transaction_verified"]
            self.shop.expect(left is None or doubted, f"promise 9: {buyer} is locked out by {left}")

    # What several rules do -------------------------------------------------------------------------------

    def _at_pi(self, words: str, act: Callable[[], object]) -> None:
        self.shop.step(words, lambda: self.people.in_wallet(act))

    def _spoken_of(self) -> list[Begun]:
        """Return what may be spoken of: mostly payments that are not over yet."""
        return self.people.those("open", "approved", "unheard", "signed", "doubted") or self.people.begun

    def _action(self, action: actions.StaffAction, rows: Any, number: int) -> None:
        if rows:
            row = nth([row for row in rows if action.fits(row)] or list(rows), number)
            self.shop.step(f"staff: {action.label}: {row}", lambda: self.people.do(action, row))

    def _arm(self, fault: Mapping[str, Any], **more: Any) -> None:
        self.shop.pi.faults.add(**fault, **more)

    def _carry_twice(self, times: int) -> None:
        self.shop.twice = times

    def _will_die(self, place: str, left: int) -> None:
        self.shop.death = Death(place, left)

    def _run_command(self, command: str) -> None:
        if command == "reconcile":
            self.shop.step("reconcile_payments runs", self.people.reconcile)
        else:
            self.shop.step("cleanup_stale_orders runs", self.people.clean_up)

    def _go_on(self, tab: Tab, times: int) -> None:
        for _ in range(times):
            self.shop.step(f"{tab.name} goes on", lambda: self.people.go_on(tab))


def run(*, seed: int, histories: int, shrink: bool = True) -> None:
    """Run so many histories; the same seed tells the same ones. Raise Broken with the story.

    Nothing is remembered from one run to the next, and a story that breaks a promise is made as short as
    Hypothesis can, for five minutes at most.
    """
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    logging.disable()  # thousands of lines that nobody reads; the story tells it shorter
    try:
        run_state_machine_as_test(
            hypothesis.seed(seed)(Histories),
            settings=hypothesis.settings(
                max_examples=histories,
                stateful_step_count=STEPS,
                phases=phases,
                database=None,
                deadline=None,
                report_multiple_bugs=False,
                verbosity=Verbosity.quiet,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        logging.disable(logging.NOTSET)
