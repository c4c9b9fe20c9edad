"""Staff run the catalogue: what may be published, what may be deleted, and lists that stay fast."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from catalog.models import Category, Delivery, Picture, Product, Variant
from payments.models import Order, OrderLine, Pioneer
from tests.catalog.admin_forms import act, address, errors, form_on, page_of, send, submit, told
from tests.catalog.goods import codes, product, variant

pytestmark = pytest.mark.django_db

NOTHING_TO_BUY = "This product cannot be published. It has no variant, so there would be nothing to buy."


def ordered(what: Variant) -> OrderLine:
    order = Order.objects.create(
        pioneer=Pioneer.objects.create(uid="alice"), total=1, expires_at=timezone.now()
    )
    return OrderLine.objects.create(
        order=order, variant=what, name=what.label, unit_price=what.price, quantity=1
    )


def new_product(client: Client, **fields: str) -> dict[str, str]:
    form = form_on(client.get(address("product", "add")))
    about = {
        "name": "Jug",
        "slug": "jug",
        "category": str(Category.objects.create(name="Home", slug="home").pk),
    }
    return form | about | fields


def picture_file() -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "PNG")
    return SimpleUploadedFile("jug.png", file.getvalue(), "image/png")


# Adding ------------------------------------------------------------------------------------------


def test_a_product_is_added_with_variant_stock_and_picture_at_once(admin_client: Client):
    form = new_product(
        admin_client,
        published="on",
        **{"variants-0-sku": "JUG", "variants-0-price": "1.25", "variants-0-change_stock_by": "7"},
        **{"pictures-TOTAL_FORMS": "1", "pictures-0-position": "0", "pictures-0-alt": "A jug"},
        **{"pictures-0-image": picture_file()},
    )

    page = submit(admin_client, address("product", "add"), form)

    jug = Product.objects.get()
    only, picture = jug.variants.get(), jug.pictures.get()
    assert (errors(page), jug.published) == ([], True)
    assert (only.sku, only.price, only.on_hand, only.reserved) == ("JUG", Decimal("1.25"), 7, 0)
    assert (picture.alt, picture.width, picture.height) == ("A jug", 30, 20)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"change_stock_by": "-1"}, "A new variant has no stock to remove."),
        (
            {"delivery": "code", "change_stock_by": "5"},
            "Save the variant first, then add its codes on its own page.",
        ),
        ({"delivery": "code", "tracked": None}, "Codes are always counted: leave “tracked” on."),
        ({"price": "0"}, "The lowest price is 0.0000001."),
        ({"price": "0.00000001"}, "Ensure that there are no more than 7 decimal places."),
    ],
)
def test_an_invalid_new_variant_is_refused(admin_client: Client, fields, why):
    form = new_product(admin_client, **{"variants-0-sku": "JUG", "variants-0-price": "1"})
    form |= {f"variants-0-{name}": value for name, value in fields.items()}

    page = submit(admin_client, address("product", "add"), form)

    assert (why in errors(page), Product.objects.count()) == (True, 0)


# Publishing --------------------------------------------------------------------------------------


def test_a_product_without_a_variant_is_not_published(admin_client: Client):
    page = submit(admin_client, address("product", "add"), new_product(admin_client, published="on"))

    assert (errors(page), Product.objects.count()) == ([NOTHING_TO_BUY], 0)


def test_a_product_without_a_variant_can_be_saved_unpublished(admin_client: Client):
    page = submit(admin_client, address("product", "add"), new_product(admin_client))

    assert (errors(page), Product.objects.get().published) == ([], False)


def test_a_published_product_keeps_its_last_variant(admin_client: Client):
    mug = variant().product

    page = send(admin_client, mug, **{"variants-0-DELETE": "on"})

    assert (errors(page), mug.variants.count()) == ([NOTHING_TO_BUY], 1)


def test_the_last_variant_of_a_published_product_is_not_deleted_on_its_own_page(admin_client: Client):
    tea = variant()

    page = admin_client.post(address("variant", "delete", tea.pk), {"post": "yes"})

    assert "Mug, which is published and has no other variant" in page.text
    assert Variant.objects.count() == 1


def test_a_download_cannot_be_published_without_its_file(admin_client: Client):
    book = variant(product(published=False), delivery=Delivery.DOWNLOAD)

    page = send(admin_client, book.product, published="on")
    assert errors(page) == ["This product cannot be published. mug-0 is sold as a download but has no file."]

    upload = SimpleUploadedFile("book.pdf", b"%PDF")
    page = send(admin_client, book.product, published="on", **{"variants-0-file": upload})
    book.refresh_from_db()
    with book.file.open() as file:
        assert (errors(page), book.product.published, file.read()) == ([], True, b"%PDF")


@pytest.mark.parametrize(
    ("uploaded", "kept"),
    [
        ("Cook Book.pdf", "Cook Book.pdf"),
        ("Поваренная книга.pdf", "Поваренная книга.pdf"),
        ("料理 (2).tar.gz", "料理 (2).tar.gz"),
        ("C:\\Books\\Cook Book.pdf", "Cook Book.pdf"),
        ("../../Cook\tBook\u202e.pdf", "CookBook.pdf"),
    ],
)
def test_buyers_get_a_file_under_the_name_that_staff_gave_it(admin_client: Client, uploaded: str, kept: str):
    book = variant(delivery=Delivery.DOWNLOAD)

    for thing, field in ((book.product, "variants-0-file"), (book, "file")):
        upload = SimpleUploadedFile("x", b"%PDF")
        upload._name = uploaded  # past the checks of the class, as from a browser
        page = send(admin_client, thing, **{field: upload})

        book.refresh_from_db()
        assert (errors(page), book.download_name) == ([], kept)
        assert f"Buyers get {kept}." in admin_client.get(page_of(thing)).text


def test_a_new_variant_keeps_the_name_of_its_file(admin_client: Client):
    upload = SimpleUploadedFile("Cook Book.pdf", b"%PDF")
    about = {"sku": "BOOK", "price": "1", "delivery": "download", "file": upload}
    form = new_product(admin_client, **{f"variants-0-{name}": value for name, value in about.items()})

    submit(admin_client, address("product", "add"), form)

    assert Variant.objects.get().download_name == "Cook Book.pdf"


def test_a_second_edition_under_the_same_name_keeps_its_name(admin_client: Client):
    book = variant(delivery=Delivery.DOWNLOAD)

    for edition in (b"first", b"second"):
        send(admin_client, book, file=SimpleUploadedFile("Cook Book.pdf", edition))

    book.refresh_from_db()
    with book.file.open() as file:
        assert file.read() == b"second"
    assert book.file.name not in ("goods/Cook_Book.pdf", "goods/Cook Book.pdf"), "the first is still there"
    assert book.download_name == "Cook Book.pdf"


def test_a_file_keeps_its_name_when_something_else_is_edited(admin_client: Client):
    book = variant(delivery=Delivery.DOWNLOAD)
    send(admin_client, book, file=SimpleUploadedFile("Cook Book.pdf", b"%PDF"))

    send(admin_client, book, price="2")

    book.refresh_from_db()
    assert (book.price, book.download_name) == (2, "Cook Book.pdf")


def test_several_variants_cannot_be_published_without_options(admin_client: Client):
    mug = product(published=False)
    variant(mug), variant(mug)

    page = send(admin_client, mug, published="on")

    why = "It has several variants, and at least one has no option that names it."
    assert errors(page) == [f"This product cannot be published. {why}"]


def test_publishing_many_skips_unready_products_and_says_why(admin_client: Client):
    ready, empty = product("Mug", published=False), product("Empty", published=False)
    variant(ready)

    page = act(admin_client, "product", "publish", ready, empty)

    assert list(Product.objects.filter(published=True)) == [ready]
    assert told(page) == [
        "Empty is not published. It has no variant, so there would be nothing to buy.",
        "Mug is published.",
    ]
    assert LogEntry.objects.get().change_message == "published"


def test_unpublishing_takes_products_out_of_the_shop(admin_client: Client):
    mug = variant().product

    page = act(admin_client, "product", "unpublish", mug)

    mug.refresh_from_db()
    assert (mug.published, told(page)) == (False, ["Mug is unpublished."])
    assert LogEntry.objects.get().change_message == "unpublished"


def test_staff_who_cannot_see_variants_cannot_publish(client: Client, django_user_model):
    mug = product(published=False)
    carol = django_user_model.objects.create_user("carol", is_staff=True)
    carol.user_permissions.add(Permission.objects.get(codename="change_product"))
    client.force_login(carol)

    send(client, mug, published="on")

    mug.refresh_from_db()
    assert mug.published is False


# Deleting ----------------------------------------------------------------------------------------


def test_a_product_that_was_never_ordered_is_deleted(admin_client: Client):
    mug = variant().product

    admin_client.post(address("product", "delete", mug.pk), {"post": "yes"})

    assert (Product.objects.count(), Variant.objects.count()) == (0, 0)


@pytest.mark.parametrize("make", [lambda: ordered(variant()).variant, lambda: codes("AAA")])
def test_a_product_with_orders_or_codes_is_kept_and_unpublishing_is_suggested(admin_client: Client, make):
    kept = make()

    page = admin_client.post(address("product", "delete", kept.product.pk), {"post": "yes"})

    assert (page.status_code, Product.objects.count(), Variant.objects.count()) == (200, 1, 1)
    assert told(page) == [
        "What was ordered or has codes cannot be deleted. Unpublish the product to take it out of the shop."
    ]


def test_deleting_many_products_is_refused_if_one_was_ordered(admin_client: Client):
    mug = ordered(variant()).variant.product
    jug = variant(product("Jug")).product

    form = {"action": "delete_selected", "_selected_action": [mug.pk, jug.pk], "post": "yes"}
    page = admin_client.post(address("product", "changelist"), form)

    assert (page.status_code, Product.objects.count()) == (200, 2)


def test_a_variant_that_was_ordered_is_kept(admin_client: Client):
    mug = product()
    sold, spare = variant(mug, option="Small"), variant(mug, option="Large")
    ordered(sold)

    page = send(admin_client, mug, **{"variants-0-DELETE": "on"})
    assert errors(page)[0].startswith("Deleting variant Mug – Small would require deleting")

    admin_client.post(address("variant", "delete", sold.pk), {"post": "yes"})
    page = send(admin_client, mug, **{"variants-1-DELETE": "on"})
    assert (errors(page), list(Variant.objects.all())) == ([], [sold])
    assert not Variant.objects.filter(pk=spare.pk).exists()


def test_a_category_with_products_is_kept(admin_client: Client):
    category = product().category

    page = admin_client.post(address("category", "delete", category.pk), {"post": "yes"})

    assert (page.status_code, Category.objects.count()) == (200, 1)


# Lists -------------------------------------------------------------------------------------------


def add_products(count: int) -> None:
    for _ in range(count):
        number = Product.objects.count()
        mug = product("Mug", slug=f"mug-{number}")
        variant(mug), variant(mug), codes(f"KEY-{number}", of=mug)
        Picture.objects.create(product=mug, image="products/m.png", width=2, height=1, alt="a mug")


@pytest.mark.parametrize(
    ("model", "queries"), [("product", 8), ("variant", 6), ("deliverycode", 6), ("category", 5)]
)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_one(
    admin_client: Client, django_assert_num_queries, model, queries
):
    for more in (1, 9):
        add_products(more)
        with django_assert_num_queries(queries):
            admin_client.get(address(model, "changelist"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Jug", "Mug"]),
        ({"q": "jug-0"}, ["Jug"]),
        ({"q": "pint"}, ["Mug"]),
        ({"stock": "left"}, ["Mug"]),
        ({"stock": "sold-out"}, ["Jug"]),
        ({"published__exact": "0"}, ["Jug"]),
        ({"variants__delivery__exact": "physical"}, ["Jug", "Mug"]),
    ],
    ids=str,
)
def test_products_are_searched_and_filtered(admin_client: Client, query, expected):
    mug = product("Mug", description="Holds a pint.")
    variant(mug, on_hand=0), variant(mug, on_hand=2), variant(mug, on_hand=0, tracked=False)
    variant(product("Jug", published=False), on_hand=1, reserved=1)

    page = admin_client.get(address("product", "changelist"), query)

    assert [each.name for each in page.context["cl"].result_list] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["mug-0", "mug-1", "mug-2"]),
        ({"q": "mug-1"}, ["mug-1"]),
        ({"stock": "left"}, ["mug-1", "mug-2"]),
        ({"stock": "sold-out"}, ["mug-0"]),
        ({"tracked__exact": "0"}, ["mug-2"]),
    ],
    ids=str,
)
def test_variants_are_searched_and_filtered(admin_client: Client, query, expected):
    mug = product()
    variant(mug, on_hand=0), variant(mug, on_hand=2), variant(mug, on_hand=0, tracked=False)

    page = admin_client.get(address("variant", "changelist"), query)

    assert [each.sku for each in page.context["cl"].result_list] == expected


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("product", {"stock": "nonsense"}),
        ("product", {"published__exact": "nonsense"}),
        ("product", {"category__id__exact": "nonsense"}),
        ("product", {"category__id__exact": "987654"}),
        ("product", {"variants__delivery__exact": "nonsense"}),
        ("variant", {"stock": ""}),
        ("variant", {"tracked__exact": "2"}),
        ("variant", {"product__published__exact": "maybe"}),
        ("variant", {"product__category__id__exact": "987654"}),
        ("deliverycode", {"sold": "nonsense"}),
        ("deliverycode", {"sku": "nonsense"}),
        ("category", {"nonsense": "1"}),
    ],
    ids=str,
)
def test_an_unknown_filter_shows_nothing_and_says_so(admin_client: Client, model, query):
    codes("AAA", of=product("Mug"))

    page = admin_client.get(address(model, "changelist"), query)

    assert list(page.context["cl"].result_list) == []
    assert told(page) == ["This list has no such filter, so it shows nothing."]


def test_products_are_filtered_by_their_only_category(admin_client: Client):
    mug = variant().product

    page = admin_client.get(address("product", "changelist"), {"category__id__exact": mug.category_id})

    assert (list(page.context["cl"].result_list), told(page)) == ([mug], [])


@pytest.mark.parametrize("name", ["iPad sleeve", "élan", "x"])
def test_a_message_names_a_product_as_it_is_written(admin_client: Client, name: str):
    shown = variant(product(name, slug="shown", published=False)).product

    page = act(admin_client, "product", "publish", shown)

    assert told(page) == [f"{name} is published."]
    assert f'<li class="success">{name} is published.</li>' in page.text


def cells(page) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page.text.split("<tbody>")[1], re.DOTALL)
    return [[re.sub(r"<.*?>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row)] for row in rows]


@pytest.mark.parametrize(
    ("variants", "price", "count"),
    [
        ([], "-", "–"),
        ([("0.5", 5, 2, True)], "0.5", "3 / 2 / 5"),
        ([("12", 5, 2, True), ("3", 1, 0, True), ("5", 0, 0, True)], "3 – 12", "4 / 2 / 6"),
        ([("1", 5, 2, True), ("1", 0, 1, False)], "1", "unlimited / 3 / –"),
    ],
    ids=["none", "one", "several", "unlimited"],
)
def test_the_list_shows_price_and_stock(admin_client: Client, variants, price, count):
    mug = product()
    for amount, on_hand, reserved, tracked in variants:
        variant(mug, amount, on_hand=on_hand, reserved=reserved, tracked=tracked)

    (row,) = cells(admin_client.get(address("product", "changelist")))

    assert row[-3:-1] == [price, count]


def test_the_list_of_variants_shows_every_count(admin_client: Client):
    variant(on_hand=5, reserved=2)
    variant(product("Tea"), on_hand=0, reserved=1, tracked=False)

    rows = cells(admin_client.get(address("variant", "changelist")))

    assert [row[3:6] for row in rows] == [["3", "2", "5"], ["unlimited", "1", "0"]]


@pytest.mark.parametrize(("model", "columns"), [("product", 6), ("variant", 8), ("deliverycode", 3)])
def test_a_list_sorts_by_each_of_its_columns(admin_client: Client, model, columns):
    add_products(2)

    for column in range(1, columns + 1):
        for sign in ("", "-"):
            page = admin_client.get(address(model, "changelist"), {"o": f"{sign}{column}"})
            assert page.status_code == 200


# The page itself ----------------------------------------------------------------------------------


def test_no_page_breaks_the_content_security_policy(admin_client: Client):
    add_products(2)
    book = variant(product("Book"), delivery=Delivery.DOWNLOAD)
    book.file.save("book.pdf", ContentFile(b"%PDF"))
    pages = [address(model, "changelist") for model in ("category", "product", "variant", "deliverycode")]
    pages += [address("product", "add"), page_of(book), page_of(book.product)]
    pages += [page_of(each) for each in (*Product.objects.all(), *Variant.objects.all())]

    for path in pages:
        page = admin_client.get(path)
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page.text) == []


def test_the_page_names_the_file_of_a_download_without_linking_to_it(admin_client: Client):
    book = variant(delivery=Delivery.DOWNLOAD)
    book.file.save("tea-book.pdf", ContentFile(b"%PDF"))

    for path in (page_of(book), page_of(book.product)):
        page = admin_client.get(path).text
        assert re.search(r"Buyers get tea-book\w*\.pdf\.", page)
        assert 'href="/media/goods' not in page


def test_only_a_published_product_links_to_the_shop(admin_client: Client):
    mug = variant().product

    def leads() -> bool:
        return f'href="{mug.get_absolute_url()}"' in admin_client.get(page_of(mug)).text

    assert leads()
    Product.objects.update(published=False)
    assert not leads()


def test_the_admin_shows_the_name_of_the_shop(admin_client: Client):
    assert re.search(r'id="site-name"><a href="/admin/">pistore<', admin_client.get("/admin/").text)
