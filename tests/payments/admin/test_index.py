"""The admin's first page: what waits for staff, and where."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from payments.models import Order, PiPayment, Refund
from payments.moves import move
from tests.payments.page import Page
from tests.payments.situations import DORA, approve, paid_after_cancel
from tests.payments.staff import chief, member, text_of

pytestmark = pytest.mark.django_db


def needs(client: Client) -> dict[str, int]:
    """Return what the block says: how many of what."""
    page = client.get("/admin/").content.decode()
    found = re.findall(r'<a href="([^"]+)"><span>([^<]+)</span> <strong>(\d+)</strong></a>', page)
    return {label: int(count) for _, label, count in found}


def one_of_each(alice: Page, bob: Page) -> None:
    alice.buy({"mug": 1})
    order = paid_after_cancel(alice, {"mug": 1})
    paid_after_cancel(alice, {"mug": 1})
    refund = approve(order.refunds.get())
    move(refund, "sending", by=DORA)
    move(refund, "failed", by=DORA)
    bob.approved({"mug": 1})
    PiPayment.objects.exclude(next_check_at=None).update(
        next_check_at=timezone.now() - timedelta(minutes=11), attention="x"
    )
    Order.objects.filter(status="paid").update(attention="x")


def test_the_index_counts_what_needs_staff(alice: Page, bob: Page) -> None:
    one_of_each(alice, bob)

    assert needs(chief()) == {
        "Orders that need a decision": 2,
        "Orders to ship": 1,
        "Refunds requested": 1,
        "Refunds failed": 1,
        "Orders with a note": 1,
        "Payments with a note": 1,
        "Overdue checks: is reconcile_payments running, and is Pi up?": 1,
    }


def test_each_count_leads_to_as_many_rows(alice: Page, bob: Page) -> None:
    one_of_each(alice, bob)
    client = chief()
    page = client.get("/admin/").content.decode()
    links = re.findall(r'<a href="([^"]+)"><span>[^<]+</span> <strong>(\d+)</strong></a>', page)

    rows = [client.get(url.replace("&amp;", "&")).context["cl"].queryset.count() for url, _ in links]

    assert rows == [int(count) for _, count in links]


def test_when_nothing_waits_it_says_so(alice: Page) -> None:
    alice.buy({"book": 1})

    assert "Needs your attention Nothing. All is well." in text_of(chief().get("/admin/"))


def test_staff_are_told_only_of_what_they_may_see(alice: Page, bob: Page) -> None:
    one_of_each(alice, bob)
    client = member("victor")
    user = User.objects.get()
    user.user_permissions.set(user.user_permissions.filter(codename="view_refund"))

    assert needs(client) == {"Refunds requested": 1, "Refunds failed": 1}


def test_staff_of_the_catalogue_are_not_told_of_orders(alice: Page, bob: Page) -> None:
    one_of_each(alice, bob)
    client = member("victor")
    User.objects.get().user_permissions.clear()

    assert "Needs your attention" not in text_of(client.get("/admin/"))


def test_a_refund_that_is_done_is_not_counted(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(status="rejected")

    assert "Refunds requested" not in needs(chief())


@pytest.mark.parametrize(("network", "is_told"), [("Pi Testnet", True), ("Pi Network", False)])
def test_staff_see_on_every_page_whether_the_sums_are_real(
    settings: Any, network: str, is_told: bool
) -> None:
    settings.PI_NETWORK = network
    client = chief()

    for page in ("/admin/", "/admin/payments/order/", "/admin/catalog/variant/"):
        assert ("Test-π has no value" in client.get(page).content.decode()) is is_told


@pytest.mark.parametrize("page", ["/admin/", "/admin/login/", "/admin/payments/order/"])
def test_the_admin_has_the_icon_of_the_shop(page: str) -> None:
    client = Client() if "login" in page else chief()

    assert '<link rel="icon" href="/static/storefront/favicon.svg"' in client.get(page).content.decode()
