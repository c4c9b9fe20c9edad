"""How many requests to Pi one call can cost at most, and how many a flood of calls.

Each door is driven by a Pi that refuses every step and shows another record after each refusal, in the order
that costs most. docs/security.md tells the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rest_framework.throttling import SimpleRateThrottle

from payments import deeds, pi_ledger, protocol, staff
from payments.models import Order, PiPayment
from payments.moves import By
from payments.ordering import Refused
from payments.pi_client import PiClient, PiError
from pi_simulator import Simulator
from pi_simulator.calls import Call
from tests.payments.page import Page
from tests.payments.staff_room import chief, deed_url

# What is asked of Pi does not depend on the database: once is enough.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
BY = By("staff carol", "test")
FLAGS = {
    "developer_approved": False,
    "transaction_verified": False,
    "developer_completed": False,
    "cancelled": False,
    "user_cancelled": False,
}
# What Pi may show next.
OTHER_AMOUNT = {"amount": "77"}
SIGNED = {"transaction": {"txid": "f" * 64, "verified": False, "_link": ""}}
CANCELLED = {"status": FLAGS | {"cancelled": True}}


class Stubborn:
    """A Pi that refuses every step of a payment, and after each refusal shows it otherwise."""

    def __init__(self, pi: Simulator) -> None:
        self.pi = pi
        self.lies: dict[tuple[str, str], dict[str, Any]] = {}
        for step in ("approve", "complete", "cancel"):
            pi.faults.add("refuse", path=f"/{step}", status=400, body={"error": "no_reason"})
        pi.after_call = self.shows

    def shows(self, call: Call) -> None:
        step = call.path.rpartition("/")[2]
        if lie := self.lies.get((call.identifier, step)):
            self.pi.tamper(call.identifier, **lie)

    def after(self, identifier: str, **lies: dict[str, Any]) -> None:
        """`cancel=SIGNED`: after it has refused to cancel, it shows a transaction."""
        self.lies |= {(identifier, step): lie for step, lie in lies.items()}


def approving(buyer: Page) -> tuple[Order, str]:
    """An order whose goods are held; whether Pi heard our approval is not known."""
    order = buyer.order({"book": 1})
    identifier = buyer.create_payment(order)
    buyer.pi.faults.add("refuse", path="/approve", times=1, status=500)
    buyer.approve(identifier, expect=503)
    buyer.pi.tamper(identifier, status=FLAGS)
    return Order.objects.get(reference=order["reference"]), identifier


def dearest(pi: Simulator, identifier: str) -> None:
    """From approving: not approved but changed, not cancelled but signed, not completed."""
    Stubborn(pi).after(identifier, approve=OTHER_AMOUNT, cancel=SIGNED)


def asked(pi: Simulator, act: Callable[[], Any]) -> int:
    pi.calls.clear()
    with suppress(PiError, Refused):
        act()
    return len(pi.calls)


# The doors ---------------------------------------------------------------------------------------------


def sign_in(alice: Page) -> int:
    token = alice.pi.sign_in(alice.pioneer)
    return asked(alice.pi, lambda: Page(alice.pi, token="").post("/user/signin", {"accessToken": token}))


def nothing(alice: Page) -> int:
    """Ordering, looking, and trying again."""

    def act() -> None:
        order = alice.order({"book": 1})
        path = f"/api/orders/{order['reference']}/"
        alice.client.get(path, headers={"Authorization": f"Bearer {alice.token}"})
        Order.objects.update(status="expired")
        alice.post(f"{path}reopen/", {})

    return asked(alice.pi, act)


def approve(alice: Page, **token: str) -> int:
    """For an order that another payment holds; that one turns out to be cancelled only after everything else
    was tried."""
    order, rival = approving(alice)
    identifier = alice.rival_payment(order)
    pi = Stubborn(alice.pi)
    pi.after(rival, approve=OTHER_AMOUNT, cancel=CANCELLED)
    pi.after(identifier, cancel=SIGNED)
    shown_twice: list[str] = []

    def shows(call: Call) -> None:
        if call.identifier == identifier and call.path.endswith("/approve"):
            shown_twice.append(identifier)
            if len(shown_twice) == 2:  # the first refusal is not looked into, the second is
                alice.pi.tamper(identifier, **OTHER_AMOUNT)
        pi.shows(call)

    alice.pi.after_call = shows
    body = {"paymentId": identifier} | token
    stranger = Page(alice.pi, "nobody")
    return asked(alice.pi, lambda: stranger.post("/payments/approve", body, expect=None))


def approve_with_a_token(alice: Page) -> int:
    """By somebody whose token must be asked about."""
    return approve(alice, accessToken=alice.pi.sign_in(alice.pioneer))


def complete(alice: Page) -> int:
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: alice.complete(identifier, "a" * 64, expect=None))


def cancel(alice: Page) -> int:
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: alice.cancel(identifier, expect=None))


def error(alice: Page) -> int:
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)
    body = {"paymentId": identifier, "error": "x"}
    return asked(alice.pi, lambda: alice.post("/payments/error", body, expect=None))


def incomplete(alice: Page) -> int:
    """Of a payment that we have never seen: it is looked up, then given up."""
    order = alice.order({"book": 1})
    identifier = alice.create_payment(order)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: alice.incomplete(identifier, expect=None))


def cancel_order(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    path = f"/api/orders/{order.reference}/cancel/"
    return asked(alice.pi, lambda: alice.post(path, {}, expect=None))


def staff_cancel(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: chief().post(deed_url(order, "cancel_order"), {"confirmed": "1"}))


def ask_about_payment(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: chief().post(deed_url(order.payments.get(), "ask_pi")))


def ask_about_order(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: chief().post(deed_url(order, "ask_pi")))


def close_missing(alice: Page) -> int:
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)
    payment = PiPayment.objects.get(identifier=identifier)
    return asked(alice.pi, lambda: staff.close_missing(payment, pi=PiClient(seconds=9), by=BY))


def desk_without_pi(alice: Page) -> int:
    """Ship, hand over, flag, reject: none of them asks Pi, whatever becomes of it."""
    order = alice.buy({"mug": 1})
    names = [deed.name for deed in (deeds.SHIP, deeds.HONOUR, deeds.FLAG_ORDER)]
    carol = chief()
    return asked(
        alice.pi,
        lambda: [carol.post(deed_url(order, name), {"note": "x", "confirmed": "1"}) for name in names],
    )


def reconcile(alice: Page) -> int:
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)
    payment = PiPayment.objects.get(identifier=identifier)
    return asked(alice.pi, lambda: protocol.reconcile(payment, pi=PiClient(seconds=9), by=BY))


def clean_up(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: protocol.expire(order, pi=PiClient(seconds=9), by=BY))


def check_ledger(alice: Page) -> int:
    _, identifier = approving(alice)
    payment = PiPayment.objects.get(identifier=identifier)
    return asked(alice.pi, lambda: pi_ledger.compare(payment))


DOORS: dict[str, Callable[[Page], int]] = {
    "sign-in": sign_in,
    "place, read or reopen an order": nothing,
    "approve": approve,
    "approve, with an access token of Pi's": approve_with_a_token,
    "complete": complete,
    "cancel": cancel,
    "error": error,
    "incomplete": incomplete,
    "the buyer cancels an order": cancel_order,
    "staff cancel an order": staff_cancel,
    "ask Pi again, about a payment": ask_about_payment,
    "ask Pi again, about an order: per payment": ask_about_order,
    "close a missing payment": close_missing,
    "ship, hand over, flag or reject": desk_without_pi,
    "`reconcile_payments`: per payment": reconcile,
    "`cleanup_stale_orders`: per order": clean_up,
    "`check_ledger --pi`: per payment": check_ledger,
}


def told() -> dict[str, int]:
    """The table of the document."""
    section = DOCUMENT.read_text().partition("## What one call can cost at Pi\n")[2].partition("\n## ")[0]
    return {door: int(most) for door, most in re.findall(r"^\| ([^|]+) \| (\d+) \|", section, re.MULTILINE)}


@pytest.mark.parametrize("door", DOORS)
def test_one_call_costs_at_most_what_the_document_says(alice: Page, door: str) -> None:
    assert DOORS[door](alice) == told()[door]


def test_the_document_tells_of_every_door_and_of_no_other() -> None:
    assert list(told()) == list(DOORS)


def test_of_an_order_only_the_latest_payments_are_asked_about(alice: Page) -> None:
    order = Order.objects.get(reference=alice.order({"book": 1})["reference"])
    for _ in range(deeds.MOST_ASKED + 2):
        alice.cancel(alice.rival_payment(order))
    assert order.payments.count() == deeds.MOST_ASKED + 2

    latest = [payment.identifier for payment in order.payments.order_by("-id")[: deeds.MOST_ASKED]]
    assert asked(alice.pi, lambda: chief().post(deed_url(order, "ask_pi"))) == deeds.MOST_ASKED
    assert [call.identifier for call in alice.pi.calls] == latest


# Floods ------------------------------------------------------------------------------------------------

MINUTE = 4  # calls of one caller that are let through in these tests


@pytest.fixture
def few_a_minute(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    for scope in SimpleRateThrottle.THROTTLE_RATES:
        monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, f"{MINUTE}/min")


def flood(caller: Page, name: Callable[[int], str]) -> int:
    """What thirty calls of every callback cost."""
    SimpleRateThrottle.cache.clear()

    def act() -> None:
        for n in range(30):
            for step in ("approve", "complete", "cancel", "incomplete", "error"):
                caller.post(f"/payments/{step}", {"paymentId": name(n), "txid": "a"}, expect=None)

    return asked(caller.pi, act)


@pytest.mark.usefixtures("few_a_minute")
def test_a_stranger_with_made_up_identifiers_costs_a_look_each_until_the_limit(alice: Page) -> None:
    assert flood(Page(alice.pi, "stranger"), lambda n: f"made-up-{n}") == MINUTE


@pytest.mark.usefixtures("few_a_minute")
def test_so_does_a_pioneer_who_has_signed_in(alice: Page) -> None:
    assert flood(alice, lambda n: f"made-up-{n}") == MINUTE


@pytest.mark.usefixtures("few_a_minute")
def test_a_stranger_who_repeats_a_known_identifier_costs_no_more_than_so_many_calls(alice: Page) -> None:
    SimpleRateThrottle.cache.clear()
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)

    assert 0 < flood(Page(alice.pi, "stranger"), lambda _: identifier) <= MINUTE * max(told().values())


@pytest.mark.usefixtures("few_a_minute")
def test_what_is_completed_costs_nothing_however_often_it_is_said(alice: Page) -> None:
    SimpleRateThrottle.cache.clear()
    order = alice.order({"book": 1})
    identifier = alice.create_payment(order)
    alice.approve(identifier)
    txid = alice.pi.sign(identifier)
    alice.complete(identifier, txid)
    SimpleRateThrottle.cache.clear()

    assert asked(alice.pi, lambda: [alice.complete(identifier, txid) for _ in range(MINUTE)]) == 0
