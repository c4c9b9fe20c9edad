"""Staff save forms while buyers buy: real threads, one form each."""

from __future__ import annotations

import re
import threading
from functools import partial

import pytest
from django.test import Client

from catalog import stock
from catalog.admin.forms import VariantForm
from catalog.models import Category
from tests.catalog.admin_forms import form_on, page_of
from tests.catalog.goods import counted, variant
from tests.catalog.test_stock_races import kinds, race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(admin_user):
    """Return six browsers in which staff are signed in."""
    clients = [Client() for _ in range(6)]
    for client in clients:
        client.force_login(admin_user)
    return clients


def save(client: Client, path: str, form: dict[str, object]) -> str:
    """Return "saved", or why not. (Read from the text: Django mixes the contexts of pages made at once.)"""
    page = client.post(path, form)
    return (
        "saved"
        if page.status_code == 302
        else "".join(re.findall(r"at most 0 can be removed|Only 0 units|already been saved", page.text))
    )


def test_staff_and_buyers_at_once_lose_no_unit(staff):
    tea = variant(on_hand=10)
    change = {"price": "2.5", "change_stock_by": 2}
    forms = [form_on(client.get(page_of(tea))) | change for client in staff]
    saves = [partial(save, client, page_of(tea), form) for client, form in zip(staff, forms, strict=True)]

    results = race(*saves, *[lambda: stock.take({tea.pk: 1})] * 6, atomic=False)

    assert results == ["saved"] * 6 + [None] * 6
    assert counted(tea) == (0, 16)


def test_concurrent_changes_of_different_fields_are_all_saved(staff):
    mug = variant().product
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen")
    form = form_on(staff[0].get(page_of(mug)))
    unpublished = {name: value for name, value in form.items() if name != "published"}
    changes = [{"name": "Cup"}, {"slug": "cup"}, {"description": "Blue."}, {"category": kitchen.pk}]
    forms = [*(form | change for change in changes), form | {"variants-0-price": "2"}, unpublished]

    results = race(
        *[partial(save, client, page_of(mug), sent) for client, sent in zip(staff, forms, strict=True)],
        atomic=False,
    )

    mug.refresh_from_db()
    assert results == ["saved"] * 6
    assert (mug.name, mug.slug, mug.description, mug.category) == ("Cup", "cup", "Blue.", kitchen)
    assert (mug.published, mug.variants.get().price) == (False, 2)


@pytest.mark.parametrize("of_product", [False, True])
def test_a_form_submitted_six_times_at_once_changes_stock_once(staff, of_product):
    tea = variant(on_hand=10)
    page, prefix = (page_of(tea.product), "variants-0-") if of_product else (page_of(tea), "")
    form = form_on(staff[0].get(page)) | {f"{prefix}change_stock_by": 2}

    results = race(*[partial(save, client, page, form) for client in staff], atomic=False)

    assert sorted(results) == ["already been saved"] * 5 + ["saved"]
    assert counted(tea) == (0, 12)


def test_staff_cannot_remove_units_promised_at_the_same_instant(staff):
    tea = variant(on_hand=6)
    forms = [form_on(client.get(page_of(tea))) | {"change_stock_by": -1} for client in staff]
    saves = [partial(save, client, page_of(tea), form) for client, form in zip(staff, forms, strict=True)]

    results = race(*saves, *[lambda: stock.hold({tea.pk: 1})] * 6, atomic=False)

    held, removed = results.count(None), results.count("saved")
    assert held + removed == 6
    assert counted(tea) == (held, 6 - removed)
    assert kinds(results).get("OutOfStock", 0) == 6 - held
    assert set(results[:6]) <= {"saved", "at most 0 can be removed", "Only 0 units"}


def test_a_validated_form_is_still_valid_when_it_is_written(staff, monkeypatch):
    tea = variant(on_hand=1)
    form = form_on(staff[0].get(page_of(tea))) | {"change_stock_by": -1}
    outcome: list[object] = []
    buyer = threading.Thread(target=lambda: outcome.extend(race(lambda: stock.hold({tea.pk: 1}))))
    write = VariantForm.write

    def write_while_somebody_buys(form):
        buyer.start()
        buyer.join(timeout=0.5)
        write(form)

    monkeypatch.setattr(VariantForm, "write", write_while_somebody_buys)
    result = save(staff[0], page_of(tea), form)
    buyer.join()

    assert (result, kinds(outcome), counted(tea)) == ("saved", {"OutOfStock": 1}, (0, 0))
