"""Cleaning up stale orders from the admin: first it is shown what would be done, then that is done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Variant
from payments.admin import base
from payments.models import Order
from tests.catalog.goods import counted
from tests.payments.page import Page, acts
from tests.payments.situations import everything, story
from tests.payments.staff import act, chief, list_url, logged, member, messages_of, page_url, text_of

pytestmark = pytest.mark.django_db
URL = "/admin/payments/order/clean-up/"


@pytest.fixture
def stale(alice: Page, bob: Page) -> tuple[Order, Order]:
    """Return a pending order and a reserved one, both past their time."""
    pending = Order.objects.get(reference=alice.order({"mug": 1})["reference"])
    reserved, _ = bob.approved({"mug": 1})
    over = timezone.now() - timedelta(minutes=1)
    Order.objects.update(expires_at=over)
    Order.objects.exclude(reserved_until=None).update(reserved_until=over)
    alice.pi.calls.clear()
    return pending, reserved


def test_the_clean_up_shows_what_it_would_do(alice: Page, stale: tuple[Order, Order]) -> None:
    pending, reserved = stale
    before = everything()

    text = text_of(chief().get(URL))

    assert f"{pending} would expire; nothing is held for it" in text
    assert f"{reserved} would cancel payment {reserved.held_by} at Pi, then put the goods back and" in text
    assert "[Clean up 2 orders]" in text
    assert (everything(), acts(alice.pi)) == (before, [])


def test_the_clean_up_does_what_it_has_shown(alice: Page, stale: tuple[Order, Order]) -> None:
    pending, reserved = stale

    response = chief().post(URL, {"order": [pending.pk, reserved.pk]}, follow=True)

    assert messages_of(response) == [f"{pending}: expired", f"{reserved}: expired"]
    assert counted(Variant.objects.get(sku="mug")) == (0, 10)
    assert story(pending)[-1] == ("staff carol", "clean_up", "pending", "expired")
    assert logged() == [("carol", str(order), "Clean up stale orders: expired") for order in stale]


def test_the_clean_up_leaves_orders_alone_that_it_did_not_show(
    alice: Page, stale: tuple[Order, Order]
) -> None:
    pending, reserved = stale

    chief().post(URL, {"order": [pending.pk]})

    reserved.refresh_from_db()
    assert reserved.status == "reserved"


def test_the_clean_up_leaves_orders_alone_that_are_no_longer_stale(alice: Page) -> None:
    order, _ = alice.approved({"mug": 1})
    before = everything()

    response = chief().post(URL, {"order": [order.pk]}, follow=True)

    assert messages_of(response) == ["There was nothing to clean up."]
    assert everything() == before


def test_the_clean_up_delivers_orders_paid_in_the_meantime(
    alice: Page, bob: Page, stale: tuple[Order, Order]
) -> None:
    _, reserved = stale
    alice.pi.sign(reserved.held_by.identifier)

    response = chief().post(URL, {"order": [reserved.pk]}, follow=True)

    reserved.refresh_from_db()
    assert (reserved.status, messages_of(response)) == ("paid", [f"{reserved}: paid"])


def test_chosen_on_the_list_only_the_chosen_are_shown(alice: Page, stale: tuple[Order, Order]) -> None:
    pending, _ = stale
    before = everything()

    response = act(chief(), Order, "clean_up", pending)

    assert [order for order, _, _ in response.context["rows"]] == [pending]
    assert f'action="{URL}"' in response.content.decode()
    assert everything() == before


def test_fresh_orders_chosen_on_the_list_are_not_shown(alice: Page) -> None:
    order, _ = alice.approved({"mug": 1})

    response = act(chief(), Order, "clean_up", order)

    assert "There is nothing to clean up." in text_of(response)


def test_the_clean_up_stops_at_an_outage_of_pi_and_says_so(alice: Page, stale: tuple[Order, Order]) -> None:
    pending, reserved = stale
    alice.pi.faults.add("down")

    response = chief().post(URL, {"order": [pending.pk, reserved.pk]}, follow=True)

    told = messages_of(response)
    assert told[0] == f"{pending}: expired"
    assert told[1].startswith("Pi could not be asked, so the others were left unchanged.")
    reserved.refresh_from_db()
    assert reserved.status == "reserved"


def test_the_clean_up_reports_an_order_in_trouble(alice: Page, stale: tuple[Order, Order]) -> None:
    _, reserved = stale
    alice.pi.reset()

    response = chief().post(URL, {"order": [reserved.pk]}, follow=True)

    assert messages_of(response) == [f"{reserved}: trouble: UnknownPayment"]


def test_the_clean_up_counts_the_orders_beyond_one_page(
    alice: Page, stale: tuple[Order, Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MAX_ROWS", 1)

    text = text_of(chief().get(URL))

    assert "1 more will follow after these. [Clean up 1 order]" in text


def test_the_clean_up_starts_no_order_after_the_time_limit(
    alice: Page, stale: tuple[Order, Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "SECONDS", -1)
    before = everything()

    response = chief().post(URL, {"order": [order.pk for order in stale]}, follow=True)

    assert messages_of(response) == ["This took too long: 2 were not started. Clean up again."]
    assert everything() == before


@pytest.mark.parametrize("nonsense", ["", "x", "-1", "9" * 30, "1 OR 1=1"])
def test_the_clean_up_ignores_malformed_choices(
    alice: Page, stale: tuple[Order, Order], nonsense: str
) -> None:
    before = everything()

    response = chief().post(URL, {"order": [nonsense]}, follow=True)

    assert messages_of(response) == ["There was nothing to clean up."]
    assert everything() == before


def test_without_the_permission_there_is_no_clean_up(alice: Page, stale: tuple[Order, Order]) -> None:
    client = member("victor", "ship_order", "cancel_order", "change_order")
    before = everything()

    statuses = [client.get(URL).status_code, client.post(URL, {"order": [stale[0].pk]}).status_code]
    response = act(client, Order, "clean_up", *stale)

    assert statuses == [403, 403]
    assert messages_of(response) == ["No action selected."]
    assert "Clean up" not in text_of(client.get(list_url(Order)))
    assert everything() == before


def test_with_the_permission_the_list_leads_there(alice: Page) -> None:
    client = member("cleo", "clean_up")

    assert f'href="{URL}"' in client.get(list_url(Order)).content.decode()


def test_the_orders_shown_lead_to_their_pages(alice: Page, stale: tuple[Order, Order]) -> None:
    page = chief().get(URL).content.decode()

    assert all(f'href="{page_url(order)}"' in page for order in stale)
