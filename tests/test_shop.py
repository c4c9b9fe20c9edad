"""Whole stories, from the first tap to the last word: what must work, whatever happens on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Variant
from payments.domain.reconciliation import reconcile_due
from payments.models import DeliveredCode, Order, PiPayment, Refund
from payments.moves import Author
from tests.catalog.goods import counted, product, variant
from tests.payments.page import Page

pytestmark = pytest.mark.django_db


def reconcile() -> None:
    PiPayment.objects.exclude(next_check_at=None).update(next_check_at=timezone.now() - timedelta(seconds=1))
    for _ in reconcile_due(proceed=lambda: True, by=Author("reconcile_payments", "reconcile")):
        pass


@pytest.mark.parametrize(
    ("basket", "total", "status"),
    [
        ({"mug": 1}, "1.5000000", "paid"),
        ({"book": 1}, "0.2500000", "fulfilled"),
        ({"voucher": 3}, "0.3000000", "fulfilled"),
        ({"mug": 2, "book": 1, "voucher": 4}, "3.6500000", "paid"),
    ],
)
def test_buy_one_several_or_mixed_goods(alice: Page, basket: dict[str, int], total: str, status: str) -> None:
    order = alice.buy(basket)

    receipt = alice.client.get(
        f"/api/orders/{order.reference}/", headers={"Authorization": f"Bearer {alice.token}"}
    ).json()
    assert (receipt["status"], receipt["total"]) == (status, total)
    assert {line["sku"]: line["quantity"] for line in receipt["lines"]} == basket
    assert DeliveredCode.objects.count() == basket.get("voucher", 0)
    assert counted(Variant.objects.get(sku="mug")) == (0, 10 - basket.get("mug", 0))
    assert counted(Variant.objects.get(sku="voucher")) == (0, 20 - basket.get("voucher", 0))


def test_the_browser_closes_after_paying_and_the_buyer_returns(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)

    again = Page(alice.pi, "alice").sign_in()
    found = alice.pi.incomplete_payment_of(again.pioneer)
    again.post("/payments/incomplete", {"payment": plain(found)})

    order.refresh_from_db()
    assert order.status == "paid"
    assert again.buy({"mug": 1}).status == "paid"


def test_the_browser_closes_after_paying_and_the_buyer_never_returns(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)

    reconcile()

    order.refresh_from_db()
    assert order.status == "paid"


def test_a_buyer_with_an_unsigned_payment_is_never_locked_out(alice: Page) -> None:
    alice.approved({"mug": 1})

    again = Page(alice.pi, "alice").sign_in()
    again.post("/payments/incomplete", {"payment": plain(alice.pi.incomplete_payment_of(again.pioneer))})

    assert counted(Variant.objects.get(sku="mug")) == (0, 10)
    assert again.buy({"mug": 1}).status == "paid"


def test_two_tabs_pay_one_order_and_nobody_pays_twice(alice: Page) -> None:
    order = alice.order({"mug": 1})
    first = alice.create_payment(order)
    alice.approve(first)
    second = alice.create_payment(order)
    alice.approve(second)
    alice.complete(second, alice.pi.sign(second))
    alice.cancel(first)

    paid = Order.objects.get()
    assert (paid.status, Refund.objects.count()) == ("paid", 0)
    assert counted(Variant.objects.get(sku="mug")) == (0, 9)


def test_pi_is_down_for_a_day_and_comes_back(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    txid = alice.pi.sign(identifier)
    alice.pi.faults.add("down", path="any")
    alice.complete(identifier, txid, expect=503)
    PiPayment.objects.update(created_at=timezone.now() - timedelta(days=1))
    Order.objects.update(reserved_until=timezone.now() - timedelta(hours=23))
    alice.pi.faults.clear()

    reconcile()

    order.refresh_from_db()
    assert order.status == "paid"


def test_the_last_unit_is_paid_late_while_another_order_holds_it(alice: Page, bob: Page) -> None:
    last = variant(product("Vase"), price="2", on_hand=1)
    first, identifier = alice.approved({last.sku: 1})
    alice.pi.sign(identifier, recorded=False)
    Order.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))
    reconcile()
    second = bob.buy({last.sku: 1})
    alice.pi.record_transaction(identifier)

    reconcile()

    first.refresh_from_db()
    assert (first.status, first.review_reason, second.status) == ("needs_review", "stock_gone", "paid")
    assert Refund.objects.get().order == first
    assert counted(last) == (0, 0)


# Other people's frontends ----------------------------------------------------------------------------


def test_pis_demo_frontend_buys_by_product_id(alice: Page) -> None:
    Variant.objects.filter(sku="voucher").update(price="0.2")
    stranger = Page(alice.pi, "visitor")
    signed_in = stranger.pi.sign_in(stranger.pioneer)
    stranger.post("/user/signin", {"authResult": {"accessToken": signed_in, "user": {"uid": "x"}}})
    identifier = stranger.pi.create_payment(
        stranger.pioneer, amount="0.2", memo="Order Voucher", metadata={"productId": "voucher"}
    )

    stranger.post("/payments/approve", {"paymentId": identifier})
    txid = stranger.pi.sign(identifier)
    stranger.post("/payments/complete", {"paymentId": identifier, "txid": txid})

    order = Order.objects.get()
    assert (order.status, order.pioneer.uid) == ("fulfilled", stranger.pioneer.uid)


def test_pi_sdk_js_buys_with_its_own_bodies(alice: Page) -> None:
    order = alice.order({"voucher": 1})
    identifier = alice.create_payment(order)
    access_token, alice.token = alice.pi.sign_in(alice.pioneer), ""

    approved = alice.post("/pi_payment/approve", {"paymentId": identifier, "accessToken": access_token})
    txid = alice.pi.sign(identifier)
    alice.post("/pi_payment/complete", {"paymentId": identifier, "transactionId": txid})

    assert approved == {"status": "approved", "order": order["reference"]}
    assert Order.objects.get().status == "fulfilled"


@pytest.mark.parametrize(
    ("metadata", "amount", "code"),
    [
        ({"productId": "voucher"}, "0.2", "amount_mismatch"),
        ({"productId": "voucher", "quantity": 2}, "0.1", "amount_mismatch"),
        ({"productId": "voucher", "quantity": 0}, "0.1", "amount_mismatch"),
        ({"productId": "voucher", "quantity": "2"}, "0.2", "amount_mismatch"),
        ({"productId": "voucher", "quantity": 1.5}, "0.15", "amount_mismatch"),
        ({"productId": "voucher", "quantity": 21}, "2.1", "out_of_stock"),
        ({"productId": "nothing"}, "0.1", "unknown_product"),
        ({"productId": "mug"}, "1.5", "needs_shipping"),
        ({"productId": "shirt"}, "1", "needs_choice"),
        ({"productId": "hidden"}, "1", "not_for_sale"),
        ({"productId": None}, "1", "unknown_order"),
    ],
)
def test_a_buy_now_that_is_not_exactly_right_is_refused_and_leaves_no_order(
    alice: Page, metadata: dict[str, object], amount: str, code: str
) -> None:
    shirt = product("Shirt")
    variant(shirt, delivery="download", file="x", option="S")
    variant(shirt, delivery="download", file="x", option="M")
    variant(product("Hidden", published=False), delivery="download", file="x")
    identifier = alice.pi.create_payment(alice.pioneer, amount=amount, memo="m", metadata=metadata)

    answer = alice.approve(identifier, expect=409)

    assert (answer["error"], Order.objects.count()) == (code, 0)
    assert alice.pi.payment(identifier)["status"]["cancelled"] is True


@pytest.mark.parametrize("name", ["voucher", "book"])
def test_a_buy_now_names_a_sku_or_a_plain_products_slug(alice: Page, name: str) -> None:
    Variant.objects.filter(sku="book").update(sku="book-epub")
    price = Variant.objects.get(product__slug=name).price
    identifier = alice.pi.create_payment(
        alice.pioneer, amount=str(price), memo="m", metadata={"productId": name}
    )

    assert alice.approve(identifier)["order"] == Order.objects.get().reference


def plain(dto: dict[str, object] | None) -> dict[str, object]:
    """Return the DTO as JSON carries it."""
    assert dto is not None
    return {name: value for name, value in dto.items() if name != "amount"}
