"""Staff change stock by what came in or went out, whatever buyers do at the same time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from catalog import stock
from catalog.admin.forms import VariantForm
from catalog.models import Delivery, Variant
from tests.catalog.admin_forms import errors, form_on, page_of, send, submit
from tests.catalog.goods import codes, counted, product, variant

pytestmark = pytest.mark.django_db

ALREADY_SAVED = "This form has already been saved. Reload the page to change the stock again."


def history() -> list[tuple[str, str]]:
    return [(entry.object_repr, entry.change_message) for entry in LogEntry.objects.order_by("pk")]


@pytest.mark.parametrize(
    ("tracked", "before", "by", "after"),
    [
        (True, (2, 5), "+4", (2, 9)),
        (True, (2, 5), "-3", (2, 2)),
        (False, (9, 0), "3", (9, 3)),
        (False, (9, 3), "-3", (9, 0)),
        (True, (2, 5), "", (2, 5)),
        (True, (2, 5), "0", (2, 5)),
    ],
)
def test_stock_changes_by_a_difference(admin_client: Client, tracked, before, by, after):
    tea = variant(reserved=before[0], on_hand=before[1], tracked=tracked)

    page = send(admin_client, tea, change_stock_by=by)

    assert (errors(page), counted(tea)) == ([], after)


@pytest.mark.parametrize(
    ("before", "by", "why"),
    [
        ((2, 5), -4, "2 of the 5 units on hand are promised to buyers: at most 3 can be removed."),
        ((0, 5), -6, "Only 5 units are on hand."),
        ((0, 5), 1_000_001, "Ensure this value is less than or equal to 1000000."),
        ((0, 5), "many", "Enter a whole number."),
    ],
)
def test_an_impossible_stock_change_is_refused_with_a_reason(admin_client: Client, before, by, why):
    tea = variant(reserved=before[0], on_hand=before[1])

    page = send(admin_client, tea, change_stock_by=by, price="9")

    tea.refresh_from_db()
    assert (errors(page), counted(tea), tea.price) == ([why], before, Decimal(1))


def test_the_history_records_the_stock_difference(admin_client: Client):
    tea = variant(on_hand=5)

    send(admin_client, tea, change_stock_by=5)
    send(admin_client, tea, change_stock_by=-2, price="2", option="Large")
    send(admin_client, tea, price="3")

    assert history() == [
        ("Mug", "stock +5"),
        ("Mug – Large", "stock -2; changed option, price"),
        ("Mug – Large", "changed price"),
    ]


def test_stock_changes_on_the_page_of_the_product_too(admin_client: Client):
    mug = product()
    small, large = variant(mug, option="Small", on_hand=1), variant(mug, option="Large", on_hand=1)

    page = send(admin_client, mug, **{"variants-0-change_stock_by": 3, "variants-1-change_stock_by": -1})

    assert (errors(page), counted(small), counted(large)) == ([], (0, 4), (0, 0))
    assert history()[:2] == [("Mug – Small", "stock +3"), ("Mug – Large", "stock -1")]


def test_a_sale_between_loading_and_saving_a_form_stays(admin_client: Client):
    tea = variant(on_hand=5)
    form = form_on(admin_client.get(page_of(tea)))
    stock.take({tea.pk: 2})
    stock.hold({tea.pk: 1})

    page = submit(admin_client, page_of(tea), form | {"price": "2.5", "sku": "TEA", "change_stock_by": 10})

    tea.refresh_from_db()
    assert (errors(page), tea.price, tea.sku) == ([], Decimal("2.5"), "TEA")
    assert counted(tea) == (1, 13)


@pytest.mark.parametrize("of_product", [False, True])
def test_a_sale_while_a_form_is_being_saved_stays(admin_client: Client, monkeypatch, of_product):
    tea = variant(on_hand=5)
    check = VariantForm.clean

    def check_while_somebody_buys(form):
        cleaned = check(form)
        stock.take({tea.pk: 2})
        return cleaned

    monkeypatch.setattr(VariantForm, "clean", check_while_somebody_buys)
    if of_product:
        send(admin_client, tea.product, **{"variants-0-price": "2.5"})
    else:
        send(admin_client, tea, price="2.5")

    tea.refresh_from_db()
    assert (tea.price, counted(tea)) == (Decimal("2.5"), (0, 3))


def test_stock_changes_of_two_members_of_staff_add_up(admin_client: Client):
    tea = variant(on_hand=5)
    carols, doras = (form_on(admin_client.get(page_of(tea))) for _ in range(2))

    submit(admin_client, page_of(tea), carols | {"change_stock_by": 1})
    submit(admin_client, page_of(tea), doras | {"change_stock_by": 2})

    assert counted(tea) == (0, 8)


@pytest.mark.parametrize("of_product", [False, True])
def test_a_form_submitted_twice_changes_stock_once(admin_client: Client, of_product: bool):
    """Save was pressed twice, or the browser repeats a request that was not answered."""
    tea = variant(on_hand=5)
    thing, prefix = (tea.product, "variants-0-") if of_product else (tea, "")
    form = form_on(admin_client.get(page_of(thing))) | {f"{prefix}change_stock_by": 2}

    once = submit(admin_client, page_of(thing), form)
    stock.take({tea.pk: 1})
    twice = submit(admin_client, page_of(thing), form)

    assert (errors(once), errors(twice)) == ([], [ALREADY_SAVED])
    assert (counted(tea), history()[0][1]) == ((0, 6), "stock +2")


def test_a_refused_form_changes_stock_once_it_is_corrected(admin_client: Client):
    tea = variant(on_hand=5)
    form = form_on(admin_client.get(page_of(tea))) | {"change_stock_by": -6}

    refused = submit(admin_client, page_of(tea), form)
    mended = submit(admin_client, page_of(tea), form_on(refused) | {"change_stock_by": -5})

    assert (errors(refused), errors(mended)) == (["Only 5 units are on hand."], [])
    assert counted(tea) == (0, 0)


@pytest.mark.parametrize("key", [None, "", "x"])
def test_a_form_without_a_key_changes_no_stock(admin_client: Client, key):
    tea = variant(on_hand=5)

    send(admin_client, tea, key=key, change_stock_by=2)
    assert counted(tea) == (0, 5)

    send(admin_client, tea, key=key if key != "x" else None, price="2")
    tea.refresh_from_db()
    assert tea.price == 2


@pytest.mark.parametrize(
    ("price", "shown"), [("0.0500000", "0.05"), ("100", "100"), ("0.0000001", "0.0000001")]
)
def test_the_form_shows_the_price_without_trailing_zeros(admin_client: Client, price, shown):
    tea = variant(price=price)

    form = admin_client.get(page_of(tea)).context["adminform"].form

    assert f'value="{shown}"' in str(form["price"])


def test_an_absolute_stock_cannot_be_submitted(admin_client: Client):
    tea = variant(reserved=1, on_hand=5)

    send(admin_client, tea, on_hand=99, reserved=0, price="2")

    assert counted(tea) == (1, 5)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ((2, 2), {}, (2, 2)),
        ((2, 0), {"change_stock_by": 2}, (2, 2)),
        ((0, 0), {}, (0, 0)),
    ],
)
def test_tracking_can_be_switched_on_with_enough_stock(admin_client: Client, before, change, after):
    tea = variant(reserved=before[0], on_hand=before[1], tracked=False)

    page = send(admin_client, tea, tracked="on", **change)

    tea.refresh_from_db()
    assert (errors(page), tea.tracked, counted(tea)) == ([], True, after)


def test_tracking_cannot_be_switched_on_while_too_many_units_are_promised(admin_client: Client):
    tea = variant(reserved=3, on_hand=1, tracked=False)

    page = send(admin_client, tea, tracked="on", change_stock_by=1)

    tea.refresh_from_db()
    why = "More units are promised to buyers (3) than there are on hand (2)."
    assert (errors(page), tea.tracked, counted(tea)) == ([why], False, (3, 1))


def test_tracking_can_be_switched_off_at_any_time(admin_client: Client):
    tea = variant(reserved=3, on_hand=3)

    send(admin_client, tea, tracked=None)

    tea.refresh_from_db()
    assert (tea.tracked, counted(tea)) == (False, (3, 3))


def test_codes_are_always_tracked(admin_client: Client):
    voucher = codes("AAA")

    page = send(admin_client, voucher, tracked=None)

    assert errors(page) == ["Codes are always counted: leave “tracked” on."]


def test_the_stock_of_codes_is_not_changed_by_number(admin_client: Client):
    voucher = codes("AAA")

    send(admin_client, voucher, change_stock_by=5)
    send(admin_client, voucher.product, **{"variants-0-change_stock_by": 5})

    assert counted(voucher) == (0, 1)


@pytest.mark.parametrize("kind", Delivery.values)
def test_the_kind_of_delivery_cannot_be_changed_and_the_page_says_so(admin_client: Client, kind):
    tea = variant(delivery=kind)
    other = Delivery.PHYSICAL if kind != Delivery.PHYSICAL else Delivery.DOWNLOAD

    page = send(admin_client, tea, delivery=other)

    assert Variant.objects.get().delivery == kind
    assert "Fixed, because orders depend on it." in admin_client.get(page_of(tea)).text
    assert errors(page) == []
