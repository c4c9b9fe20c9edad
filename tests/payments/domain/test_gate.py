"""The gate: a payment passes only when it is exactly what was ordered, by its pioneer, for this shop."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from catalog.models import Product, Variant
from catalog.stock import OutOfStock
from payments.domain.gate import mismatch, named_order, names, order_for
from payments.domain.ordering import Refused
from payments.models import Order, OrderLine, Pioneer
from payments.moves import Author
from payments.pi.client import PaymentRecord
from payments.statuses import OrderStatus
from tests.catalog.goods import product, variant
from tests.payments import rows
from tests.payments.page import Page, shelf

pytestmark = pytest.mark.django_db

BY = Author("stranger", "approve")


@pytest.fixture
def order() -> Order:
    return rows.order(total=Decimal("1.5"))


@pytest.fixture
def shown(settings: Any) -> PaymentRecord:
    """Return a correct payment of 1.5 Pi by alice."""
    return PaymentRecord(
        identifier="payment",
        user_uid="u-1",
        amount=Decimal("1.5000000"),
        memo="",
        metadata={},
        direction="user_to_app",
        network=settings.PI_NETWORK,
        from_address="",
        to_address=settings.PI_WALLET_ADDRESS,
        txid=None,
        developer_approved=False,
        transaction_verified=False,
        developer_completed=False,
        cancelled=False,
    )


# Exactly what was ordered --------------------------------------------------------------------------------


def test_a_payment_that_is_what_was_ordered_has_no_mismatch(order: Order, shown: PaymentRecord) -> None:
    assert mismatch(order, shown) == ""


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"network": "Pi Network"}, "network_mismatch"),
        ({"network": "pi testnet"}, "network_mismatch"),
        ({"network": "Pi Testnet "}, "network_mismatch"),
        ({"user_uid": "u-2"}, "payer_mismatch"),
        ({"user_uid": "U-1"}, "payer_mismatch"),
        ({"to_address": "G" + "A" * 55}, "destination_mismatch"),
        ({"to_address": ""}, "destination_mismatch"),
        ({"amount": Decimal("1.4999999")}, "amount_mismatch"),
        ({"amount": Decimal("1.5000001")}, "amount_mismatch"),
        ({"amount": Decimal(15)}, "amount_mismatch"),
        ({"amount": Decimal("0.0000001")}, "amount_mismatch"),
        ({"network": "x", "user_uid": "x", "to_address": "x", "amount": Decimal(9)}, "network_mismatch"),
        ({"user_uid": "x", "to_address": "x", "amount": Decimal(9)}, "payer_mismatch"),
        ({"to_address": "x", "amount": Decimal(9)}, "destination_mismatch"),
    ],
)
def test_the_first_point_that_differs_is_named(
    order: Order, shown: PaymentRecord, lie: dict[str, Any], code: str
) -> None:
    assert mismatch(order, replace(shown, **lie)) == code


@pytest.mark.parametrize("total", ["0.0000001", "0.3", "99999999.9999999", "12345678.1234567"])
def test_amounts_are_compared_to_the_last_digit(shown: PaymentRecord, total: str) -> None:
    order = Order.objects.get(pk=rows.order(total=Decimal(total)).pk)

    assert mismatch(order, replace(shown, amount=Decimal(total))) == ""
    assert mismatch(order, replace(shown, amount=Decimal(total) + Decimal("1e-7"))) == "amount_mismatch"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (OrderStatus.RESERVED, "payment_in_progress"),
        *((s, "order_closed") for s in OrderStatus if s not in (OrderStatus.PENDING, OrderStatus.RESERVED)),
    ],
)
def test_only_an_open_order_can_be_paid(shown: PaymentRecord, status: str, code: str) -> None:
    order = rows.order(status, total=Decimal("1.5"))

    with pytest.raises(Refused) as refused:
        order_for(order, shown, by=BY)

    assert refused.value.code == code


def test_an_open_order_passes(order: Order, shown: PaymentRecord) -> None:
    assert order_for(order, shown, by=BY) == order


@pytest.mark.parametrize(
    ("change", "code"),
    [({}, ""), ({"price": "150"}, "price_changed"), ({"published": False}, "not_for_sale")],
)
def test_an_order_whose_time_is_over_must_still_be_offered_as_it_was(
    alice: Page, change: dict[str, Any], code: str
) -> None:
    """Otherwise a buyer could keep a price forever by starting a payment now and then without paying."""
    answer = alice.order({"mug": 1})
    Order.objects.update(expires_at=timezone.now())
    if "price" in change:
        Variant.objects.filter(sku="mug").update(**change)
    elif change:
        Product.objects.update(**change)

    _, said = alice.post("/payments/approve", {"paymentId": alice.create_payment(answer)}, expect=None)

    assert said.get("error", "") == code


def test_a_mismatch_is_reported_before_a_closed_order(shown: PaymentRecord) -> None:
    with pytest.raises(Refused) as refused:
        order_for(rows.order("paid", total=Decimal(9)), shown, by=BY)

    assert refused.value.code == "amount_mismatch"


# Which order -----------------------------------------------------------------------------------------------


def test_the_metadata_names_the_order(order: Order, shown: PaymentRecord) -> None:
    assert named_order(replace(shown, metadata={"order": order.reference})) == order


def test_the_order_of_another_pioneer_is_not_named_but_recognised(order: Order, shown: PaymentRecord) -> None:
    by_another = replace(shown, user_uid="u-2", metadata={"order": order.reference})

    assert named_order(by_another) is None
    with pytest.raises(Refused) as refused:
        order_for(named_order(by_another), by_another, by=BY)

    assert refused.value.code == "payer_mismatch"


METADATA: list[dict[str, Any]] = [
    {},
    {"order": None},
    {"order": 5},
    {"order": True},
    {"order": ["AAAA-AAAA-AA"]},
    {"order": {"reference": "AAAA-AAAA-AA"}},
    {"order": ""},
    {"order": "AAAA-AAAA-AA"},
    {"order": "\x00"},
    {"order": "\ud800"},
    {"order": "x" * 100_000},
    {"Order": "AAAA-AAAA-AA"},
    {"productId": None},
    {"productId": True},
    {"productId": Decimal("5.5")},
    {"productId": Decimal(-5)},
    {"productId": Decimal("1e999999999")},
    {"productId": ["book"]},
    {"paymentType": "donation"},
]


@pytest.mark.parametrize("metadata", METADATA)
def test_a_payment_that_names_nothing_of_ours_is_refused(
    order: Order, shown: PaymentRecord, metadata: dict[str, Any]
) -> None:
    unnamed = replace(shown, metadata=metadata)

    assert named_order(unnamed) is None
    with pytest.raises(Refused) as refused:
        order_for(None, unnamed, by=BY)
    assert refused.value.code == "unknown_order"
    assert len(names(unnamed)) <= 120
    names(unnamed).encode()


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"order": "K7QD-M4XP-9R"}, "names order K7QD-M4XP-9R"),
        ({"productId": "apple_pie_1"}, "names productId apple_pie_1"),
        ({"order": "a", "productId": "b"}, "names order a"),
        ({"order": "a\x00b"}, "names order ab"),
        ({"order": "x" * 500}, "names order " + "x" * 108),
        ({"order": 5, "productId": "b"}, "names productId b"),
        ({"productId": Decimal(42)}, "names productId 42"),
        ({"productId": Decimal("1e999999999")}, "names nothing"),
        ({"paymentType": "donation"}, "names nothing"),
    ],
)
def test_the_timeline_tells_what_was_named(
    shown: PaymentRecord, metadata: dict[str, Any], words: str
) -> None:
    assert names(replace(shown, metadata=metadata)) == words


# Buy now: a product instead of an order --------------------------------------------------------------------


def buy_now(shown: PaymentRecord, amount: str = "0.25", **metadata: Any) -> Order:
    return order_for(None, replace(shown, amount=Decimal(amount), metadata=metadata), by=BY)


@pytest.mark.parametrize(
    ("amount", "metadata", "quantity"),
    [
        ("0.25", {"productId": "book"}, 1),
        ("0.25", {"productId": "book", "quantity": Decimal(1)}, 1),
        ("0.25", {"productId": "book", "quantity": Decimal("1.0")}, 1),
        ("0.75", {"productId": "book", "quantity": Decimal(3)}, 3),
        ("249.75", {"productId": "book", "quantity": Decimal("9.99E+2")}, 999),
    ],
)
def test_a_product_is_ordered_for_the_payer_at_our_price(
    shown: PaymentRecord, amount: str, metadata: dict[str, Any], quantity: int
) -> None:
    shelf()

    order = buy_now(shown, amount, **metadata)

    assert (order.pioneer.uid, order.status, order.total) == ("u-1", "pending", Decimal(amount))
    assert list(order.lines.values_list("variant__sku", "quantity")) == [("book", quantity)]


@pytest.mark.parametrize(
    "quantity",
    [
        *(Decimal(text) for text in ("0", "-1", "1.5", "1000", "0.9999999", "1e30", "1e400", "1e999999999")),
        *(Decimal(text) for text in ("-1e999999999", "1e-999999999", "1" * 5_000)),
        *("1", "", None, True, False, [], [1], {}),
    ],
    ids=lambda quantity: repr(quantity)[:30],
)
def test_a_quantity_that_is_none_is_refused(shown: PaymentRecord, quantity: Any) -> None:
    shelf()

    with pytest.raises(Refused) as refused:
        buy_now(shown, productId="book", quantity=quantity)

    assert (refused.value.code, Order.objects.count()) == ("amount_mismatch", 0)


def test_a_buy_now_of_another_amount_is_refused(shown: PaymentRecord) -> None:
    shelf()

    with pytest.raises(Refused) as refused:
        buy_now(shown, "0.24", productId="book")

    assert refused.value.code == "amount_mismatch"


def choice() -> Product:
    of = product("Shirt")
    for name in ("small", "large"):
        variant(of, sku=f"shirt-{name}", delivery="code", on_hand=0)
    return of


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("mug", "needs_shipping"),
        ("shirt", "needs_choice"),
        ("unknown", "unknown_product"),
        ("hidden", "not_for_sale"),
        ("hidden-0", "unknown_product"),
        ("", "unknown_product"),
        ("\x00", "unknown_product"),
        ("\ud800", "unknown_product"),
        ("x" * 100_000, "unknown_product"),
        ("BOOK ", "unknown_product"),
    ],
)
def test_a_buy_now_of_unsuitable_goods_is_refused(shown: PaymentRecord, name: str, code: str) -> None:
    shelf()
    choice()
    variant(product("Hidden", published=False))

    with pytest.raises(Refused) as refused:
        buy_now(shown, productId=name)

    assert (refused.value.code, Order.objects.count()) == (code, 0)


def test_the_slug_of_a_product_without_a_choice_will_do(shown: PaymentRecord) -> None:
    variant(product("Song"), price="0.25", sku="S-1", delivery="download", file="goods/song.mp3")

    assert buy_now(shown, productId="song").lines.get().variant.sku == "S-1"


@pytest.mark.parametrize("number", [Decimal(42), Decimal("42.0"), Decimal("4.2e1")])
def test_a_whole_number_names_a_product_by_its_digits(shown: PaymentRecord, number: Decimal) -> None:
    variant(product("Song"), price="0.25", sku="42", delivery="download", file="goods/song.mp3")

    assert buy_now(shown, productId=number).lines.get().variant.sku == "42"


def test_one_variant_of_a_choice_may_be_named_by_its_sku(shown: PaymentRecord) -> None:
    choice()
    variant(
        Product.objects.get(), price="0.25", sku="shirt-file", delivery="download", file="goods/shirt.pdf"
    )

    assert buy_now(shown, productId="shirt-file").lines.get().variant.sku == "shirt-file"


def test_what_is_sold_out_cannot_be_bought_at_once(shown: PaymentRecord) -> None:
    choice()

    with pytest.raises(OutOfStock):
        buy_now(shown, "1", productId="shirt-large")

    assert (Order.objects.count(), OrderLine.objects.count()) == (0, 0)


def test_a_payer_who_never_signed_in_is_remembered_by_uid(shown: PaymentRecord) -> None:
    shelf()

    buy_now(replace(shown, user_uid="u-9"), productId="book")

    assert Pioneer.objects.get().uid == "u-9"
