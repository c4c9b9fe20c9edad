"""The database refuses what must never be in the catalogue, whoever writes it."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from catalog.models import Category, Delivery, DeliveryCode, Picture, Product, Variant
from tests.catalog.goods import codes, product, variant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "change",
    [
        {"price": Decimal(0)},
        {"price": Decimal(-1)},
        {"reserved": -1},
        {"on_hand": -1},
        {"reserved": -1, "tracked": False},
        {"reserved": 6},
        {"reserved": 1, "on_hand": 0},
        {"delivery": "pigeon"},
        {"delivery": Delivery.CODE, "tracked": False},
    ],
    ids=str,
)
def test_the_database_refuses_a_variant_with(change):
    tea = variant(on_hand=5)

    with pytest.raises(IntegrityError), transaction.atomic():
        Variant.objects.filter(pk=tea.pk).update(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"price": Decimal("0.0000001")},
        {"price": Decimal("99999999.9999999")},
        {"reserved": 5},
        {"reserved": 6, "tracked": False},
        {"delivery": Delivery.CODE},
    ],
    ids=str,
)
def test_the_database_takes_a_variant_with(change):
    tea = variant(on_hand=5)

    Variant.objects.filter(pk=tea.pk).update(**change)

    assert Variant.objects.values(*change).get(pk=tea.pk) == change


def _second_category():
    Category.objects.create(name="Home", slug="other")


def _second_category_slug():
    Category.objects.create(name="Other", slug="home")


def _second_product_slug():
    product("Jug", slug="mug")


def _second_sku():
    variant(product("Jug"), sku="mug-0")


def _second_option():
    variant(Product.objects.get(), option="")


def _second_code():
    codes_elsewhere = variant(product("Jug"), delivery=Delivery.CODE)
    DeliveryCode.objects.create(variant=codes_elsewhere, text="AAA")


@pytest.mark.parametrize(
    "create",
    [
        _second_category,
        _second_category_slug,
        _second_product_slug,
        _second_sku,
        _second_option,
        _second_code,
    ],
)
def test_the_database_refuses_a(create):
    codes("AAA")

    with pytest.raises(IntegrityError), transaction.atomic():
        create()


@pytest.mark.parametrize("sku", ["", "tea time", "-tea", "tea\n", "tea/1", "tée"])
def test_a_sku_has_only_letters_digits_dots_dashes_and_underscores(sku):
    tea = variant()
    tea.sku = sku

    with pytest.raises(ValidationError) as refused:
        tea.full_clean()
    assert list(refused.value.message_dict) == ["sku"]


@pytest.mark.parametrize("price", ["0", "-1", "0.00000001", "123456789", "NaN", "Infinity"])
def test_a_price_is_above_zero_with_eight_digits_before_the_point_and_seven_after(price):
    tea = variant()
    tea.price = Decimal(price)

    with pytest.raises(ValidationError) as refused:
        tea.full_clean(validate_constraints=False)
    assert list(refused.value.message_dict) == ["price"]


def test_a_price_comes_back_as_it_was_written():
    tea = variant(price="12345678.1234567")

    tea.refresh_from_db()

    assert tea.price == Decimal("12345678.1234567")


def test_deleting_a_product_that_was_never_ordered_deletes_its_variants_and_pictures():
    mug = variant().product
    Picture.objects.create(product=mug, image="mug.png", width=1, height=1, alt="a mug")

    mug.delete()

    assert (Variant.objects.count(), Picture.objects.count()) == (0, 0)


def test_a_product_with_codes_cannot_be_deleted():
    voucher = codes("AAA").product

    with pytest.raises(ProtectedError):
        voucher.delete()


def test_a_category_with_products_cannot_be_deleted():
    mug = product()

    with pytest.raises(ProtectedError):
        mug.category.delete()


@pytest.mark.parametrize(
    ("fields", "available", "sold_out"),
    [
        ({"on_hand": 3, "reserved": 0}, 3, False),
        ({"on_hand": 3, "reserved": 2}, 1, False),
        ({"on_hand": 3, "reserved": 3}, 0, True),
        ({"on_hand": 0, "reserved": 0}, 0, True),
        ({"on_hand": 0, "reserved": 2, "tracked": False}, None, False),
    ],
    ids=["all left", "some promised", "all promised", "none left", "unlimited"],
)
def test_available_units_are_those_not_promised(fields, available, sold_out):
    tea = variant(**fields)

    assert (tea.available, tea.sold_out) == (available, sold_out)


def test_a_variants_name_is_its_product_and_option():
    mug = product()

    assert [str(variant(mug)), str(variant(mug, option="Large"))] == ["Mug", "Mug – Large"]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, ""),
        ({"file": "goods/Cook_Book_Yu2uXP8.pdf"}, "Cook_Book_Yu2uXP8.pdf"),
        ({"file": "goods/Cook_Book_Yu2uXP8.pdf", "file_name": "Cook Book.pdf"}, "Cook Book.pdf"),
    ],
    ids=["no file", "from before names were kept", "as staff named it"],
)
def test_a_file_is_named_as_staff_named_it_or_as_it_is_stored(fields, name):
    assert variant(**fields).download_name == name


def test_the_string_of_a_code_does_not_contain_its_text():
    code = codes("SECRET-1").codes.get()

    assert "SECRET" not in f"{code} {code!r}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("ABCD-EFGH-1234", "••••1234"), ("ABCDEFGH1234", "••••1234"), ("ABCDEFG1234", "••••"), ("A", "••••")],
)
def test_of_a_code_at_most_its_end_is_shown(text, shown):
    assert DeliveryCode(text=text).masked == shown
