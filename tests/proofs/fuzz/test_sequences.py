"""The API as people and programs walk it: one call after another, each on what the ones before have done.

Two walks. schemathesis follows the links of the schema from order to order. The other one knows what no
schema can: that payments are created at Pi, that their buyers sign, that Pi is away for a moment, that time
passes; there everybody calls everything, the payer, another pioneer and a stranger. Every answer must be as
the schema documents it, the nine promises hold after every step, and at the end everything comes to rest.
"""

from __future__ import annotations

import copy
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from pi_simulator import SimulatorRefusal
from pi_simulator.faults import KINDS
from tests.payments.page import ADDRESS, Page
from tests.proofs.fuzz.api import (
    DOCUMENTED_THOUGH_PI_IS_AWAY,
    OPERATIONS,
    SCHEMA,
    described_by,
    operations_of,
)
from tests.proofs.fuzz.effort import ON_SQLITE, TRIED, forgotten, settings
from tests.proofs.promises import Goods, broken, broken_at_rest, heal, pass_time, run_commands

pytestmark = [pytest.mark.django_db, *ON_SQLITE]

SKUS = ["mug", "book", "voucher"]
ABOUT_AN_ORDER = [
    "GET /api/orders/{reference}/",
    "POST /api/orders/{reference}/cancel/",
    "POST /api/orders/{reference}/reopen/",
]


