"""Who has to do with a shop at work: buyers with their tabs and wallets, strangers, staff, and reconcilers.

Every act returns what came of it in a few words, for the story.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from catalog import stock
from catalog.models import DeliveryCode, Product, Variant
from payments.admin import actions
from payments.admin.actions import StaffAction
from payments.domain import reconciliation
from payments.domain.reconciliation import expire_stale, reconcile_due, stale_orders
from payments.models import Order, PiPayment, Refund
from payments.moves import Author
from payments.pi.client import PiError
from payments.statuses import OPEN
from pi_simulator.refusal import SimulatorRefusal
from tests.payments import situations
from tests.payments.page import ADDRESS, Page
from tests.proofs.histories.at_work import AtWork
from tests.proofs.promises import CLEANER, RECONCILER, pass_time

MAX_CALLS = 6  # so often does the SDK repeat one callback
MADE_UP = "f" * 64


@dataclass
class Tab:
    """A page on a buyer's phone: its order, and the payment that it has begun last."""

    page: Page
    name: str
    basket: Mapping[str, int] = field(default_factory=dict)
    buy_now: tuple[dict[str, Any], str] | None = None  # what the metadata say, and the amount
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    order: dict[str, Any] | None = None
    payment: Begun | None = None


@dataclass
class Begun:
    """A payment at Pi, and what its tab has said of it to us, how often."""

    identifier: str
    name: str
    tab: Tab
    said: Counter[str] = field(default_factory=Counter)


