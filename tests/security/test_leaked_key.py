"""What somebody does at Pi with our PI_API_KEY: the shop follows Pi's record and gives nothing away."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.models import Variant
from payments.domain import protocol
from payments.models import Order, PiPayment, Refund
from payments.moves import Author
from tests.catalog.goods import counted
from tests.payments.page import Page
from tests.payments.situations import asking

pytestmark = pytest.mark.django_db


def test_a_payment_cancelled_with_a_leaked_key_gives_its_goods_back(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.cancel(identifier)

    protocol.reconcile(PiPayment.objects.get(), pi=asking(), by=Author("reconcile_payments", "reconcile"))

    order.refresh_from_db()
    assert (order.status, counted(Variant.objects.get(sku="mug"))) == ("pending", (0, 10))
    assert alice.buy({"mug": 1}).status == "paid"


def test_a_payment_approved_with_a_leaked_key_buys_nothing(alice: Page) -> None:
    order = alice.order({"mug": 1})
    cheap = alice.pi.create_payment(
        alice.pioneer, amount="0.01", memo="m", metadata=order["payment"]["metadata"]
    )
    alice.pi.approve(cheap)

    alice.complete(cheap, alice.pi.sign(cheap))

    refund = Refund.objects.get()
    assert (refund.payment.identifier, refund.amount, refund.status) == (cheap, Decimal("0.01"), "requested")
    assert (Order.objects.get().status, counted(Variant.objects.get(sku="mug"))) == ("pending", (0, 10))
