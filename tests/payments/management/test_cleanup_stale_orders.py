"""`cleanup_stale_orders`: closes what nobody paid, and with --dry-run only tells."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog.models import Variant
from payments.models import Order
from tests.catalog.goods import counted
from tests.payments.page import Page, acts
from tests.payments.situations import everything

pytestmark = pytest.mark.django_db(transaction=True)


def run(*options: str) -> tuple[list[str], str]:
    out = io.StringIO()
    try:
        call_command("cleanup_stale_orders", *options, stdout=out, stderr=out)
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), ""


def too_old() -> None:
    over = timezone.now() - timedelta(minutes=1)
    Order.objects.update(expires_at=over)
    Order.objects.exclude(reserved_until=None).update(reserved_until=over)


@pytest.fixture
def stale(alice: Page, bob: Page) -> tuple[Order, Order]:
    """Return a pending order and a reserved one, both past their time."""
    pending = Order.objects.get(reference=alice.order({"mug": 1})["reference"])
    reserved, _ = bob.approved({"mug": 1})
    too_old()
    alice.pi.calls.clear()
    return pending, reserved


def test_old_orders_expire_and_their_goods_go_back(alice: Page, stale: tuple[Order, Order]) -> None:
    pending, reserved = stale

    printed, error = run()

    assert printed == [
        f"{pending}: expired",
        f"{reserved}: expired",
        "2 orders expired, 0 are otherwise, 0 in trouble.",
    ]
    assert (error, counted(Variant.objects.get(sku="mug"))) == ("", (0, 10))


def test_a_payment_that_pi_says_nothing_about_keeps_no_other_order_open(alice: Page, bob: Page) -> None:
    reserved, identifier = alice.approved({"mug": 1})
    pending = Order.objects.get(reference=bob.order({"mug": 1})["reference"])
    too_old()
    alice.pi.faults.add("html", path=identifier)

    printed, error = run()

    assert printed[0] == f"{pending}: expired"
    assert "Pi" in error
    reserved.refresh_from_db()
    assert reserved.status == "reserved"


def test_a_dry_run_tells_and_changes_nothing(alice: Page, stale: tuple[Order, Order]) -> None:
    pending, reserved = stale
    before = everything()

    printed, error = run("--dry-run")

    assert printed == [
        f"{pending}: would expire; nothing is held for it",
        f"{reserved}: would cancel payment {reserved.held_by} at Pi, then put the goods back and expire",
        "2 orders would be looked at. Nothing was changed.",
    ]
    assert (error, everything(), acts(alice.pi)) == ("", before, [])


def test_what_was_paid_after_all_is_delivered(alice: Page, bob: Page) -> None:
    order, identifier = bob.approved({"voucher": 1})
    bob.pi.sign(identifier)
    too_old()

    printed, error = run()

    assert printed == [f"{order}: fulfilled", "0 orders expired, 1 are otherwise, 0 in trouble."]
    assert error == ""


def test_orders_in_time_are_left_alone(alice: Page) -> None:
    alice.approved({"mug": 1})
    alice.order({"mug": 1})
    before = everything()

    assert run() == (["0 orders expired, 0 are otherwise, 0 in trouble."], "")
    assert everything() == before


def test_it_stops_and_fails_when_pi_cannot_be_asked(alice: Page, stale: tuple[Order, Order]) -> None:
    pending, reserved = stale
    alice.pi.faults.add("down")

    printed, error = run()

    assert printed == [f"{pending}: expired", "1 orders expired, 0 are otherwise, 0 in trouble."]
    assert error.startswith("Pi cannot be asked now")
    reserved.refresh_from_db()
    assert reserved.status == "reserved"


def test_an_order_in_trouble_does_not_stop_the_others(alice: Page, bob: Page) -> None:
    missing, _ = alice.approved({"mug": 1})
    alice.pi.reset()
    other = Order.objects.get(reference=alice.order({"mug": 1})["reference"])
    too_old()

    printed, error = run()

    assert printed == [
        f"{other}: expired",
        f"{missing}: trouble: UnknownPayment",
        "1 orders expired, 0 are otherwise, 1 in trouble.",
    ]
    assert error == "1 orders are in trouble: staff can see why."
