"""The tap on Buy: one order per request, however often it arrives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from catalog.models import Product
from payments.domain import protocol
from payments.domain.ordering import Refused, Shipping
from payments.models import Order
from tests.payments import rows
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


# A tap that comes again ------------------------------------------------------------------------------------

BOOK = {"book": 1}
MUG = {"mug": 1}
HOME = Shipping("Alice", "1 Main Street")


def test_a_tap_that_comes_again_gets_its_order_though_the_shop_sells_it_no_more(alice: Page) -> None:
    order = protocol.place_order(rows.pioneer(), BOOK, idempotency_key="tap")
    Product.objects.update(published=False)

    assert protocol.place_order(rows.pioneer(), BOOK, idempotency_key="tap") == order


@pytest.mark.parametrize(("basket", "shipping"), [(BOOK, None), (MUG, HOME)], ids=["book", "mug"])
def test_of_two_taps_at_once_the_second_gets_the_order_of_the_first(
    alice: Page, basket: dict[str, int], shipping: Shipping | None
) -> None:
    def tap() -> Order:
        return protocol.place_order(rows.pioneer(), basket, shipping=shipping, idempotency_key="tap")

    second, first = before_it_writes(tap, tap)

    assert (second, Order.objects.count()) == (first, 1)


@pytest.mark.parametrize(
    "other",
    [{"basket": {"mug": 2}}, {"shipping": Shipping("Alice", "2 Main Street")}],
    ids=["basket", "home"],
)
def test_of_two_wishes_at_once_with_one_key_the_second_is_a_conflict(
    alice: Page, other: dict[str, Any]
) -> None:
    def wish(**other: Any) -> Order:
        wished = {"basket": MUG, "shipping": HOME} | other
        return protocol.place_order(rows.pioneer(), idempotency_key="tap", **wished)

    with pytest.raises(Refused) as refused:
        before_it_writes(lambda: wish(**other), wish)

    assert (refused.value.code, Order.objects.count()) == ("idempotency_conflict", 1)


def before_it_writes(second: Callable[[], Order], first: Callable[[], Order]) -> tuple[Order, Order]:
    """Return both results when the first runs after the second has looked and before it writes."""
    rows.pioneer()
    placed: list[Any] = []

    def come_first(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SAVEPOINT") and not placed:
            placed.append(None)
            placed[:] = [first()]
        return execute(sql, params, many, context)

    with connection.execute_wrapper(come_first):
        return second(), *placed
