"""Orders over HTTP: what is written and what is refused, who sees it, how it is cancelled and reopened."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Product, Variant
from payments.domain.protocol import place_order
from payments.models import Event, Order, Pioneer
from tests.catalog.goods import counted, product, variant
from tests.payments.page import ADDRESS, Page, acts, status_of

pytestmark = pytest.mark.django_db


def lines(**basket: int) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]


def place(page: Page, expect: int = 201, **body: Any) -> Any:
    return page.post("/api/orders/", body, expect=expect)


def get(page: Page, path: str) -> tuple[int, Any]:
    response = page.client.get(path, headers={"Authorization": f"Bearer {page.token}"})
    return response.status_code, response.json()


def refusal(page: Page, **body: Any) -> str:
    """Return the code with which an order is refused, having made sure that nothing was written."""
    code = str(place(page, expect=409, **body)["error"])
    assert (Order.objects.count(), Event.objects.count()) == (0, 0)
    return code


# Written -----------------------------------------------------------------------------------------------


def test_an_order_is_answered_with_all_that_the_page_needs(alice: Page) -> None:
    answer = place(alice, lines=lines(mug=2, voucher=1), shipping=ADDRESS)

    order = Order.objects.get()
    assert answer == {
        "reference": order.reference,
        "status": "pending",
        "verdict": "pending",
        "total": "3.1000000",
        "network": "Pi Testnet",
        "expires_at": order.expires_at.isoformat().replace("+00:00", "Z"),
        "reserved_until": None,
        "review_reason": "",
        "created_at": order.created_at.isoformat().replace("+00:00", "Z"),
        "lines": [
            {
                "sku": "mug",
                "name": "Mug",
                "unit_price": "1.5000000",
                "quantity": 2,
                "delivery": "physical",
                "delivered_at": None,
            },
            {
                "sku": "voucher",
                "name": "Voucher",
                "unit_price": "0.1000000",
                "quantity": 1,
                "delivery": "code",
                "delivered_at": None,
            },
        ],
        "payment": {
            "amount": 3.1,
            "memo": f"Order {order.reference}",
            "metadata": {"order": order.reference},
        },
    }


def test_price_and_total_are_never_the_browsers_word(alice: Page) -> None:
    bargain = {"sku": "mug", "quantity": 1, "price": "0.01", "unit_price": "0.01", "name": "Gold"}

    answer = place(alice, lines=[bargain], total="0.01", amount=0.01, status="paid", shipping=ADDRESS)

    assert (answer["total"], answer["payment"]["amount"], answer["status"]) == ("1.5000000", 1.5, "pending")
    assert answer["lines"][0]["name"] == "Mug"


def test_the_same_goods_in_several_lines_become_one(alice: Page) -> None:
    answer = place(alice, lines=[*lines(mug=1), *lines(book=1), *lines(mug=2)], shipping=ADDRESS)

    assert {line["sku"]: line["quantity"] for line in answer["lines"]} == {"mug": 3, "book": 1}
    assert answer["total"] == "4.7500000"


@pytest.mark.parametrize(
    ("price", "quantity", "total"),
    [
        ("0.1", 3, "0.3000000"),
        ("0.0000001", 1, "0.0000001"),
        ("0.0000001", 999, "0.0000999"),
        ("0.7", 3, "2.1000000"),
        ("1.1", 999, "1098.9000000"),
        ("12345678.1234567", 1, "12345678.1234567"),
        ("12345678.1234567", 8, "98765424.9876536"),
        ("99999999.9999999", 1, "99999999.9999999"),
    ],
)
def test_a_total_is_exact_and_stays_so_on_its_way_to_pi(
    alice: Page, price: str, quantity: int, total: str
) -> None:
    variant(product("Tea"), price=price, tracked=False, sku="tea", delivery="download")
    headers = {"Authorization": f"Bearer {alice.token}"}

    response = alice.client.post(
        "/api/orders/", {"lines": lines(tea=quantity)}, content_type="application/json", headers=headers
    )

    answer = json.loads(response.content, parse_float=Decimal, parse_int=Decimal)
    assert (answer["total"], answer["payment"]["amount"]) == (total, Decimal(total))
    assert Order.objects.get().total == Decimal(total)


def test_name_and_price_are_those_of_the_moment_of_ordering(alice: Page) -> None:
    shirt = variant(product("Shirt"), price="2", sku="shirt", option="Large")
    reference = place(alice, lines=lines(shirt=1), shipping=ADDRESS)["reference"]
    Variant.objects.filter(pk=shirt.pk).update(price=9, option="Small")
    Product.objects.filter(pk=shirt.product_id).update(name="Coat")

    _, answer = get(alice, f"/api/orders/{reference}/")

    assert answer["lines"][0]["name"] == "Shirt – Large"
    assert (answer["lines"][0]["unit_price"], answer["total"]) == ("2.0000000", "2.0000000")


def test_an_order_begins_its_story_and_holds_nothing(alice: Page) -> None:
    place(alice, lines=lines(mug=3), shipping=ADDRESS)

    story = Event.objects.values_list("order__reference", "kind", "actor", "cause", "before", "after")
    assert list(story) == [
        (Order.objects.get().reference, "moved", "pioneer alice", "place_order", "", "pending")
    ]
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)
    assert acts(alice.pi) == []


def test_an_order_stays_open_for_as_long_as_the_settings_say(alice: Page, settings: Any) -> None:
    settings.ORDER_HOLD_MINUTES = 45

    place(alice, lines=lines(book=1))

    left = Order.objects.get().expires_at - timezone.now()
    assert timedelta(minutes=44, seconds=50) < left <= timedelta(minutes=45)


@pytest.mark.parametrize(
    ("key", "status"), [("k" * 64, 201), ("clé", 201), ("", 201), ("k" * 65, 400), ("\x00", 400), ("  ", 400)]
)
def test_a_key_against_repetition_is_a_short_text(alice: Page, key: str, status: int) -> None:
    body = {"lines": lines(book=1)}

    assert alice.post("/api/orders/", body, expect=None, **{"Idempotency-Key": key})[0] == status


# Refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("basket", [{"mug": 1}, {"book": 1, "mug": 1}])
@pytest.mark.parametrize("shipping", [{}, {"shipping": None}])
def test_what_is_sent_in_a_parcel_needs_an_address(
    alice: Page, basket: dict[str, int], shipping: dict[str, Any]
) -> None:
    assert refusal(alice, lines=lines(**basket), **shipping) == "needs_shipping"


def test_an_address_that_nothing_is_sent_to_is_not_kept(alice: Page) -> None:
    body = {"lines": [{"sku": "book", "quantity": 1}], "shipping": ADDRESS}

    taps = [alice.post("/api/orders/", body, expect=201, **{"Idempotency-Key": "tap"}) for _ in range(2)]

    order = Order.objects.get()
    assert (order.shipping_name, order.shipping_address) == ("", "")
    assert [tap["reference"] for tap in taps] == [order.reference] * 2


def test_digital_goods_need_no_address(alice: Page) -> None:
    assert place(alice, lines=lines(book=1, voucher=1))["status"] == "pending"


@pytest.mark.parametrize("sku", ["unknown", "MUG", "mug; DROP TABLE", "🙂", "../mug"])
def test_an_unknown_sku_is_not_for_sale(alice: Page, sku: str) -> None:
    body = [*lines(book=1), {"sku": sku, "quantity": 1}]

    answer = place(alice, expect=409, lines=body)

    assert answer == {"error": "not_for_sale", "message": f"No longer for sale: {sku}."}


def test_what_is_not_published_is_not_for_sale(alice: Page) -> None:
    Product.objects.filter(slug="book").update(published=False)

    assert refusal(alice, lines=lines(book=1)) == "not_for_sale"


@pytest.mark.parametrize(("basket", "held"), [({"mug": 11}, 0), ({"mug": 6}, 5), ({"voucher": 21}, 0)])
def test_what_is_plainly_sold_out_is_told_at_once(alice: Page, basket: dict[str, int], held: int) -> None:
    Variant.objects.filter(sku="mug").update(reserved=held)

    assert refusal(alice, lines=lines(**basket), shipping=ADDRESS) == "out_of_stock"


def test_the_last_ones_can_still_be_ordered(alice: Page) -> None:
    Variant.objects.filter(sku="mug").update(reserved=5)

    assert place(alice, lines=lines(mug=5), shipping=ADDRESS)["status"] == "pending"


def test_a_total_that_pi_could_not_carry_is_refused(alice: Page) -> None:
    variant(product("Castle"), price="50000000", tracked=False, sku="castle", delivery="download")

    assert refusal(alice, lines=lines(castle=2)) == "total_too_large"


def test_a_basket_of_fifty_kinds_is_taken(alice: Page) -> None:
    for n in range(50):
        variant(product(f"Tea{n}"), tracked=False, sku=f"tea-{n}", delivery="download")

    answer = place(alice, lines=lines(**{f"tea-{n}": 1 for n in range(50)}))

    assert (len(answer["lines"]), answer["total"]) == (50, "50.0000000")


# Seen ----------------------------------------------------------------------------------------------------


def test_an_order_is_seen_by_its_pioneer_alone(alice: Page, bob: Page) -> None:
    reference = place(alice, lines=lines(book=1))["reference"]

    assert get(alice, f"/api/orders/{reference}/")[0] == 200
    assert get(bob, f"/api/orders/{reference}/") == get(bob, "/api/orders/AAAA-AAAA-AA/")
    assert get(bob, f"/api/orders/{reference}/")[0] == 404
    assert get(bob, "/api/orders/")[1]["results"] == []


@pytest.mark.parametrize("path", ["", "{}/", "{}/cancel/", "{}/reopen/"])
def test_a_stranger_sees_and_changes_nothing(alice: Page, path: str) -> None:
    reference = place(alice, lines=lines(book=1))["reference"]
    alice.token = ""

    method = alice.client.post if "cancel" in path or "reopen" in path else alice.client.get
    response = method("/api/orders/" + path.format(reference))

    assert (response.status_code, response.json()["error"]) == (401, "not_authenticated")


def test_orders_are_listed_newest_first(alice: Page) -> None:
    references = [place(alice, lines=lines(book=1))["reference"] for _ in range(3)]

    _, answer = get(alice, "/api/orders/")

    assert [order["reference"] for order in answer["results"]] == references[::-1]
    assert (answer["count"], answer["next"], answer["previous"]) == (3, None, None)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", range(24, 4, -1)),
        ("?offset=20", range(4, -1, -1)),
        ("?limit=2", [24, 23]),
        ("?limit=2&offset=3", [21, 20]),
        ("?limit=100", range(24, -1, -1)),
        ("?limit=0", range(24, 4, -1)),
        ("?limit=-1", range(24, 4, -1)),
        ("?offset=99999999999999999999", []),
        ("?limit=99999999999999999999&offset=x", range(24, -1, -1)),
    ],
)
def test_a_long_list_comes_in_pages(alice: Page, query: str, shown: Any) -> None:
    orders = [many(alice) for _ in range(25)]

    _, answer = get(alice, f"/api/orders/{query}")

    assert [order["reference"] for order in answer["results"]] == [orders[n].reference for n in shown]
    assert answer["count"] == 25


def test_a_page_has_a_hundred_orders_at_most(alice: Page) -> None:
    order = many(alice)
    kept = {"pioneer": order.pioneer, "total": order.total, "expires_at": order.expires_at}
    Order.objects.bulk_create(Order(**kept) for _ in range(100))

    _, answer = get(alice, "/api/orders/?limit=1000000")

    assert (answer["count"], len(answer["results"])) == (101, 100)


def many(page: Page) -> Order:
    """Write an order with two lines directly, not over HTTP, which is throttled."""
    return place_order(Pioneer.objects.get(uid=page.pioneer.uid), {"book": 1, "voucher": 1})


def queries_of(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        ask()
    return len([one for one in queries.captured_queries if "SAVEPOINT" not in one["sql"]])


def test_a_list_costs_the_same_however_long_it_is(alice: Page) -> None:
    many(alice)
    one = queries_of(lambda: get(alice, "/api/orders/"))
    for _ in range(9):
        many(alice)

    assert queries_of(lambda: get(alice, "/api/orders/")) == one == 7


def test_an_order_costs_the_same_however_many_lines_it_has(alice: Page) -> None:
    for n in range(20):
        variant(product(f"Tea{n}"), tracked=False, sku=f"tea-{n}", delivery="download")
    few, lots = lines(book=1), lines(**{f"tea-{n}": 1 for n in range(20)})

    cost = {len(wanted): queries_of(lambda w=wanted: place(alice, lines=w)) for wanted in (few, lots)}
    latest, first = Order.objects.values_list("reference", flat=True)

    assert cost == {1: 9, 20: 9}
    assert queries_of(lambda: get(alice, f"/api/orders/{latest}/")) == 6
    assert queries_of(lambda: get(alice, f"/api/orders/{first}/")) == 6


# Given up ------------------------------------------------------------------------------------------------


def cancel(page: Page, reference: str, expect: int = 200) -> Any:
    return page.post(f"/api/orders/{reference}/cancel/", {}, expect)


def reopen(page: Page, reference: str, expect: int = 200) -> Any:
    return page.post(f"/api/orders/{reference}/reopen/", {}, expect)


def test_an_unpaid_order_is_given_up(alice: Page) -> None:
    reference = place(alice, lines=lines(book=1))["reference"]

    answer = cancel(alice, reference)

    assert (answer["status"], answer["payment"]) == ("cancelled", None)
    story = Order.objects.get().events.values_list("actor", "cause", "after")
    assert list(story)[1:] == [("pioneer alice", "cancel_order", "cancelled")]
    assert acts(alice.pi) == []


def test_giving_up_twice_is_giving_up_once(alice: Page) -> None:
    reference = place(alice, lines=lines(book=1))["reference"]

    assert cancel(alice, reference) == cancel(alice, reference)
    assert Order.objects.get().events.count() == 2


def test_a_payment_under_way_is_cancelled_at_pi_before_the_goods_go_back(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 2})

    answer = cancel(alice, order.reference)

    assert (answer["status"], status_of(identifier)) == ("cancelled", "cancelled")
    assert alice.pi.payment(identifier)["status"]["cancelled"] is True
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)


def test_an_order_that_was_signed_meanwhile_is_paid_and_not_given_up(alice: Page) -> None:
    order, identifier = alice.approved({"voucher": 1})
    alice.pi.sign(identifier)

    answer = cancel(alice, order.reference, expect=409)

    order.refresh_from_db()
    assert answer["error"] == "order_closed"
    assert (order.status, status_of(identifier)) == ("fulfilled", "completed")


def test_while_pi_is_down_an_order_under_way_stays_as_it_is(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.faults.add("down")

    answer = cancel(alice, order.reference, expect=503)

    order.refresh_from_db()
    assert answer["error"] == "pi_unreachable"
    assert (order.status, status_of(identifier)) == ("reserved", "approved")
    assert counted(Variant.objects.get(sku="mug")) == (1, 10)


@pytest.mark.parametrize("basket", [{"mug": 1}, {"book": 1}])
def test_a_paid_order_is_not_given_up(alice: Page, basket: dict[str, int]) -> None:
    order = alice.buy(basket)

    assert cancel(alice, order.reference, expect=409)["error"] == "order_closed"
    assert Order.objects.get().status == order.status


@pytest.mark.parametrize("act", [cancel, reopen])
def test_nobody_gives_up_or_reopens_what_is_not_theirs(alice: Page, bob: Page, act: Any) -> None:
    reference = place(alice, lines=lines(book=1))["reference"]

    act(bob, reference, expect=404)

    assert Order.objects.get().status == "pending"


# Tried again ---------------------------------------------------------------------------------------------


@pytest.fixture
def expired(alice: Page) -> str:
    reference = str(place(alice, lines=lines(book=2))["reference"])
    Order.objects.update(status="expired", expires_at=timezone.now() - timedelta(days=1))
    return reference


def test_an_expired_order_is_tried_again_at_the_same_price(alice: Page, expired: str) -> None:
    answer = reopen(alice, expired)

    order = Order.objects.get()
    assert (answer["status"], answer["payment"]["amount"]) == ("pending", 0.5)
    assert order.expires_at > timezone.now() + timedelta(minutes=14)
    assert order.events.latest("id").cause == "reopen"


def test_a_reopened_order_can_be_paid(alice: Page, expired: str) -> None:
    identifier = alice.create_payment(reopen(alice, expired))
    alice.approve(identifier)

    alice.complete(identifier, alice.pi.sign(identifier))

    assert Order.objects.get().status == "fulfilled"


def test_reopening_what_is_open_changes_nothing(alice: Page) -> None:
    placed = place(alice, lines=lines(book=1))

    assert reopen(alice, placed["reference"]) == placed
    assert Order.objects.get().events.count() == 1


def test_an_order_is_not_reopened_at_another_price(alice: Page, expired: str) -> None:
    Variant.objects.filter(sku="book").update(price=1)

    assert reopen(alice, expired, expect=409)["error"] == "price_changed"
    assert Order.objects.get().status == "expired"


def test_what_is_gone_from_the_shop_is_not_reopened(alice: Page, expired: str) -> None:
    Product.objects.filter(slug="book").update(published=False)

    assert reopen(alice, expired, expect=409)["error"] == "not_for_sale"
    assert Order.objects.get().status == "expired"


@pytest.mark.parametrize("basket", [{"mug": 1}, {"book": 1}])
def test_a_paid_order_is_not_reopened(alice: Page, basket: dict[str, int]) -> None:
    order = alice.buy(basket)

    assert reopen(alice, order.reference, expect=409)["error"] == "order_closed"


def test_a_cancelled_order_is_not_reopened(alice: Page) -> None:
    reference = place(alice, lines=lines(book=1))["reference"]
    cancel(alice, reference)

    assert reopen(alice, reference, expect=409)["error"] == "order_closed"
