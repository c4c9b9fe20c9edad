"""The admin's lists: finding an order by whatever the buyer can name, and what waits for staff."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from payments.admin.pages import OrderAdmin
from payments.domain import refunds
from payments.models import Event, Order, Pioneer, PiPayment, Refund
from tests.payments.page import Page
from tests.payments.situations import (
    CAROL,
    cancel,
    doubted_after,
    everything,
    paid_after_cancel,
    pay_again,
    unverified,
)
from tests.payments.staff import Row, chief, list_url, member, messages_of, page_url, text_of

pytestmark = pytest.mark.django_db
MODELS = (Order, PiPayment, Refund, Event, Pioneer)


@pytest.fixture
def viewer(db: None) -> Client:
    return member("victor")


def found(client: Client, model: type[Row], query: str) -> list[Row]:
    return list(client.get(list_url(model, query)).context["cl"].queryset)


@pytest.mark.parametrize("model", MODELS)
def test_a_list_opens(alice: Page, viewer: Client, model: type[Row]) -> None:
    paid_after_cancel(alice, {"mug": 1, "voucher": 1})

    assert viewer.get(list_url(model)).status_code == 200


def test_an_order_on_the_list_says_what_is_true(alice: Page, viewer: Client) -> None:
    order = alice.buy({"mug": 1})
    Order.objects.update(attention="The buyer called.")

    text = text_of(viewer.get(list_url(Order)))

    assert f"{order} paid 1.5 π Paid. 1 item to ship. The buyer called. alice" in text


def test_a_payment_on_the_list_says_what_is_true(alice: Page, viewer: Client) -> None:
    order = alice.buy({"mug": 1})

    text = text_of(viewer.get(list_url(PiPayment)))

    assert f"{order.payments.get()} completed 1.5 π {order} Completed: the money is ours." in text


@pytest.mark.parametrize(
    "term",
    [
        lambda order: order.reference,
        lambda order: order.reference.lower(),
        lambda order: order.reference.replace("-", ""),
        lambda order: f"  {order.reference.lower().replace('-', ' ')} ",
        lambda order: order.reference[:6],
        lambda order: order.pioneer.username,
        lambda order: order.pioneer.uid,
        lambda order: order.payments.get().identifier,
        lambda order: order.payments.get().txid,
        lambda order: order.lines.get().variant.sku,
        lambda order: order.refunds.get().identifier,
        lambda order: order.refunds.get().txid,
    ],
)
def test_an_order_is_found_by(alice: Page, bob: Page, viewer: Client, term: Callable[[Order], str]) -> None:
    order = alice.buy({"mug": 1})
    refund = refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL)
    Refund.objects.filter(pk=refund.pk).update(identifier="R" * 28, txid="e" * 64)
    bob.buy({"book": 1})

    assert found(viewer, Order, f"?q={term(order)}") == [order]


@pytest.mark.parametrize(
    "term",
    [
        lambda payment: payment.identifier,
        lambda payment: payment.txid,
        lambda payment: payment.user_uid,
        lambda payment: payment.order.reference,
        lambda payment: payment.order.pioneer.username,
        lambda payment: payment.order.lines.get().variant.sku,
    ],
)
def test_a_payment_is_found_by(
    alice: Page, bob: Page, viewer: Client, term: Callable[[PiPayment], str]
) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    bob.buy({"book": 1})

    assert found(viewer, PiPayment, f"?q={term(payment)}") == [payment]


@pytest.mark.parametrize("term", ["nobody", "%00", "%ED%A0%80", "' OR 1=1 --", "x" * 5000])
@pytest.mark.parametrize("model", MODELS)
def test_nonsense_finds_nothing(alice: Page, viewer: Client, model: type[Row], term: str) -> None:
    alice.buy({"mug": 1})

    response = viewer.get(list_url(model, f"?q={term}"))

    assert response.status_code == 200
    assert term == "%00" or list(response.context["cl"].queryset) == []


@pytest.mark.parametrize("model", MODELS)
def test_a_number_too_large_for_the_database_is_a_bad_request(viewer: Client, model: type[Row]) -> None:
    viewer.raise_request_exception = False

    # Only SQLite refuses it; PostgreSQL compares, and finds nothing.
    assert viewer.get(list_url(model, f"?id__in={'9' * 40}")).status_code in (200, 400)


# SQLite finds nothing then, or does not say what it cannot do.
ON_POSTGRES = pytest.mark.postgres


@pytest.mark.parametrize(
    "query",
    [
        "?id__range=1",
        "?total__range=9",
        "?created_at__year=0",
        "?created_at__year=100000",
        pytest.param("?status=%00", marks=ON_POSTGRES),
        pytest.param("?reference__regex=(", marks=ON_POSTGRES),
        pytest.param("?total=1e999999999", marks=ON_POSTGRES),
    ],
)
def test_a_malformed_query_of_a_list_is_a_bad_request(
    alice: Page, viewer: Client, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    alice.order({"mug": 1})
    viewer.raise_request_exception = False

    answer = viewer.get(list_url(Order, query))

    assert (answer.status_code, "cannot be filtered like that" in text_of(answer)) == (400, True)
    [told] = [record for record in caplog.records if record.name == "django.request"]
    assert (told.levelname, bool(told.exc_info)) == ("WARNING", True)


@pytest.mark.parametrize("row", ["", "x", "1.5", "\x00"], ids=ascii)
@pytest.mark.parametrize("action", ["ask_pi", "clean_up"])
def test_rows_that_no_list_shows_cannot_be_chosen(alice: Page, action: str, row: str) -> None:
    alice.order({"mug": 1})
    client = chief()
    client.raise_request_exception = False

    answer = client.post(list_url(Order), {"action": action, "_selected_action": row})

    assert (answer.status_code, "cannot be filtered like that" in text_of(answer)) == (400, True)


def test_a_list_that_breaks_without_a_query_is_a_server_error(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OrderAdmin, "get_queryset", lambda *_: int("no number"))
    viewer.raise_request_exception = False

    assert viewer.get(list_url(Order)).status_code == 500


def test_orders_are_found_by_what_they_need(alice: Page, bob: Page, viewer: Client) -> None:
    to_ship = alice.buy({"mug": 1})
    twice = alice.buy({"voucher": 1})
    pay_again(alice, twice)
    Order.objects.update(notice="")
    noted = alice.buy({"book": 1})
    Order.objects.filter(pk=noted.pk).update(attention="x")
    noticed = alice.buy({"book": 1})
    Order.objects.filter(pk=noticed.pk).update(notice="unusable_money")
    review = paid_after_cancel(alice, {"mug": 1})
    stale = Order.objects.get(reference=bob.order({"mug": 1})["reference"])
    Order.objects.filter(pk=stale.pk).update(expires_at=timezone.now())

    doubted = doubted_after(cancel, alice, {"mug": 1})

    by_need = {need: set(found(viewer, Order, f"?needs={need}")) for need in NEEDS_OF_ORDERS}

    assert by_need == {
        "something": {to_ship, twice, noted, noticed, review, doubted},
        "review": {review},
        "ship": {to_ship},
        "refund": {twice, review},
        "attention": {noted, noticed},
        "clean_up": {stale},
        "nonsense": set(),
    }


NEEDS_OF_ORDERS = ("something", "review", "ship", "refund", "attention", "clean_up", "nonsense")


def test_payments_are_found_by_what_they_need(alice: Page, bob: Page, viewer: Client) -> None:
    alice.buy({"mug": 1})
    noted, overdue = alice.buy({"book": 1}).payments.get(), bob.approved({"mug": 1})[1]
    PiPayment.objects.filter(pk=noted.pk).update(attention="x")
    late = timezone.now() - timedelta(minutes=11)
    PiPayment.objects.filter(identifier=overdue).update(next_check_at=late)
    orphan = alice.pi.create_payment(alice.pioneer, amount="1", metadata={"order": "nonsense"})
    alice.cancel(orphan)

    by_need = {
        need: [payment.identifier for payment in found(viewer, PiPayment, f"?needs={need}")]
        for need in ("attention", "overdue", "order")
    }

    assert by_need == {"attention": [noted.identifier], "overdue": [overdue], "order": [orphan]}


@pytest.mark.parametrize("query", ["?status__exact=paid", "?review_reason__exact=paid_after_cancel"])
def test_orders_are_filtered(alice: Page, viewer: Client, query: str) -> None:
    paid, review = alice.buy({"mug": 1}), paid_after_cancel(alice, {"mug": 1})
    alice.order({"mug": 1})

    assert found(viewer, Order, query) == [paid if "status" in query else review]


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Order, "?needs=nonsense"),
        (Order, "?needs="),
        (Order, "?needs=nonsense&status__exact=paid"),
        (Order, "?status__exact=nonsense"),
        (Order, "?status__exact=paid&status__exact=nonsense"),
        (Order, "?review_reason__exact=nonsense"),
        (Order, "?created_at__gte=nonsense"),
        (Order, "?nonsense=1"),
        (PiPayment, "?needs=ship"),
        (PiPayment, "?status__exact=nonsense&_facets=True"),
        (Refund, "?status__exact=nonsense"),
        (Event, "?kind__exact=nonsense"),
        (Event, "?at__lt=nonsense"),
        (Pioneer, "?nonsense=1"),
    ],
)
def test_an_unknown_filter_shows_nothing_and_says_so(
    alice: Page, viewer: Client, model: type[Row], query: str
) -> None:
    paid_after_cancel(alice, {"mug": 1})
    alice.buy({"mug": 1})

    page = viewer.get(list_url(model, query))

    assert (page.status_code, list(page.context["cl"].result_list)) == (200, [])
    assert messages_of(page) == ["This list has no such filter, so it shows nothing."]


@pytest.mark.parametrize(
    "query", ["?needs=review", "?status__exact=expired", "?review_reason__exact=", "?q=x"]
)
def test_a_known_filter_says_nothing(alice: Page, viewer: Client, query: str) -> None:
    alice.buy({"mug": 1})

    assert messages_of(viewer.get(list_url(Order, query))) == []


def test_an_action_on_a_list_with_an_unknown_filter_touches_no_row(alice: Page) -> None:
    paid = alice.buy({"mug": 1})
    chosen = {"action": "ship", "_selected_action": [paid.pk], "note": "", "confirmed": "yes"}

    chief().post(list_url(Order, "?needs=nonsense"), chosen)

    paid.refresh_from_db()
    assert paid.status == "paid"


# What a list costs must not grow with what is on it: session, user, permissions, a count, then the rows
# and what belongs to them.
@pytest.mark.parametrize(
    "cost",
    [(Order, 10), (PiPayment, 7), (Refund, 6), (Event, 6), (Pioneer, 6)],
    ids=lambda cost: cost[0].__name__,
)
def test_a_list_costs_the_same_for_many_rows(
    alice: Page, bob: Page, cost: tuple[type[Row], int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    model, queries = cost
    for buyer in (alice, bob):
        paid_after_cancel(buyer, {"mug": 1, "voucher": 1})
        pay_again(buyer, buyer.buy({"mug": 1}))
    unverified(alice, {"mug": 1})
    viewer = member("victor")

    with django_assert_num_queries(queries):
        viewer.get(list_url(model))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("who", [chief, lambda: member("victor", "change_order", "change_pipayment")])
def test_nothing_is_added_or_deleted_by_hand(
    alice: Page, who: Callable[[], Client], model: type[Row]
) -> None:
    paid_after_cancel(alice, {"mug": 1})
    client, row = who(), model.objects.first()
    before = everything()

    answers = [
        client.get(list_url(model) + "add/").status_code,
        client.post(list_url(model) + "add/", {}).status_code,
        client.get(page_url(row).replace("change", "delete")).status_code,
        client.post(page_url(row).replace("change", "delete"), {"post": "yes"}).status_code,
    ]
    client.post(list_url(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})

    assert answers == [403] * 4
    assert everything() == before


@pytest.mark.parametrize("model", MODELS)
def test_strangers_are_asked_to_sign_in(alice: Page, model: type[Row]) -> None:
    alice.buy({"mug": 1})

    response = Client().get(list_url(model))

    assert response["Location"] == f"/admin/login/?next={list_url(model)}"


@pytest.mark.parametrize("model", MODELS)
def test_staff_see_only_what_they_may(alice: Page, model: type[Row]) -> None:
    client = member("victor")
    client.get("/admin/")
    User.objects.get().user_permissions.clear()

    assert client.get(list_url(model)).status_code == 403


def test_no_shortcut_reveals_rows_that_staff_may_not_see(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    newcomer = Client()
    newcomer.force_login(User.objects.create_user("nina", is_staff=True))
    kind = ContentType.objects.get_for_model(Order)

    answer = newcomer.get(f"/admin/r/{kind.pk}/{order.pk}/")

    assert (answer.status_code, answer["X-Frame-Options"]) == (404, "DENY")
    assert "There is nothing here." in text_of(answer)
