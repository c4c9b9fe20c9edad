"""Handing over: each kind of goods in its own way, and no kind by accident."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from catalog import stock
from catalog.models import Delivery, DeliveryCode, Variant
from payments.domain.delivery import HAND_OVERS, UnknownDelivery, hand_over
from payments.models import Order
from payments.moves import Author
from payments.statuses import Cause
from tests.payments import rows
from tests.payments.page import Page

pytestmark = pytest.mark.django_db

BY = Author("staff carol", Cause.HONOUR)


def ordered(sku: str, quantity: int = 1) -> Order:
    order = rows.order(total=Decimal(quantity))
    rows.line(order, variant=Variant.objects.get(sku=sku), quantity=quantity)
    return order


def test_every_kind_of_goods_has_its_hand_over() -> None:
    assert set(HAND_OVERS) == set(Delivery)


@pytest.mark.parametrize(
    ("sku", "status", "codes"), [("mug", "paid", 0), ("book", "fulfilled", 0), ("voucher", "fulfilled", 2)]
)
def test_goods_are_handed_over_in_the_way_of_their_kind(
    alice: Page, sku: str, status: str, codes: int
) -> None:
    order = ordered(sku, quantity=2)

    with transaction.atomic():
        hand_over(order, stock.take, by=BY)

    line = order.lines.get()
    assert (order.status, line.codes.count()) == (status, codes)
    assert (line.delivered_at is not None) is (status == "fulfilled")


@pytest.fixture
def _no_parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the hand-over of parcels: the database refuses any kind that is not among the choices."""
    monkeypatch.delitem(HAND_OVERS, Delivery.PHYSICAL)


@pytest.mark.usefixtures("_no_parcels")
def test_goods_of_a_kind_without_hand_over_are_not_delivered(alice: Page) -> None:
    order = ordered("mug")

    with pytest.raises(UnknownDelivery, match="mug is of the kind 'physical'"), transaction.atomic():
        hand_over(order, stock.take, by=BY)

    order = Order.objects.get()
    assert (order.status, order.lines.get().delivered_at) == ("pending", None)


@pytest.mark.usefixtures("_no_parcels")
def test_a_paid_order_of_a_kind_without_hand_over_goes_to_review_and_its_money_back(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})

    alice.complete(identifier, alice.pi.sign(identifier))

    order.refresh_from_db()
    assert (order.status, order.review_reason) == ("needs_review", "delivery_failed")
    assert order.refunds.get().origin == "shop"


def test_codes_that_are_missing_are_not_replaced_by_fewer(alice: Page) -> None:
    order = ordered("voucher", quantity=2)
    keep = DeliveryCode.objects.filter(variant__sku="voucher").first()
    DeliveryCode.objects.filter(variant__sku="voucher").exclude(pk=keep.pk).delete()

    with pytest.raises(stock.CodesMissing), transaction.atomic():
        hand_over(order, stock.take, by=BY)

    assert not order.lines.get().codes.exists()
