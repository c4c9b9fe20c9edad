from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from catalog.api.urls import urlpatterns
from catalog.models import Category, Delivery, Picture
from tests.catalog.goods import codes, product, variant

pytestmark = pytest.mark.django_db


def names(client: Client, query: str = "") -> list[str]:
    return [each["name"] for each in client.get(f"/api/products/{query}").json()["results"]]


def one(client: Client, slug: str = "mug") -> dict[str, Any]:
    return client.get(f"/api/products/{slug}/").json()


def test_a_product_is_shown_with_everything_needed_to_buy_it(client: Client):
    mug = product(description="Holds a pint.")
    variant(mug, "0.0500000", on_hand=5, reserved=2, sku="MUG", option="")
    variant(mug, "12", on_hand=0, tracked=False, sku="MUG-PDF", option="Plan", delivery=Delivery.DOWNLOAD)
    Picture.objects.create(product=mug, image="products/m.webp", width=1000, height=800, alt="A blue mug")

    expected = {
        "slug": "mug",
        "name": "Mug",
        "description": "Holds a pint.",
        "category": {"name": "Home", "slug": "home"},
        "pictures": [
            {
                "url": "http://testserver/media/products/m.webp",
                "alt": "A blue mug",
                "width": 1000,
                "height": 800,
            }
        ],
        "variants": [
            {
                "sku": "MUG",
                "option": "",
                "price": "0.05",
                "available": 3,
                "sold_out": False,
                "delivery": "physical",
            },
            {
                "sku": "MUG-PDF",
                "option": "Plan",
                "price": "12",
                "available": None,
                "sold_out": False,
                "delivery": "download",
            },
        ],
    }
    assert one(client) == expected
    assert client.get("/api/products/").json() == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [expected],
    }


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("0.0000001", "0.0000001"),
        ("0.0500000", "0.05"),
        ("1.0", "1"),
        ("100", "100"),
        ("12345678.1234567", "12345678.1234567"),
    ],
)
def test_a_price_is_text_without_needless_zeros(client: Client, price, text):
    variant(price=price)

    assert one(client)["variants"][0]["price"] == text


def test_the_api_shows_sold_out_but_neither_files_nor_codes(client: Client):
    codes(file="goods/secret.pdf")

    assert one(client)["variants"] == [
        {
            "sku": "mug-0",
            "option": "",
            "price": "1",
            "available": 0,
            "sold_out": True,
            "delivery": "code",
        }
    ]


def test_an_unpublished_product_is_not_found(client: Client):
    variant(product(published=False))

    assert names(client) == []
    assert client.get("/api/products/mug/").status_code == 404
    assert client.get("/api/products/nothing/").status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Kettle", "Mug", "Oolong"]),
        ("?category=home", ["Kettle", "Mug"]),
        ("?category=pantry", ["Oolong"]),
        ("?category=nowhere", []),
        ("?category=", ["Kettle", "Mug", "Oolong"]),
        ("?search=MUG", ["Mug"]),
        ("?search=leaves", ["Oolong"]),
        ("?search=pantry", ["Oolong"]),
        ("?search=tea", ["Kettle", "Oolong"]),
        ("?search=tea+black", ["Oolong"]),
        ("?search=+", ["Kettle", "Mug", "Oolong"]),
        ("?search=%25", []),
        ("?search=tea&category=home", ["Kettle"]),
    ],
)
def test_the_list_is_narrowed_by_category_and_words(client: Client, query, expected):
    pantry = Category.objects.create(name="Pantry", slug="pantry")
    variant(product("Mug"))
    variant(product("Kettle", description="For tea."))
    variant(product("Oolong", description="Black tea leaves.", category=pantry))

    assert names(client, query) == expected


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?category=%00", 400),
        ("?category=a+b", 400),
        ("?search=%00", 400),
        (f"?search={'x' * 101}", 400),
        ("?page=0", 404),
        ("?page=2", 404),
        ("?page=x", 404),
        ("?page_size=x", 200),
    ],
)
def test_invalid_filters_are_refused(client: Client, query, status):
    variant()

    answer = client.get(f"/api/products/{query}")

    assert answer.status_code == status
    assert (set(answer.json()) >= {"error", "message"}) == (status >= 400)


def test_pages_neither_repeat_nor_skip_products_with_the_same_name(client: Client):
    for number in range(5):
        variant(product("Mug", slug=f"mug-{number}"))

    pages = [client.get(f"/api/products/?page_size=2&page={page}").json() for page in (1, 2, 3)]

    assert [page["count"] for page in pages] == [5, 5, 5]
    assert pages[0]["next"] == "http://testserver/api/products/?page=2&page_size=2"
    slugs = [each["slug"] for page in pages for each in page["results"]]
    assert sorted(slugs) == [f"mug-{number}" for number in range(5)]


@pytest.mark.parametrize("asked", [101, 10**30])
def test_a_page_has_at_most_a_hundred_products(client: Client, asked):
    for number in range(101):
        variant(product("Mug", slug=f"mug-{number}"))

    assert len(names(client, f"?page_size={asked}")) == 100


def test_a_page_of_many_products_takes_four_queries(client: Client, django_assert_num_queries):
    for number in range(10):
        mug = product("Mug", slug=f"mug-{number}")
        variant(mug), variant(mug)
        Picture.objects.create(product=mug, image="m.webp", width=1, height=1, alt="a mug")

    with django_assert_num_queries(4):
        client.get("/api/products/")
    with django_assert_num_queries(3):
        client.get("/api/products/mug-1/")


def test_an_expired_token_hides_nothing(client: Client):
    variant()

    answer = client.get("/api/products/", headers={"Authorization": "Bearer ran-out"})

    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_catalogue_can_only_be_read(client: Client, method):
    variant()

    for path in ("/api/products/", "/api/products/mug/"):
        assert getattr(client, method)(path, content_type="application/json").status_code == 405


def test_the_schema_describes_parameters_and_answers_of_the_list():
    schema = SchemaGenerator(patterns=urlpatterns).get_schema(public=True)

    operation = schema["paths"]["/api/products/"]["get"]
    assert {each["name"] for each in operation["parameters"]} == {"category", "search", "page", "page_size"}
    assert operation["security"] == [{}]
    assert set(operation["responses"]) == {"200", "400", "404", "429", "503"}
    shown = schema["components"]["schemas"]["Variant"]["properties"]
    assert (shown["price"]["type"], shown["price"]["format"]) == ("string", "decimal")
    assert "nullable" not in schema["components"]["schemas"]["Picture"]["properties"]["url"]
    assert (shown["available"]["type"], shown["available"]["nullable"]) == ("integer", True)
