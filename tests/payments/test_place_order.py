"""The tap on Buy: one order per wish, however often it arrives."""

from __future__ import annotations

import pytest

from payments.models import Order
from tests.payments.page import ADDRESS, Page

pytestmark = pytest.mark.django_db

WISH = {"lines": [{"sku": "mug", "quantity": 2}], "shipping": ADDRESS}


def test_the_same_wish_with_the_same_key_is_the_same_order(alice: Page) -> None:
    answers = [alice.post("/api/orders/", WISH, expect=201, **{"Idempotency-Key": "tap"}) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"lines": [{"sku": "mug", "quantity": 3}]},
        {"lines": [{"sku": "book", "quantity": 2}]},
        {"shipping": ADDRESS | {"address": "2 Side Street"}},
        {"lines": [{"sku": "mug", "quantity": 2}, {"sku": "book", "quantity": 1}]},
    ],
)
def test_another_wish_with_the_same_key_is_a_conflict(alice: Page, other: dict[str, object]) -> None:
    alice.post("/api/orders/", WISH, expect=201, **{"Idempotency-Key": "tap"})

    answer = alice.post("/api/orders/", WISH | other, expect=409, **{"Idempotency-Key": "tap"})

    assert (answer["error"], Order.objects.count()) == ("idempotency_conflict", 1)


def test_a_key_belongs_to_one_pioneer(alice: Page, bob: Page) -> None:
    for buyer in (alice, bob):
        buyer.post("/api/orders/", WISH, expect=201, **{"Idempotency-Key": "tap"})

    assert Order.objects.count() == 2


def test_without_a_key_every_tap_is_an_order(alice: Page) -> None:
    for _ in range(2):
        alice.post("/api/orders/", WISH, expect=201)

    assert Order.objects.count() == 2
