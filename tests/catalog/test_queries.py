from decimal import Decimal

import pytest

from catalog import queries
from catalog.models import Picture
from tests.catalog.goods import product, variant

pytestmark = pytest.mark.django_db


def test_published_leaves_out_unpublished_products_and_those_without_variants():
    shown, hidden = product("Mug"), product("Jug", published=False)
    product("Empty")
    variant(shown), variant(hidden)

    assert list(queries.published()) == [shown]


def test_published_takes_three_queries_however_many_products(django_assert_num_queries):
    for name in ("Mug", "Jug", "Cup"):
        variant(product(name))

    with django_assert_num_queries(3):
        for each in queries.published():
            _ = each.category.name, each.price_from, each.several_prices, each.sold_out
            _ = each.picture, each.plain_variant, [v.label for v in each.variants.all()]


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ([("2", 1)], (Decimal(2), False, False)),
        ([("2", 0)], (Decimal(2), False, True)),
        ([("2", 1), ("2", 1)], (Decimal(2), False, False)),
        ([("3", 1), ("2", 1)], (Decimal(2), True, False)),
        ([("3", 1), ("2", 0)], (Decimal(3), False, False)),
        ([("3", 0), ("2", 0)], (Decimal(2), True, True)),
    ],
    ids=["one", "one sold out", "same price", "two prices", "the cheaper is sold out", "all sold out"],
)
def test_the_price_shown_is_the_lowest_a_buyer_can_get_now(variants, expected):
    mug = product()
    for price, on_hand in variants:
        variant(mug, price, on_hand)

    assert (mug.price_from, mug.several_prices, mug.sold_out) == expected


def test_only_a_product_without_choice_has_a_plain_variant():
    mug = product()
    only = variant(mug)

    assert mug.plain_variant == only
    variant(mug)
    assert mug.plain_variant is None


def test_the_picture_is_the_first_by_position():
    mug = product()

    assert mug.picture is None
    Picture.objects.create(product=mug, image="b.png", width=1, height=1, alt="back", position=2)
    front = Picture.objects.create(product=mug, image="a.png", width=1, height=1, alt="front", position=1)
    assert mug.picture == front