class People:
    def __init__(self, shop: AtWork, buyers: tuple[str, ...]) -> None:
        self.shop, self.pi = shop, shop.pi
        self.tabs: list[Tab] = []
        self.begun: list[Begun] = []
        self.forgotten: list[str] = []
        self._counted_at, self._states = -1, list[str]()
        self.stranger = Page(self.pi, "a stranger")
        self.pages = {buyer: self._signed_in(buyer) for buyer in buyers}

    def _signed_in(self, buyer: str) -> Page:
        page = Page(self.pi, buyer)
        _, answer = self.shop.call(page, "sign in", {"accessToken": self.pi.sign_in(page.pioneer)})
        page.token = answer["token"]
        return page

    # Buyers before the shop ------------------------------------------------------------------------------

    def open_tab(self, buyer: str, basket: Mapping[str, int]) -> Tab:
        count = sum(tab.page.username == buyer for tab in self.tabs)
        tab = Tab(self.pages[buyer], f"{buyer}'s tab {count + 1}", basket)
        self.tabs.append(tab)
        return tab

    def open_same_order(self, other: Tab) -> Tab:
        tab = self.open_tab(other.page.username, other.basket)
        tab.key, tab.order, tab.buy_now = other.key, other.order, other.buy_now
        return tab

    def order(self, tab: Tab) -> str:
        """Press Buy; pressed again, it is the same order."""
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in tab.basket.items()]
        status, answer = self.shop.call(
            tab.page, "order", {"lines": lines, "shipping": ADDRESS}, **{"Idempotency-Key": tab.key}
        )
        if status != 201:
            return said(status, answer)
        known = tab.order
        self.shop.expect(
            known is None or known["reference"] == answer["reference"], "one key made two orders"
        )
        tab.order = answer
        return f"{status} {self.shop.name(answer['reference'], 'order')}, {answer['total']} π"

    def ask_about_order(self, tab: Tab, endpoint: str) -> str:
        """Look at the order, give it up, or try it again."""
        if tab.order is None:
            return "there is no order"
        return said(*self.shop.call(tab.page, endpoint, reference=tab.order["reference"]))

    def begin(self, tab: Tab, wrong: Callable[[People, Begun], None] | None = None) -> str:
        """Open the wallet. Of another payment that is signed, the buyer must be freed first."""
        if tab.buy_now is not None:
            metadata, amount = tab.buy_now
        elif tab.order is None:
            return self.order(tab)
        else:
            metadata, amount = tab.order["payment"]["metadata"], str(tab.order["payment"]["amount"])
        try:
            identifier = self.pi.create_payment(tab.page.pioneer, amount, "m", metadata)
        except SimulatorRefusal as refusal:
            return self._find_incomplete(tab, refusal)
        begun = self._know(tab, identifier)
        if wrong is not None:
            wrong(self, begun)
        return begun.name

    def begin_on_other_phone(self, tab: Tab) -> str:
        """Begin a second open payment of the same order, as if Pi had let the pioneer begin both."""
        if tab.order is None:
            return "there is no order"
        order = Order.objects.get(reference=tab.order["reference"])
        try:
            identifier = tab.page.rival_payment(order)
        except SimulatorRefusal as refusal:
            return self._find_incomplete(tab, refusal)
        return self._know(tab, identifier).name

    def _find_incomplete(self, tab: Tab, refusal: SimulatorRefusal) -> str:
        """Tell the page of a signed payment, as the SDK does: Pi lets its buyer begin no other."""
        if refusal.payment is None:
            raise refusal
        return f"Pi has found an incomplete one: {self.say_incomplete(tab.page, refusal.payment)}"

    def _know(self, tab: Tab, identifier: str) -> Begun:
        tab.payment = Begun(identifier, self.shop.name(identifier, "payment"), tab)
        self.begun.append(tab.payment)
        return tab.payment

    # What the SDK in the page says -----------------------------------------------------------------------

    def say(self, begun: Begun, endpoint: str, *, signed_in: bool = True) -> str:
        """Make one callback of the SDK, which gives up after six."""
        if begun.said[endpoint] >= MAX_CALLS:
            return "the SDK has given up"
        begun.said[endpoint] += 1
        if endpoint == "incomplete":
            return self.say_incomplete(begun.tab.page, {"identifier": begun.identifier})
        page = begun.tab.page if signed_in else self.stranger
        return self.callback(page, endpoint, begun.identifier)

    def say_incomplete(self, page: Page, shown: Mapping[str, Any]) -> str:
        return said(*self.shop.call(page, "incomplete", {"payment": plain(shown)}))

    def come_back(self, buyer: str, *, signed_in: bool) -> str:
        """Find what is incomplete by `authenticate`, perhaps before we know who it is."""
        shown = self.pi.incomplete_payment_of(self.pages[buyer].pioneer)
        if shown is None:
            return "nothing is incomplete"
        page = self.pages[buyer] if signed_in else self.stranger
        return f"{self.shop.name(shown['identifier'], 'payment')}: {self.say_incomplete(page, shown)}"

    def callback(self, page: Page, endpoint: str, identifier: str, *, txid: str = "") -> str:
        body = {"paymentId": identifier}
        if endpoint == "complete":
            body["txid"] = txid or self._txid(identifier)
        if endpoint == "incomplete":
            body |= {"transactionId": txid or None}
        if endpoint == "error":
            body["error"] = "something went wrong"
        status, answer = self.shop.call(page, endpoint, body)
        if status == 200 and not self.shop.rivals:
            self._expect_true(endpoint, identifier)
        return said(status, answer)

    def _expect_true(self, endpoint: str, identifier: str) -> None:
        """Expect a 200 to be true, for the SDK believes it: the buyer may sign, or has what was bought."""
        shown = self.shown(identifier)
        needed = {"approve": "developer_approved", "complete": "developer_completed"}.get(endpoint)
        if needed and shown is not None:
            self.shop.expect(
                shown["status"][needed], f"{endpoint} answered 200, but Pi shows {shown['status']}"
            )

    def _txid(self, identifier: str) -> str:
        return (self.pi.txid_of(identifier) if self.shown(identifier) else None) or MADE_UP

    def shown(self, identifier: str) -> dict[str, Any] | None:
        try:
            return self.pi.payment(identifier)
        except SimulatorRefusal:
            return None

    def state(self, begun: Begun) -> str:
        """Return the payment's state at Pi and on the chain; the buyer's wallet knows the chain before Pi."""
        shown = self.shown(begun.identifier)
        if shown is None:
            return "forgotten"
        flags = shown["status"]
        if flags["developer_completed"]:
            return "completed"
        if self.pi.txid_of(begun.identifier) is not None:
            if shown["transaction"] is None:
                return "unheard"
            return "signed" if flags["transaction_verified"] else "doubted"
        if flags["cancelled"] or flags["user_cancelled"]:
            return "cancelled"
        return "approved" if flags["developer_approved"] else "open"

    def those(self, *states: str) -> list[Begun]:
        """Return the payments in these states. Every rule asks between two steps, so the answer is kept."""
        if self._counted_at != self.shop.seen.steps:
            self._counted_at = self.shop.seen.steps
            self._states = [self.state(begun) for begun in self.begun]
        return [begun for begun, state in zip(self.begun, self._states, strict=False) if state in states]

    def go_on(self, tab: Tab) -> str:
        """Do the next thing that a buyer and a phone do when all goes well."""
        begun = tab.payment
        match self.state(begun) if begun else "":
            case "open":
                return f"approve {begun.name}: {self.say(begun, 'approve')}"
            case "approved":
                return f"sign {begun.name}: {self.sign(tab)}"
            case "signed" | "unheard" | "doubted":
                return f"complete {begun.name}: {self.say(begun, 'complete')}"
            case "cancelled":
                tab.payment = None
                return f"cancel {begun.name}: {self.say(begun, 'cancel')}"
            case "completed":
                return self.ask_about_order(tab, "look at order")
        return self.begin(tab)

    def sign(self, tab: Tab) -> str:
        begun = tab.payment
        return self.in_wallet(lambda: self.pi.sign(begun.identifier)) if begun else "there is no payment"

    def recover(self, tab: Tab) -> str:
        begun = tab.payment
        return (
            self.callback(self.stranger, "incomplete", begun.identifier) if begun else "there is no payment"
        )

    # Wallet, chain and Pi itself -------------------------------------------------------------------------

    def in_wallet(self, act: Callable[[], object]) -> str:
        try:
            act()
        except SimulatorRefusal as refusal:
            return f"refused ({refusal.code})"
        return "done"

    def forget(self, begun: Begun) -> None:
        """Have Pi clean up what nobody has paid."""
        self.pi.forget(begun.identifier)
        self.forgotten.append(begun.identifier)

    def approve_elsewhere(self, begun: Begun) -> str:
        """Approve, before we have heard of it, as somebody else who has our key; and the buyer signs."""
        if PiPayment.objects.filter(identifier=begun.identifier).exists():
            return "too late"
        self.shop.excused.add(begun.identifier)
        approved = self.in_wallet(lambda: self.pi.approve(begun.identifier))
        return f"{approved}, sign: {self.in_wallet(lambda: self.pi.sign(begun.identifier))}"

    def name_outgoing(self, endpoint: str) -> str:
        """Send one of our endpoints the identifier of a refund, which anybody can read on the chain."""
        try:
            identifier = self.pi.create_outgoing(self.stranger.pioneer)
        except SimulatorRefusal as refusal:
            identifier = (refusal.payment or {})["identifier"]
        before = self.pi.payment(identifier)
        status, answer = self.shop.call(self.stranger, endpoint, body_about(endpoint, identifier))
        self.shop.expect(status in (404, 503), f"an outgoing payment was answered {status} {answer}")
        self.shop.expect(self.pi.payment(identifier) == before, "an outgoing payment was touched")
        return said(status, answer)

    # Staff -----------------------------------------------------------------------------------------------

    def do(self, action: StaffAction, row: Order | PiPayment | Refund) -> str:
        """Run the action as the admin does, which raises unexpected failures."""
        by = Author("staff carol", action.name)
        outcome = self.shop.ours(lambda: actions.attempt(action, row, by=by, note="a note"))
        for text in ("The database was busy", "It changed at the same moment"):
            self.shop.expect(self.shop.rivals or text not in outcome.text, outcome.text)
        return outcome.text

    def approve_refund(self, refund: Refund) -> str:
        """Approve as a second person; from now on the money is on its way back."""
        if refund.status != "requested":
            return f"it is {refund.status}"
        return self.shop.ours(lambda: situations.approve(refund)).status

    def change_stock(self, *, by: int) -> str:
        mug = Variant.objects.get(sku="mug")
        try:
            self.shop.ours(lambda: changed(mug, by))
        except stock.OutOfStock:
            return "refused: promised to buyers"
        self.shop.goods.changed(mug, by=by)
        return "done"

    def add_codes(self, count: int) -> str:
        voucher = Variant.objects.get(sku="voucher")
        texts = [f"MORE-{uuid.uuid4().hex}" for _ in range(count)]
        added = self.shop.ours(lambda: stock.add_codes(voucher, texts))
        self.shop.goods.changed(voucher, by=len(added))
        return f"{len(added)} added"

    def withdraw_code(self) -> str:
        code = DeliveryCode.objects.filter(sold_at=None).first()
        if code is None or not self.shop.ours(lambda: stock.remove_code(code)):
            return "none to spare"
        self.shop.goods.changed(code.variant, by=-1)
        return "done"

    def raise_price(self, sku: str) -> str:
        Variant.objects.filter(sku=sku).update(price=F("price") + 1)
        return "done"

    def publish(self, sku: str, *, on: bool) -> str:
        Product.objects.filter(variants__sku=sku).update(published=on)
        return "done"

    def close_forgotten(self) -> None:
        """Give up by name what Pi has forgotten; until somebody does, the shop waits for it."""
        for payment in PiPayment.objects.filter(identifier__in=self.forgotten, status__in=OPEN):
            self.do(actions.CLOSE_MISSING, payment)

    # Time, and who comes with it -------------------------------------------------------------------------

    def wait(self, span: timedelta) -> str:
        pass_time(self.pi, span)
        return ""

    def reconcile(self) -> str:
        return self.outcomes_of(reconcile_due(proceed=lambda: True, by=RECONCILER))

    def clean_up(self) -> str:
        return self.outcomes_of(expire_stale(stale_orders(), proceed=lambda: True, by=CLEANER))

    def outcomes_of(self, outcomes: Iterator[reconciliation.Outcome]) -> str:
        told = []

        def run() -> None:
            told.extend(f"{outcome.subject} {outcome}" for outcome in outcomes)

        try:
            self.shop.ours(run)
        except PiError as problem:
            told.append(f"Pi cannot be asked ({type(problem).__name__})")
        return ", ".join(told) or "nothing is due"


def changed(variant: Variant, by: int) -> None:
    with transaction.atomic(durable=True):
        stock.change_on_hand(variant, by=by)


def body_about(endpoint: str, identifier: str) -> dict[str, Any]:
    return {"paymentId": identifier} | ({"txid": MADE_UP} if endpoint == "complete" else {})


def plain(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payment as the SDK hands it to the page: its amount a number of JavaScript."""
    return {name: float(value) if name == "amount" else value for name, value in shown.items()}


def said(status: int, answer: Mapping[str, Any]) -> str:
    return f"{status} {answer.get('error') or answer.get('status')}"
