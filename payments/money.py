"""Sums of Pi, made in Python: SQLite adds decimals as floats."""

from __future__ import annotations

from collections.abc import Container, Iterable
from decimal import Decimal

from catalog.amounts import PI, format_pi
from payments.models import PiPayment, Refund
from payments.statuses import PaymentStatus


def in_pi(amount: Decimal) -> str:
    """Return the amount as staff read it, on every network: `1.5 π`."""
    return format_pi(amount, unit=PI)


def paid(payments: Iterable[PiPayment]) -> Decimal:
    """Return how much Pi has completed."""
    return sum((p.amount for p in payments if p.status == PaymentStatus.COMPLETED), Decimal(0))


def refunded(refunds: Iterable[Refund], statuses: Container[str]) -> Decimal:
    """Return how much the refunds in these statuses come to."""
    return sum((refund.amount for refund in refunds if refund.status in statuses), Decimal(0))


def is_short_without(
    statuses: Container[str], total: Decimal, payments: Iterable[PiPayment], refunds: Iterable[Refund]
) -> bool:
    """Return whether there are refunds in these statuses, and without their money `total` is not paid."""
    going = refunded(refunds, statuses)
    return bool(going) and paid(payments) - going < total
