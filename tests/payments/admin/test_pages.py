"""The page of an order, a payment, a refund: the situation in five seconds, and the timeline below."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from payments.admin.actions import ORDER_ACTIONS, PAYMENT_ACTIONS, REFUND_ACTIONS
from payments.domain import decisions
from payments.models import Event, Order, Pioneer, PiPayment, Refund
from payments.templatetags.staff import explorer_url
from tests.payments.page import Page
from tests.payments.situations import CAROL, approve, everything, paid_after_cancel, pay_again, unverified
from tests.payments.staff import (
    Row,
    action_url,
    chief,
    list_url,
    logged,
    member,
    messages_of,
    page_url,
    text_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(db: None) -> Client:
    return member("victor")


def test_an_order_begins_with_what_is_true(alice: Page, viewer: Client) -> None:
    order = paid_after_cancel(alice, {"mug": 1})

    text = text_of(viewer.get(page_url(order)))

    assert (
        "in review Needs review: paid after the order was cancelled. Hand the goods over, or "
        "let the refund go through. A refund of 1.5 π is requested. Total 1.5 π Paid 1.5 π Refund requested "
        "1.5 π On its way back 0 π Refunded 0 π Due to the buyer 1.5 π Ordered items"
    ) in text


def test_an_order_shows_its_lines_and_the_end_of_its_codes(alice: Page, viewer: Client) -> None:
    order = alice.buy({"mug": 2, "voucher": 2})

    response = viewer.get(page_url(order))

    text = text_of(response)
    assert "mug Mug 1.5 π 2 3 π not shipped" in text
    assert re.search(r"voucher Voucher 0.1 π 2 0.2 π \d{4}-\d\d-\d\d \d\d:\d\d •••• ••••", text)
    assert b"CODE-000" not in response.content


def test_an_order_links_to_its_payments_refunds_and_the_chain(alice: Page, viewer: Client) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    payment, refund = order.payments.get(), Refund.objects.get()

    page = viewer.get(page_url(order)).content.decode()

    assert f'href="{page_url(payment)}"' in page
    assert f'href="{page_url(refund)}"' in page
    assert f'href="{page_url(order.pioneer)}"' in page
    assert f'href="https://blockexplorer.minepi.com/testnet/tx/{payment.txid}"' in page


@pytest.mark.parametrize(
    ("txid", "network", "url"),
    [
        ("a1" * 32, "Pi Testnet", f"https://blockexplorer.minepi.com/testnet/tx/{'a1' * 32}"),
        ("A1" * 32, "Pi Network", f"https://blockexplorer.minepi.com/mainnet/tx/{'A1' * 32}"),
        (None, "Pi Testnet", ""),
        ("", "Pi Testnet", ""),
        ("a1" * 31, "Pi Testnet", ""),
        ("../" * 21 + "a", "Pi Testnet", ""),
        ("a1" * 32 + "\n", "Pi Testnet", ""),
        ("a1" * 32, "Another", ""),
    ],
)
def test_only_a_hash_leads_to_the_chain(txid: str | None, network: str, url: str) -> None:
    assert explorer_url(txid, network) == url


def test_the_timeline_of_an_order_is_complete_and_in_order(alice: Page, viewer: Client) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    pay_again(alice, order)
    decisions.honour(order, by=CAROL)
    alice.buy({"book": 1})

    events = list(viewer.get(page_url(order)).context["events"])

    of_the_order = Event.objects.filter(order=order).count()
    of_its_payments = Event.objects.filter(payment__order=order).count()
    of_its_refunds = Event.objects.filter(refund__order=order).count()
    assert len(events) == of_the_order + of_its_payments + of_its_refunds
    assert [event.pk for event in events] == sorted(event.pk for event in events)


def test_an_event_shows_when_who_through_what_and_why(alice: Page, viewer: Client) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    decisions.honour(order, by=CAROL, note="a good customer")

    text = text_of(viewer.get(page_url(order)))

    assert re.search(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d staff carol test order needs_review → paid a good customer \(paid",
        text,
    )
    assert "pioneer alice cancel_order order pending → cancelled" in text
    assert "pioneer alice place_order order new → pending" in text


@pytest.mark.parametrize("subject", [lambda order: order.payments.get(), lambda order: order.refunds.get()])
def test_payments_and_refunds_tell_the_whole_story_of_their_order(
    alice: Page, viewer: Client, subject: Callable[[Order], Row]
) -> None:
    order = paid_after_cancel(alice, {"mug": 1})

    events = viewer.get(page_url(subject(order))).context["events"]

    assert list(events) == list(viewer.get(page_url(order)).context["events"])


def test_a_payment_without_an_order_shows_its_own_timeline(alice: Page, viewer: Client) -> None:
    identifier = alice.pi.create_payment(alice.pioneer, amount="0.7", metadata={"order": "nonsense"})
    alice.pi.approve(identifier)
    alice.pi.sign(identifier)
    alice.incomplete(identifier)

    response = viewer.get(page_url(PiPayment.objects.get()))

    assert [str(event) for event in response.context["events"]][-1].startswith("new → requested")
    assert "it belongs to no order: the money must go back. A refund of 0.7 π is requested." in text_of(
        response
    )


@pytest.mark.parametrize("model", [Event, Pioneer])
def test_events_and_pioneers_can_be_read(alice: Page, viewer: Client, model: type[Row]) -> None:
    alice.buy({"mug": 1})

    response = viewer.get(page_url(model.objects.first()))

    assert response.status_code == 200
    assert "[Save]" not in text_of(response)


def test_a_pioneer_leads_to_their_orders(alice: Page, bob: Page, viewer: Client) -> None:
    order = alice.buy({"mug": 1})
    bob.buy({"mug": 1})

    page = viewer.get(page_url(order.pioneer)).content.decode()

    url = f"{list_url(Order)}?q={order.pioneer.uid}"
    assert f'<a href="{url}">1 orders</a>' in page
    assert list(viewer.get(url).context["cl"].queryset) == [order]


# The session, the user and their permissions; then the rows, what belongs to them, and the story.
@pytest.mark.parametrize(("model", "queries"), [(Order, 14), (PiPayment, 7), (Refund, 6)])
def test_a_page_costs_the_same_for_a_long_story(
    alice: Page,
    viewer: Client,
    model: type[Row],
    queries: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    order = paid_after_cancel(alice, {"mug": 1, "voucher": 2, "book": 1})
    pay_again(alice, order)
    pay_again(alice, order)
    decisions.honour(order, by=CAROL)

    row = model.objects.first()
    ContentType.objects.get_for_model(model)
    with django_assert_num_queries(queries):
        viewer.get(page_url(row))


# Reading changes nothing ---------------------------------------------------------------------------------


def test_viewing_a_page_changes_nothing(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    alice.approved({"mug": 1})
    rows = (order, order.payments.get(), Refund.objects.get())
    staff_actions = zip(rows, (ORDER_ACTIONS, PAYMENT_ACTIONS, REFUND_ACTIONS), strict=True)
    urls = [page_url(row) for row in rows] + [list_url(type(row)) for row in rows]
    urls += [action_url(row, action.name) for row, of_row in staff_actions for action in of_row]
    urls += [list_url(Order) + "clean-up/", "/admin/"]
    client = chief()
    before, asked = everything(), len(alice.pi.calls)

    statuses = {client.get(url).status_code for url in urls}

    assert statuses == {200}
    assert (everything(), len(alice.pi.calls), logged()) == (before, asked, [])


# What can be edited ----------------------------------------------------------------------------------------


@pytest.fixture
def clerk(db: None) -> Client:
    return member("cleo", "change_order", "change_pipayment")


@pytest.mark.parametrize("model", [Order, PiPayment])
def test_a_note_for_colleagues_can_be_cleared(alice: Page, clerk: Client, model: type[Row]) -> None:
    alice.buy({"mug": 1})
    model.objects.update(attention="look at this")
    row = model.objects.get()

    clerk.post(page_url(row), {"attention": "", "initial-attention": "look at this"})

    row.refresh_from_db()
    event = row.events.last()
    assert row.attention == ""
    assert (event.kind, event.actor, event.cause, event.note) == (
        "noted",
        "staff cleo",
        "attention",
        "attention: cleared",
    )
    assert logged() == [("cleo", str(row), '[{"changed": {"fields": ["Attention"]}}]')]


def test_a_note_for_colleagues_can_be_left(alice: Page, clerk: Client) -> None:
    order = alice.buy({"mug": 1})

    clerk.post(page_url(order), {"attention": "Parcel by Friday", "initial-attention": ""})

    order.refresh_from_db()
    assert (order.attention, order.events.last().note) == (
        "Parcel by Friday",
        "attention: Parcel by Friday",
    )


def test_a_note_that_has_changed_meanwhile_is_not_overwritten(alice: Page, clerk: Client) -> None:
    order = alice.buy({"mug": 1})
    Order.objects.update(attention="Money arrived that it cannot use")

    response = clerk.post(page_url(order), {"attention": "", "initial-attention": "an old note"})

    order.refresh_from_db()
    assert order.attention == "Money arrived that it cannot use"
    assert "Somebody else has changed this in the meantime." in text_of(response)


def test_saving_an_old_page_changes_nothing(alice: Page, clerk: Client) -> None:
    order = alice.buy({"mug": 1})
    before = everything()

    clerk.post(page_url(order), {"attention": "", "initial-attention": ""})

    assert everything() == before


def test_money_and_status_cannot_be_edited(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    payment = order.payments.get()
    before = everything()
    forged = {"attention": "", "initial-attention": "", "status": "fulfilled", "total": "9", "amount": "9"}
    forged |= {"txid": "f" * 64, "held_by": "", "review_reason": "stock_gone", "shipping_name": "Mallory"}
    client = chief()

    client.post(page_url(order), forged)
    client.post(page_url(payment), forged)

    assert everything() == before


@pytest.mark.parametrize("model", [Order, PiPayment, Refund])
def test_staff_who_may_only_view_get_no_buttons(alice: Page, viewer: Client, model: type[Row]) -> None:
    paid_after_cancel(alice, {"mug": 1})
    row = model.objects.get()
    before = everything()

    page = viewer.get(page_url(row))
    answer = viewer.post(page_url(row), {"attention": "x", "initial-attention": ""})

    assert (page.context["staff_actions"], re.findall(r"\[(.*?)\]", text_of(page))) == ([], [])
    assert answer.status_code == 403
    assert everything() == before


# The browser -------------------------------------------------------------------------------------------


def test_nobody_may_frame_the_admin_and_nothing_inline_runs(alice: Page, viewer: Client) -> None:
    order = alice.buy({"mug": 1})

    for url in ("/admin/", "/admin/login/", list_url(Order), page_url(order), list_url(Order) + "clean-up/"):
        response = viewer.get(url)
        policy = response["Content-Security-Policy"]
        assert response["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/admin/", "/admin/payments/order/", "/admin/payments/order/clean-up/"])
def test_pages_bring_no_script_and_no_style_of_their_own(alice: Page, path: str) -> None:
    alice.buy({"mug": 1})

    page = chief().get(path).content.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)(?![^>]*application/json)", page)


def test_a_message_waits_until_it_is_read(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    client = chief()
    client.post(action_url(order, "ask_pi"))

    response = client.get(page_url(order))

    assert messages_of(response) == [f"{order}: Paid. 1 item to ship."]


def test_a_refund_that_is_approved_offers_no_rejection(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    refund = approve(Refund.objects.get())

    assert chief().get(page_url(refund)).context["staff_actions"] == []


def test_an_unverified_payment_can_be_asked_about(alice: Page) -> None:
    order = unverified(alice, {"mug": 1})

    labels = [action.label for action in chief().get(page_url(order)).context["staff_actions"]]

    assert labels == ["Ask Pi again", "Hand the goods over"]


@pytest.mark.parametrize("model", [Order, PiPayment])
def test_after_back_no_browser_types_the_old_note_again(alice: Page, clerk: Client, model: type[Row]) -> None:
    alice.buy({"mug": 1})

    page = clerk.get(page_url(model.objects.get())).content.decode()

    boxes = re.findall('<[^>]* name="(?:initial-)?attention"[^>]*>', page)
    assert ['autocomplete="off"' in box for box in boxes] == [True, True]


@pytest.mark.parametrize("identifier", ["aBcDeFgHiJkLmNoPqRsTuVwXyZ12", "x", "y-z_0"])
def test_the_identifier_of_a_payment_is_shown_as_it_is(alice: Page, identifier: str) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    PiPayment.objects.filter(pk=payment.pk).update(identifier=identifier)
    payment.refresh_from_db()

    told = text_of(chief().post(action_url(payment, "ask_pi"), follow=True))

    assert f" {identifier}: " in told
    assert f"Pi payment {identifier} " in told
