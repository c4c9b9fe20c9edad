"""The parties of a story, for tests: a buyer with a phone, the page in it, and the goods on the shelf."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from payments.models import Order, PiPayment
from pi_simulator import Simulator
from tests.catalog.goods import codes, product, variant

ADDRESS = {"name": "Alice Example", "address": "1 Main Street\nSpringfield"}


def shelf() -> None:
    """Put one of each kind on the shelf: a parcel, a download, codes; plenty of each."""
    variant(product("Mug"), price="1.5", on_hand=10, sku="mug")
    variant(
        product("Book"), price="0.25", tracked=False, sku="book", delivery="download", file="goods/book.pdf"
    )
    codes(*(f"CODE-{n:03}" for n in range(20)), of=product("Voucher"), price="0.1", sku="voucher")


@dataclass
class Page:
    """The shop's page on one buyer's phone: what it sends to us, and what its buyer does at Pi."""

    pi: Simulator
    username: str = "alice"
    token: str = ""
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def __post_init__(self) -> None:
        self.pioneer = self.pi.pioneer(self.username, balance="1000")

    def sign_in(self) -> Page:
        answer = self.post("/user/signin", {"accessToken": self.pi.sign_in(self.pioneer)})
        self.token = answer["token"]
        return self

    def post(self, path: str, body: Mapping[str, Any], expect: int | None = 200, **headers: str) -> Any:
        """Post as JSON and return the answer's JSON; with `expect=None` return `(status, answer)`."""
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        response = self.client.post(path, dict(body), content_type="application/json", headers=headers)
        if expect is None:
            return response.status_code, response.json()
        assert response.status_code == expect, (response.status_code, response.content[:500])
        return response.json()

    def order(self, basket: Mapping[str, int], **more: Any) -> dict[str, Any]:
        """Place an order; the answer's `payment` goes into `pay`."""
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        body = {"lines": lines, "shipping": ADDRESS} | more
        return self.post("/api/orders/", body, expect=201, **{"Idempotency-Key": uuid.uuid4().hex})

    def create_payment(self, order: Mapping[str, Any]) -> str:
        """Do what `Pi.createPayment` does with the answer to an order. Return the payment's identifier."""
        payment = order["payment"]
        return self.pi.create_payment(
            self.pioneer,
            amount=str(payment["amount"]),
            memo=payment["memo"],
            metadata=payment["metadata"],
        )

    def rival_payment(self, order: Order) -> str:
        """Begin a second open payment of the order, as if Pi had let the pioneer begin both."""
        identifier = self.pi.create_payment(
            self.pi.pioneer(f"{self.username}'s other phone"),
            amount=str(order.total),
            memo="m",
            metadata={"order": order.reference},
        )
        self.pi.tamper(identifier, user_uid=self.pioneer.uid)
        return identifier

    def approve(self, identifier: str, expect: int | None = 200) -> Any:
        return self.post("/payments/approve", {"paymentId": identifier}, expect)

    def complete(self, identifier: str, txid: str, expect: int | None = 200) -> Any:
        return self.post("/payments/complete", {"paymentId": identifier, "txid": txid}, expect)

    def cancel(self, identifier: str, expect: int | None = 200) -> Any:
        return self.post("/payments/cancel", {"paymentId": identifier}, expect)

    def incomplete(self, identifier: str, expect: int | None = 200) -> Any:
        return self.post("/payments/incomplete", {"payment": {"identifier": identifier}}, expect)

    def buy(self, basket: Mapping[str, int]) -> Order:
        """Go the whole way: order, approve, sign, complete."""
        order = self.order(basket)
        identifier = self.create_payment(order)
        self.approve(identifier)
        self.complete(identifier, self.pi.sign(identifier))
        return Order.objects.get(reference=order["reference"])

    def approved(self, basket: Mapping[str, int]) -> tuple[Order, str]:
        """Return an order whose payment waits for the buyer's signature, and the payment's identifier."""
        order = self.order(basket)
        identifier = self.create_payment(order)
        self.approve(identifier)
        return Order.objects.get(reference=order["reference"]), identifier


def status_of(identifier: str) -> str:
    return PiPayment.objects.get(identifier=identifier).status


def acts(pi: Simulator) -> list[str]:
    """Return what was asked of Pi about payments, in order: GET, approve, complete, cancel."""
    asked = [call for call in pi.calls if "/payments/" in call.path]
    return ["GET" if call.method == "GET" else call.path.rpartition("/")[2] for call in asked]
