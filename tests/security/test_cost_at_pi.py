"""How many requests to Pi one call can cost at most, and how many a flood of calls.

Each entry point meets a Pi that refuses every step and shows another record after each refusal, in the order
that costs most. docs/security.md has the same numbers.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands
from django.urls import get_resolver
from django.urls.resolvers import RoutePattern
from django.utils import timezone
from rest_framework.throttling import SimpleRateThrottle

from payments.admin import actions
from payments.admin.actions import ORDER_ACTIONS, PAYMENT_ACTIONS, REFUND_ACTIONS
from payments.audit import against_chain, against_pi, doctor
from payments.domain import decisions, protocol
from payments.domain.ordering import Refused
from payments.models import Order, PiPayment, Refund
from payments.moves import Author
from payments.pi.client import PiClient, PiError
from pi_simulator import Simulator
from pi_simulator.calls import Call
from storefront.downloads import download_url
from tests.payments.api.test_throttles import views_of_the_api
from tests.payments.page import Page
from tests.payments.situations import paid_after_cancel
from tests.payments.staff import action_url, chief, logged

# What is asked of Pi does not depend on the database: once is enough.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
BY = Author("staff carol", "test")
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
APPROVED = {"status": FLAGS | {"developer_approved": True}}


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
    """Return an order whose goods are held; whether Pi heard our approval is not known."""
    order = buyer.order({"book": 1})
    identifier = buyer.create_payment(order)
    buyer.pi.faults.add("refuse", path="/approve", times=1, status=500)
    buyer.approve(identifier, expect=503)
    buyer.pi.tamper(identifier, status=FLAGS)
    return Order.objects.get(reference=order["reference"]), identifier


def dearest(pi: Simulator, identifier: str) -> None:
    """From approving: not approved but changed, not cancelled but signed, not completed."""
    Stubborn(pi).after(identifier, approve=OTHER_AMOUNT, cancel=SIGNED)


def asked(pi: Simulator, act: Callable[[], Any], *, path: str = "/v2/") -> int:
    """How often Pi was asked, or the chain, which has another path."""
    pi.calls.clear()
    with suppress(PiError, Refused):
        act()
    return len([call for call in pi.calls if call.path.startswith(path)])


# The entry points --------------------------------------------------------------------------------------


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
    return asked(alice.pi, lambda: chief().post(action_url(order, "cancel_order"), {"confirmed": "1"}))


def ask_about_payment(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: chief().post(action_url(order.payments.get(), "ask_pi")))


def ask_about_order(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: chief().post(action_url(order, "ask_pi")))


def close_missing(alice: Page) -> int:
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)
    payment = PiPayment.objects.get(identifier=identifier)
    return asked(alice.pi, lambda: decisions.close_missing(payment, pi=PiClient(seconds=9), by=BY))


def staff_actions_without_pi(alice: Page) -> int:
    """Each of them is really done, and Pi has no part in it."""
    carol, order, late = chief(), alice.buy({"mug": 1}), paid_after_cancel(alice, {"mug": 1})
    payment = alice.buy({"book": 1}).payments.get()
    refunds = Refund.objects.filter(status="requested")

    def act() -> None:
        carol.post(action_url(order, "ship"))
        carol.post(action_url(late, "honour"))
        carol.post(action_url(order, "flag_refund"), {"note": "it broke"})
        carol.post(action_url(payment, "flag_refund"), {"note": "it tore"})
        for refund in refunds:
            carol.post(action_url(refund, "reject_refund"), {"note": "sent by hand"})
        carol.post(action_url(payment, "look_on_chain"))
        PiPayment.objects.filter(pk=payment.pk).update(notice="unanswered")
        carol.post(action_url(payment, "dismiss_notice"))

    cost = asked(alice.pi, act)
    assert [entry[2].partition(":")[0] for entry in logged()] == [
        *("Ship", "Hand the goods over", "Flag for refund", "Flag for refund"),
        *("Reject refund", "Reject refund", "Look on the chain", "Dismiss notice"),
    ]
    return cost


def looking(alice: Page) -> int:
    """Every address there is, as a buyer and as staff."""
    order = alice.buy({"mug": 1, "book": 1})
    [link] = [download_url(line) for line in order.lines.all() if line.variant.delivery == "download"]
    names = {
        "reference": order.reference,
        "slug": "mug",
        "signed": link.split("/")[2],
        "action_name": "ask_pi",
    }
    paths = [re.sub(r"<(?:\w+:)?(\w+)>", lambda part: names.get(part[1], "1"), route) for route in routes()]
    carol, token = chief(), {"Authorization": f"Bearer {alice.token}"}
    statuses: list[int] = []

    def act() -> None:
        for path in paths:
            shown = carol.get(path) if path.startswith("/admin/") else alice.client.get(path, headers=token)
            statuses.append(shown.status_code)
            shown.getvalue()  # only a download that was read to its end closes its file
        alice.post("/user/signout", {})

    cost = asked(alice.pi, act)
    assert statuses.count(200) > 50
    return cost


def routes(patterns: list[Any] | None = None, before: str = "/") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, f"{before}{pattern.pattern}")
        elif isinstance(pattern.pattern, RoutePattern):
            yield f"{before}{pattern.pattern}"


def reconcile(alice: Page) -> int:
    _, identifier = approving(alice)
    dearest(alice.pi, identifier)
    payment = PiPayment.objects.get(identifier=identifier)
    return asked(alice.pi, lambda: protocol.reconcile(payment, pi=PiClient(seconds=9), by=BY))


def clean_up(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    return asked(alice.pi, lambda: protocol.expire(order, pi=PiClient(seconds=9), by=BY))


def clean_up_in_the_admin(alice: Page) -> int:
    order, identifier = approving(alice)
    dearest(alice.pi, identifier)
    Order.objects.update(reserved_until=timezone.now())
    return asked(alice.pi, lambda: chief().post("/admin/payments/order/clean-up/", {"order": [order.pk]}))


def check_ledger(alice: Page) -> int:
    _, identifier = approving(alice)
    payment = PiPayment.objects.get(identifier=identifier)
    return asked(alice.pi, lambda: against_pi.compare(payment))


def check_what_goes_out(alice: Page) -> int:
    alice.pi.create_outgoing(alice.pioneer, "1")
    return asked(alice.pi, lambda: list(against_pi.compare_all(pause=lambda: None)))


def check_the_chain(alice: Page) -> int:
    """Check the chain, where what we know costs nothing."""
    alice.buy({"mug": 1})
    alice.pi.send(alice.pioneer, "1", memo="unknown")
    long_ago = timezone.now() - timedelta(days=9_999)
    return asked(alice.pi, lambda: list(against_chain.compare_since(long_ago, pause=lambda: None)))


def recover_paid(alice: Page) -> int:
    """Approved after all, then not completed but changed, not cancelled but signed."""
    _, identifier = approving(alice)
    Stubborn(alice.pi).after(identifier, approve=APPROVED, complete=OTHER_AMOUNT, cancel=SIGNED)
    return asked(
        alice.pi, lambda: protocol.recover_paid(identifier, "a" * 64, pi=PiClient(seconds=20), by=BY)
    )


def see_the_doctor(alice: Page) -> int:
    return asked(alice.pi, lambda: list(doctor.examine(doctor.in_process)))


def codes_and_demo_goods(alice: Page) -> int:
    def act() -> None:
        call_command("withdraw_codes", "voucher", "1", stdout=io.StringIO())
        call_command("load_demo_catalogue", stdout=io.StringIO())

    return asked(alice.pi, act)


ENTRY_POINTS: dict[str, Callable[[Page], int]] = {
    "sign-in": sign_in,
    "place, read or reopen an order": nothing,
    "approve": approve,
    "approve, with an access token of Pi's": approve_with_a_token,
    "complete": complete,
    "cancel": cancel,
    "error": error,
    "incomplete": incomplete,
    "the buyer cancels an order": cancel_order,
    "look at anything, in the shop or the admin, or sign out": looking,
    "“Cancel order”": staff_cancel,
    "“Ask Pi again”, about a payment": ask_about_payment,
    "“Ask Pi again”, about an order: per payment": ask_about_order,
    "“Close missing payment”": close_missing,
    "“Clean up stale orders”: per order": clean_up_in_the_admin,
    "“Ship”, “Hand the goods over”, “Flag for refund”, “Reject refund”, “Look on the chain”, "
    "“Dismiss notice”": staff_actions_without_pi,
    "`reconcile_payments`: per payment": reconcile,
    "`cleanup_stale_orders`: per order": clean_up,
    "`check_ledger --pi`: per payment": check_ledger,
    "`check_ledger --pi`: for what goes out": check_what_goes_out,
    "`check_ledger --chain`: per payment that we do not know": check_the_chain,
    "`recover_payments`: per payment that we do not know, or not as paid": recover_paid,
    "`pi_doctor`": see_the_doctor,
    "`withdraw_codes`, `load_demo_catalogue`": codes_and_demo_goods,
}
# What may be sent to the API, by its view, and the entry point that says what it costs.
SENT = {
    "SignIn": "sign-in",
    "SignOut": "look at anything, in the shop or the admin, or sign out",
    "Orders": "place, read or reopen an order",
    "ReopenOrder": "place, read or reopen an order",
    "CancelOrder": "the buyer cancels an order",
    "Approve": "approve",
    "Complete": "complete",
    "Cancel": "cancel",
    "Incomplete": "incomplete",
    "Error": "error",
}


def told() -> dict[str, int]:
    """Return the table of the document."""
    section = DOCUMENT.read_text().partition("## What one call can cost at Pi\n")[2].partition("\n## ")[0]
    return {name: int(most) for name, most in re.findall(r"^\| ([^|]+) \| (\d+) \|", section, re.MULTILINE)}


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_one_call_costs_at_most_what_the_document_says(alice: Page, entry_point: str) -> None:
    assert ENTRY_POINTS[entry_point](alice) == told()[entry_point]


def test_the_document_lists_every_entry_point_and_no_other() -> None:
    assert list(told()) == list(ENTRY_POINTS)


def test_nobody_adds_an_entry_point_and_forgets_what_it_costs() -> None:
    commands = [f"`{name}" for name, app in get_commands().items() if app in ("catalog", "demo", "payments")]
    buttons = [f"“{action.label}”" for action in (*ORDER_ACTIONS, *PAYMENT_ACTIONS, *REFUND_ACTIONS)]

    assert {view.__name__ for view in views_of_the_api() if hasattr(view, "post")} == set(SENT)
    assert set(SENT.values()) <= set(ENTRY_POINTS)
    assert [name for name in commands + buttons if name not in " ".join(ENTRY_POINTS)] == []


@pytest.mark.parametrize("action", [True, False], ids=["look on the chain", "pi_doctor"])
def test_the_chain_is_asked_twice(alice: Page, action: bool) -> None:
    url = action_url(alice.buy({"book": 1}).payments.get(), "look_on_chain")

    def act() -> None:
        chief().post(url) if action else list(doctor.examine(doctor.in_process))

    assert asked(alice.pi, act, path="/horizon/") == 2


def test_of_an_order_only_the_latest_payments_are_asked_about(alice: Page) -> None:
    order = Order.objects.get(reference=alice.order({"book": 1})["reference"])
    for _ in range(actions.MAX_ASKED + 2):
        alice.cancel(alice.rival_payment(order))
    assert order.payments.count() == actions.MAX_ASKED + 2

    latest = [payment.identifier for payment in order.payments.order_by("-id")[: actions.MAX_ASKED]]
    assert asked(alice.pi, lambda: chief().post(action_url(order, "ask_pi"))) == actions.MAX_ASKED
    assert [call.identifier for call in alice.pi.calls] == latest


# Floods ------------------------------------------------------------------------------------------------

MINUTE = 4  # calls of one caller that are let through in these tests


@pytest.fixture
def few_a_minute(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    for scope in SimpleRateThrottle.THROTTLE_RATES:
        monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, f"{MINUTE}/min")


def flood(caller: Page, name: Callable[[int], str]) -> int:
    """Return what thirty calls of every callback cost."""
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