def test_every_link_of_the_schema_leads_on_as_documented(alice: Page) -> None:
    by_links = SCHEMA.include(path_regex="^/api/orders/")
    followed: Counter[str] = Counter()

    class FollowsLinks(by_links.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            self.block = forgotten()
            self.block.__enter__()
            self.goods = Goods()

        def before_call(self, case: Any) -> None:
            """Ask, in well-formed requests, for goods that we sell: nobody can guess them."""
            TRIED["steps along the links of the schema"] += 1
            if case.operation.label == "POST /api/orders/" and case.meta.generation.mode.is_positive:
                case.body["lines"] = [{"sku": SKUS[len(case.body["lines"]) % 2 + 1], "quantity": 1}]

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            if case.path_parameters and response.status_code == 200:
                followed[case.operation.label] += 1

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {alice.token}"}}

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            """Leave out the probes of authentication: other tests make them, and they place orders."""
            case.validate_response(response, excluded_checks=[checks.ignored_auth], recorder=self.recorder)

        def teardown(self) -> None:
            try:
                assert broken(alice.pi, self.goods) == []
            finally:
                self.block.__exit__(None, None, None)

    run(FollowsLinks, settings=settings(8, stateful_step_count=10))

    assert followed.keys() == set(ABOUT_AN_ORDER)


# Everybody, everything ---------------------------------------------------------------------------------

PIONEERS = ["alice", "bob"]
WHO = st.sampled_from([*PIONEERS * 2, "a stranger"])
FAMILIES = st.sampled_from(["/payments", "/pi_payment"])


class Walk(RuleBasedStateMachine):
    """The API, walked by two pioneers and a stranger. `page` is somebody's in front of a shop with goods."""

    page: Page
    operations: dict[str, Any] = OPERATIONS
    orders = Bundle("orders")
    payments = Bundle("payments")

    def __init__(self) -> None:
        super().__init__()
        self.pi = self.page.pi
        self.block = forgotten()
        self.block.__enter__()
        self.pi.reset()
        cache.clear()
        self.goods = Goods()
        self.tokens: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.payers: dict[str, str] = {}

    @initialize()
    def both_sign_in(self) -> None:
        for name in PIONEERS:
            self.signs_in(name)

    def asks(self, who: str, label: str, **more: Any) -> tuple[int, Any]:
        """Make one call, whose answer must be as documented; return its status and JSON."""
        TRIED["steps of stories"] += 1
        if "body" in more:
            more["media_type"] = "application/json"
        case = self.operations[label].Case(**more)
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
        response = case.call_and_validate(
            headers=headers | more.get("headers", {}), checks=DOCUMENTED_THOUGH_PI_IS_AWAY
        )
        return response.status_code, response.json()

    # Who they are

    @rule(who=st.sampled_from(PIONEERS))
    def signs_in(self, who: str) -> None:
        body = {"accessToken": self.pi.sign_in(self.pi.pioneer(who, balance="1000"))}
        status, answer = self.asks("a stranger", "POST /user/signin", body=body)
        if status == 200:
            self.tokens[who] = answer["token"]

    @rule(who=WHO)
    def asks_who_it_is(self, who: str) -> None:
        assert self.asks(who, "GET /user/me")[0] == (200 if who in self.tokens else 401)

    # Orders

    @rule(
        target=orders,
        who=WHO,
        basket=st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1),
        key=st.sampled_from(["", "once"]),
    )
    def places_an_order(self, who: str, basket: dict[str, int], key: str) -> Any:
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        headers = {"Idempotency-Key": key} if key else {}
        body = {"lines": lines, "shipping": ADDRESS}
        status, answer = self.asks(who, "POST /api/orders/", body=body, headers=headers)
        if status != 201:
            return multiple()
        self.owners[answer["reference"]] = who
        return answer

    @rule(who=WHO, order=orders, label=st.sampled_from(ABOUT_AN_ORDER))
    def asks_about_an_order(self, who: str, order: dict[str, Any], label: str) -> None:
        status, answer = self.asks(who, label, path_parameters={"reference": order["reference"]})
        if who != self.owners[order["reference"]]:
            assert status == (404 if who in self.tokens else 401)
        elif status == 200:
            assert answer["reference"] == order["reference"]

    @rule(who=WHO)
    def lists_orders(self, who: str) -> None:
        status, answer = self.asks(who, "GET /api/orders/", query={"limit": 100})
        if status == 200:
            own = {reference for reference, owner in self.owners.items() if owner == who}
            assert {order["reference"] for order in answer["results"]} == own

    # Payments

    @rule(target=payments, order=orders, who=st.sampled_from(["its buyer"] * 4 + PIONEERS))
    def payment_is_created_at_pi(self, order: dict[str, Any], who: str) -> Any:
        payer = self.owners[order["reference"]] if who == "its buyer" else who
        wanted = order["payment"]
        if wanted is None:
            return multiple()
        try:
            identifier = self.pi.create_payment(
                self.pi.pioneer(payer),
                amount=str(wanted["amount"]),
                memo=wanted["memo"],
                metadata=wanted["metadata"],
            )
        except SimulatorRefusal:  # one that is signed is still open
            return multiple()
        self.payers[identifier] = payer
        return identifier

    def told(self, who: str, payment: str, label: str, body: dict[str, Any]) -> None:
        status, answer = self.asks(who, label, body=body)
        if status == 200 and who != self.payers[payment]:
            assert answer["order"] is None

    @rule(who=WHO, payment=payments, family=FAMILIES)
    def approves(self, who: str, payment: str, family: str) -> None:
        self.told(who, payment, f"POST {family}/approve", {"paymentId": payment})

    @rule(payment=payments, recorded=st.booleans())
    def buyer_signs(self, payment: str, recorded: bool) -> None:
        with suppress(SimulatorRefusal):
            self.pi.sign(payment, recorded=recorded)

    @rule(payment=payments)
    def pi_learns_of_the_transaction(self, payment: str) -> None:
        if self.pi.txid_of(payment):
            self.pi.record_transaction(payment)

    @rule(payment=payments)
    def buyer_cancels(self, payment: str) -> None:
        with suppress(SimulatorRefusal):
            self.pi.cancel_by_user(payment)

    @rule(who=WHO, payment=payments, family=FAMILIES, made_up=st.sampled_from([False] * 4 + [True]))
    def completes(self, who: str, payment: str, family: str, made_up: bool) -> None:
        txid = "0" * 64 if made_up else self.pi.txid_of(payment) or "0" * 64
        body = {"paymentId": payment, "txid": txid}
        self.told(who, payment, f"POST {family}/complete", body)

    @rule(who=WHO, payment=payments, family=FAMILIES)
    def cancels(self, who: str, payment: str, family: str) -> None:
        self.told(who, payment, f"POST {family}/cancel", {"paymentId": payment})

    @rule(who=WHO, payment=payments, family=FAMILIES)
    def finds_it_incomplete(self, who: str, payment: str, family: str) -> None:
        self.told(who, payment, f"POST {family}/incomplete", {"payment": {"identifier": payment}})

    @rule(who=WHO, payment=payments, family=FAMILIES)
    def reports_an_error(self, who: str, payment: str, family: str) -> None:
        self.told(who, payment, f"POST {family}/error", {"paymentId": payment, "error": {}})

    # Pi and time

    @rule(kind=st.sampled_from(KINDS), times=st.integers(1, 2))
    def something_goes_wrong_at_pi(self, kind: Any, times: int) -> None:
        self.pi.faults.add(kind, times=times)

    @rule(minutes=st.sampled_from([1, 20]), swept=st.booleans())
    def time_passes(self, minutes: int, swept: bool) -> None:
        pass_time(self.pi, timedelta(minutes=minutes))
        if swept:
            run_commands()

    @invariant()
    def promises_hold(self) -> None:
        assert broken(self.pi, self.goods) == []

    def teardown(self) -> None:
        try:
            for payment in self.payers:
                self.pi_learns_of_the_transaction(payment)
            heal(self.pi)
            assert broken_at_rest(self.pi, self.goods) == []
        finally:
            self.block.__exit__(None, None, None)


def test_calls_in_any_order_are_answered_as_documented_and_break_no_promise(alice: Page) -> None:
    class Here(Walk):
        page = alice

    run(Here, settings=settings(6, stateful_step_count=25))


def test_a_schema_that_lies_is_noticed_in_a_sequence_of_calls(alice: Page) -> None:
    described = copy.deepcopy(SCHEMA.raw_schema)
    del described["paths"]["/api/orders/{reference}/"]["get"]["responses"]["404"]

    class Lied(Walk):
        page = alice
        operations = operations_of(described_by(described))

    walk = Lied()
    try:
        walk.both_sign_in()
        order = walk.places_an_order(who="alice", basket={"book": 1}, key="")
        walk.asks_about_an_order(who="alice", order=order, label=ABOUT_AN_ORDER[0])
        with pytest.raises(FailureGroup, match="404"):
            walk.asks_about_an_order(who="bob", order=order, label=ABOUT_AN_ORDER[0])
    finally:
        walk.teardown()
