"""Rows in any status, written past the entry points: for tests of what the database and `moves` allow."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from catalog.models import Variant
from payments.models import Order, OrderLine, Pioneer, PiPayment, Refund
from payments.pi.client import PaymentRecord
from payments.statuses import OrderStatus, PaymentStatus, RefundStatus
from tests.catalog.goods import variant

_numbers = itertools.count(1)


def pioneer() -> Pioneer:
    return Pioneer.objects.get_or_create(uid="u-1", username="alice")[0]


def order(status: str = "pending", **fields: Any) -> Order:
    needed = {"pioneer": pioneer(), "total": Decimal(1), "expires_at": timezone.now()}
    return Order.objects.create(**needed | order_values(status) | {"status": status} | fields)


def payment(status: str = "created", **fields: Any) -> PiPayment:
    needed = {
        "identifier": f"payment{next(_numbers)}",
        "user_uid": "u-1",
        "amount": Decimal(1),
        "network": "Pi Testnet",
    }
    return PiPayment.objects.create(**needed | payment_values(status) | {"status": status} | fields)


def refund(status: str = "requested", **fields: Any) -> Refund:
    needed = {"amount": Decimal(1), "reason": "test", "asked_by": "staff bob"}
    if "payment" not in fields:
        needed["payment"] = payment("completed")
    return Refund.objects.create(**needed | refund_values(status) | {"status": status} | fields)


def line(of: Order | None = None, **fields: Any) -> OrderLine:
    if "variant" not in fields:
        fields["variant"] = Variant.objects.first() or variant()
    return OrderLine.objects.create(
        **{"order": of or order(), "name": "Mug", "unit_price": Decimal(1), "quantity": 1} | fields
    )


def shown(**changes: Any) -> PaymentRecord:
    """Return Pi's record of a payment of 1 π by alice to this shop, which she has not signed."""
    record: dict[str, Any] = {
        "identifier": "payment",
        "user_uid": "u-1",
        "amount": Decimal(1),
        "memo": "",
        "metadata": {},
        "direction": "user_to_app",
        "network": settings.PI_NETWORK,
        "from_address": "",
        "to_address": settings.PI_WALLET_ADDRESS,
        "txid": None,
        "developer_approved": False,
        "transaction_verified": False,
        "developer_completed": False,
        "cancelled": False,
    }
    return PaymentRecord(**record | changes)


# What a row must have in a status, and so what a move to it brings along.


def order_values(status: str) -> dict[str, Any]:
    if status == OrderStatus.RESERVED:
        return {"held_by": payment(), "reserved_until": timezone.now() + timedelta(minutes=15)}
    released = {"held_by": None, "reserved_until": None}
    return released | ({"review_reason": "stock_gone"} if status == OrderStatus.NEEDS_REVIEW else {})


def payment_values(status: str) -> dict[str, Any]:
    if status in (PaymentStatus.APPROVING, PaymentStatus.APPROVED):
        return {"order": order(), "held_at": timezone.now()}
    if status in (PaymentStatus.SUBMITTED, PaymentStatus.COMPLETED, PaymentStatus.FAILED):
        return {"txid": f"{next(_numbers):064x}"}
    return {"txid": None}


def refund_values(status: str) -> dict[str, Any]:
    unapproved = status in (RefundStatus.REQUESTED, RefundStatus.REJECTED)
    return {} if unapproved else {"approved_by": "staff carol"}
