"""What the admin's templates need: amounts, links to the chain, and what waits for staff."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from django import template
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import Q
from django.urls import reverse

from payments import money
from payments.domain import reconciliation
from payments.models import Order, PiPayment, Refund
from payments.pi.formats import TXID
from payments.statuses import OrderStatus, RefundStatus

register = template.Library()
register.filter(money.in_pi)

EXPLORER = "https://blockexplorer.minepi.com"
EXPLORED = {"Pi Network": "mainnet", "Pi Testnet": "testnet"}


@register.simple_tag
def explorer_url(txid: str | None, network: str) -> str:
    """Return the address of the transaction in Pi's block explorer; empty for what is not a hash."""
    if network not in EXPLORED or not re.fullmatch(TXID, txid or ""):
        return ""
    return f"{EXPLORER}/{EXPLORED[network]}/tx/{txid}"


@dataclass(frozen=True)
class Need:
    """Something that waits for staff: how many, what, and where to see them."""

    count: int
    label: str
    url: str


@register.simple_tag
def waiting_for_staff(user: AbstractBaseUser | AnonymousUser) -> list[Need]:
    """Return what waits for staff and this user may see, with how many there are; leave zeros out."""
    needs = [
        (name, label, count, query)
        for name, permission, label, count, query in NEEDS
        if _may(user, permission)
    ]
    found = ((count(), label, _list(name, query)) for name, label, count, query in needs)
    return [Need(count, label, url) for count, label, url in found if count]


def _orders(condition: Q) -> Callable[[], int]:
    return lambda: Order.objects.filter(condition).count()


NEEDS: tuple[tuple[str, str, str, Callable[[], int], str], ...] = (
    (
        "order",
        "payments.view_order",
        "Orders that need a decision",
        _orders(Q(status=OrderStatus.NEEDS_REVIEW)),
        "needs=review",
    ),
    (
        "order",
        "payments.view_order",
        "Orders to ship",
        _orders(Q(status=OrderStatus.PAID)),
        "needs=ship",
    ),
    (
        "refund",
        "payments.view_refund",
        "Refunds requested",
        lambda: Refund.objects.filter(status=RefundStatus.REQUESTED).count(),
        "status__exact=requested",
    ),
    (
        "refund",
        "payments.view_refund",
        "Refunds failed",
        lambda: Refund.objects.filter(status=RefundStatus.FAILED).count(),
        "status__exact=failed",
    ),
    (
        "order",
        "payments.view_order",
        "Orders with a note",
        _orders(~Q(attention="", notice="")),
        "needs=attention",
    ),
    (
        "pipayment",
        "payments.view_pipayment",
        "Payments with a note",
        lambda: PiPayment.objects.exclude(attention="", notice="").count(),
        "needs=attention",
    ),
    (
        "pipayment",
        "payments.view_pipayment",
        "Overdue checks: is reconcile_payments running, and is Pi up?",
        lambda: reconciliation.overdue_checks().count(),
        "needs=overdue",
    ),
)


def _may(user: AbstractBaseUser | AnonymousUser, permission: str) -> bool:
    return isinstance(user, PermissionsMixin) and user.has_perm(permission)


def _list(name: str, query: str) -> str:
    return f"{reverse(f'admin:payments_{name}_changelist')}?{query}"
