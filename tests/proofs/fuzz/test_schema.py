"""schemathesis asks every route that the schema describes, in all ways that it can think of.

What it checks of every answer: never a 5xx; a status, a content type, a body and headers that the schema
documents; what the schema allows is not refused with 400, what it forbids is refused; a method that it does
not know is 405; and where a token is needed, none and a wrong one get 401.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from rest_framework.throttling import SimpleRateThrottle
from schemathesis.core.failures import FailureGroup

from pi_simulator import Simulator
from tests.payments.page import Page
from tests.proofs.fuzz.api import AS_DOCUMENTED, MODES, OPERATIONS, SCHEMA, described_by, post
from tests.proofs.fuzz.effort import ON_POSTGRES, TRIED, fuzz
from tests.proofs.promises import Goods, broken

pytestmark = [pytest.mark.django_db, *ON_POSTGRES]


# The two families of callbacks are the same views: one of them is asked by strangers, too.
BY_STRANGERS = [label for label in OPERATIONS if "/pi_payment/" not in label]


@pytest.mark.parametrize(
    ("label", "caller"),
    [*((label, "pioneer") for label in OPERATIONS), *((label, "stranger") for label in BY_STRANGERS)],
)
def test_every_answer_is_as_documented(alice: Page, label: str, caller: str) -> None:
    operation, goods = OPERATIONS[label], Goods()
    headers = {"Authorization": f"Bearer {alice.token}"} if caller == "pioneer" else {}

    # Each boundary of each parameter and field, once: the same cases in every run.
    for case in SCHEMA.iter_coverage_cases(
        operation, generation_modes=MODES, generation_config=SCHEMA.config.generation
    ):
        TRIED["requests made from the schema"] += 1
        case.call_and_validate(headers=headers)

    cases = st.one_of(operation.as_strategy(generation_mode=mode) for mode in MODES)

    @fuzz("requests made from the schema", examples=6, case=cases)
    def documented(case: Any) -> None:
        case.call_and_validate(headers=headers)

    assert broken(alice.pi, goods) == []


@pytest.mark.parametrize(
    ("label", "scope"),
    [
        ("POST /payments/cancel", "stranger"),
        ("POST /pi_payment/incomplete", "stranger"),
        ("POST /user/signin", "sign-in"),
        ("GET /api/orders/", "pioneer"),
        ("POST /api/orders/", "pioneer"),
    ],
)
def test_a_throttled_caller_is_answered_as_documented(
    alice: Page, monkeypatch: pytest.MonkeyPatch, label: str, scope: str
) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, "3/min")
    SimpleRateThrottle.cache.clear()
    headers = {"Authorization": f"Bearer {alice.token}"} if scope == "pioneer" else {}
    body = {"paymentId": "made-up", "accessToken": "made-up", "lines": []}
    more = {"body": body, "media_type": "application/json"} if label.startswith("POST") else {}
    case = OPERATIONS[label].Case(**more)

    answers = [case.call_and_validate(headers=headers, checks=AS_DOCUMENTED).status_code for _ in range(5)]

    assert 429 not in answers[:3]
    assert answers[3:] == [429, 429]


def test_an_order_is_as_documented_from_basket_to_receipt(alice: Page) -> None:
    """What no made-up request gets to see."""

    order = alice.order({"book": 1, "voucher": 1, "mug": 1})

    def shown() -> str:
        operation = OPERATIONS["GET /api/orders/{reference}/"]
        case = operation.Case(path_parameters={"reference": order["reference"]})
        headers = {"Authorization": f"Bearer {alice.token}"}
        return str(case.call_and_validate(headers=headers, checks=AS_DOCUMENTED).json()["status"])

    statuses = [shown()]
    identifier = alice.create_payment(order)
    alice.approve(identifier)
    statuses.append(shown())
    alice.complete(identifier, alice.pi.sign(identifier))
    statuses.append(shown())

    assert statuses == ["pending", "reserved", "paid"]


# That these checks find something ----------------------------------------------------------------------


def left_out(schema: Any) -> None:
    del schema["paths"]["/payments/cancel"]["post"]["responses"]["404"]


def of_another_kind(schema: Any) -> None:
    schema["components"]["schemas"]["ErrorAnswer"]["properties"]["error"]["type"] = "integer"


def needed(schema: Any) -> None:
    schema["components"]["schemas"]["ErrorAnswer"]["required"].append("details")


def in_xml(schema: Any) -> None:
    answer = schema["paths"]["/payments/cancel"]["post"]["responses"]["404"]
    answer["content"] = {"application/xml": answer["content"]["application/json"]}


def with_a_header(schema: Any) -> None:
    answer = schema["paths"]["/payments/cancel"]["post"]["responses"]["404"]
    answer["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer"}}}


@pytest.mark.parametrize("lie", [left_out, of_another_kind, needed, in_xml, with_a_header])
def test_a_schema_that_lies_is_noticed(pi: Simulator, lie: Callable[[Any], None]) -> None:
    described = copy.deepcopy(SCHEMA.raw_schema)
    post(described_by(described), "/payments/cancel", {"paymentId": "made-up"})
    lie(described)

    with pytest.raises(FailureGroup):
        post(described_by(described), "/payments/cancel", {"paymentId": "made-up"})
