"""A form left open overnight: saving it writes only what was edited, and undoes no later change."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from catalog.admin.forms import SharedForm
from catalog.models import Category, Product, Variant
from tests.catalog.admin_forms import errors, form_on, page_of, submit
from tests.catalog.goods import counted, product, variant

pytestmark = pytest.mark.django_db

OVERTAKEN = "Somebody else has changed this in the meantime. Reload the page."


def open_page(client: Client, thing: Category | Product | Variant) -> dict[str, object]:
    return form_on(client.get(page_of(thing)))


@pytest.mark.parametrize("of_product", [False, True])
def test_adding_stock_leaves_a_colleagues_changes_alone(admin_client: Client, of_product: bool) -> None:
    tea = variant(on_hand=1, price="1")
    thing, prefix = (tea.product, "variants-0-") if of_product else (tea, "")
    form = open_page(admin_client, thing)
    Variant.objects.update(price=Decimal(100), sku="TEA", option="Large", tracked=False)

    page = submit(admin_client, page_of(thing), form | {f"{prefix}change_stock_by": 5})

    tea.refresh_from_db()
    assert (errors(page), counted(tea)) == ([], (0, 6))
    assert (tea.price, tea.sku, tea.option, tea.tracked) == (Decimal(100), "TEA", "Large", False)


def test_a_product_keeps_a_colleagues_changes(admin_client: Client) -> None:
    mug = variant(on_hand=1).product
    form = open_page(admin_client, mug)
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen")
    Product.objects.update(published=False, slug="cup", description="Holds a pint.", category=kitchen)

    page = submit(admin_client, page_of(mug), form | {"name": "Cup", "variants-0-change_stock_by": 5})

    mug.refresh_from_db()
    assert errors(page) == []
    assert (mug.name, mug.slug, mug.description) == ("Cup", "cup", "Holds a pint.")
    assert (mug.published, mug.category) == (False, kitchen)
    assert "Changed Name" in LogEntry.objects.latest("pk").get_change_message()


def test_a_category_keeps_a_colleagues_changes(admin_client: Client) -> None:
    home = Category.objects.create(name="Home", slug="home")
    form = open_page(admin_client, home)
    Category.objects.update(slug="house")

    submit(admin_client, page_of(home), form | {"name": "House"})

    home.refresh_from_db()
    assert (home.name, home.slug) == ("House", "house")


@pytest.mark.parametrize("of_product", [False, True])
def test_a_field_that_both_changed_is_refused_and_nothing_is_saved(
    admin_client: Client, of_product: bool
) -> None:
    tea = variant(on_hand=1, price="1")
    thing, prefix = (tea.product, "variants-0-") if of_product else (tea, "")
    form = open_page(admin_client, thing) | {f"{prefix}price": "2", f"{prefix}change_stock_by": 5}
    Variant.objects.update(price=Decimal(100))

    # The page that comes back still knows what the first one showed.
    pages = [submit(admin_client, page_of(thing), form) for _ in range(2)]

    tea.refresh_from_db()
    assert [errors(page) for page in pages] == [[OVERTAKEN]] * 2
    assert (tea.price, counted(tea)) == (Decimal(100), (0, 1))


@pytest.mark.parametrize(
    ("field", "colleagues", "mine"),
    [("name", "Cup", "Jug"), ("description", "Holds a pint.", "Holds two."), ("category", "Kitchen", "Bath")],
)
def test_a_product_field_that_both_changed_is_refused(
    admin_client: Client, field: str, colleagues: str, mine: str
) -> None:
    mug = variant().product
    form = open_page(admin_client, mug)
    rooms = {name: Category.objects.create(name=name, slug=name) for name in ("Kitchen", "Bath")}
    Product.objects.update(**{field: rooms.get(colleagues, colleagues)})

    page = submit(admin_client, page_of(mug), form | {field: rooms[mine].pk if mine in rooms else mine})

    mug.refresh_from_db()
    assert (errors(page), getattr(mug, field)) == ([OVERTAKEN], rooms.get(colleagues, colleagues))


def test_the_same_change_by_both_is_accepted(admin_client: Client) -> None:
    tea = variant(price="1")
    form = open_page(admin_client, tea) | {"price": "2.50", "option": "Large"}
    Variant.objects.update(price=Decimal("2.5"))

    page = submit(admin_client, page_of(tea), form)

    tea.refresh_from_db()
    assert (errors(page), tea.price, tea.option) == ([], Decimal("2.5"), "Large")


def test_a_text_can_be_edited_whatever_its_line_breaks(admin_client: Client) -> None:
    """A program may have written other line breaks than browsers send, and spaces around the text."""
    mug = variant(product(description=" Holds a pint.\nBlue. ")).product
    form = open_page(admin_client, mug)
    as_sent = {name: str(value).replace("\n", "\r\n") for name, value in form.items()}

    page = submit(admin_client, page_of(mug), as_sent | {"description": "Holds a pint.\r\nRed."})

    mug.refresh_from_db()
    assert (errors(page), mug.description) == ([], "Holds a pint.\r\nRed.")


def test_a_product_that_a_colleague_published_keeps_its_last_variant(admin_client: Client) -> None:
    mug = variant(product(published=False)).product
    form = open_page(admin_client, mug)
    Product.objects.update(published=True)

    page = submit(admin_client, page_of(mug), form | {"variants-0-DELETE": "on"})

    why = "This product cannot be published. It has no variant, so there would be nothing to buy."
    assert (errors(page), mug.variants.count()) == ([why], 1)


def test_a_category_deleted_meanwhile_is_refused_with_an_error(admin_client: Client) -> None:
    mug = variant().product
    form = open_page(admin_client, mug)
    gone, kitchen = mug.category, Category.objects.create(name="Kitchen", slug="kitchen")
    bath = Category.objects.create(name="Bath", slug="bath")
    Product.objects.update(category=kitchen)
    gone.delete()

    page = submit(admin_client, page_of(mug), form | {"category": bath.pk})

    mug.refresh_from_db()
    assert (errors(page), mug.category) == ([OVERTAKEN], kitchen)


def test_a_form_without_hidden_initial_values_overwrites_nothing(admin_client: Client) -> None:
    """As after an update of the shop that added the hidden values."""
    tea = variant(price="1")
    form = {name: value for name, value in open_page(admin_client, tea).items() if "initial" not in name}
    Variant.objects.update(price=Decimal(100))

    page = submit(admin_client, page_of(tea), form)

    tea.refresh_from_db()
    assert (errors(page), tea.price) == ([OVERTAKEN], Decimal(100))


@pytest.mark.parametrize("of", [lambda tea: tea, lambda tea: tea.product, lambda tea: tea.product.category])
def test_browsers_do_not_restore_saved_input_after_back(
    admin_client: Client, of: Callable[[Variant], Category | Product | Variant]
) -> None:
    """Neither the five that came in nor a price that a colleague has since changed."""
    page = admin_client.get(page_of(of(variant(on_hand=1))))

    forms = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += [form for form in inline.formset.forms if isinstance(form, SharedForm)]
    boxes = [box for form in forms for field in form for box in re.findall("<[^>]* name=[^>]*>", str(field))]
    assert [box for box in boxes if 'autocomplete="off"' not in box] == []
    assert all(box in page.content.decode() for box in boxes)
