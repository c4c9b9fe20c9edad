"""What machines ask: load balancers, Pi's developer portal, and PiNet when somebody shares a link."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Picture, Product
from tests.catalog.goods import product, variant

PROBES = ["/healthz", "/readyz", "/validation-key.txt"]
KEY = "0123456789abcdef" * 8


@pytest.fixture
def key(settings: Any) -> str:
    settings.PI_VALIDATION_KEY = KEY
    return KEY


# Alive and ready ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_alive_asks_nothing_of_the_database() -> None:
    with CaptureQueriesContext(connection) as queries:
        response = Client().get("/healthz")

    assert (response.status_code, response.json(), len(queries)) == (200, {"status": "ok"}, 0)


@pytest.mark.django_db
def test_ready_with_a_database_that_has_all_migrations() -> None:
    response = Client().get("/readyz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_not_ready_while_migrations_are_missing() -> None:
    MigrationRecorder.Migration.objects.filter(app="payments").latest("id").delete()

    response = Client().get("/readyz")

    assert (response.status_code, response.json()) == (503, {"status": "migrations missing"})


@pytest.mark.django_db
def test_not_ready_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise OperationalError("the server is gone")

    monkeypatch.setattr(CursorWrapper, "execute", refuse)

    response = Client().get("/readyz")

    assert (response.status_code, response.json()) == (503, {"status": "no database"})


@pytest.mark.django_db
@pytest.mark.parametrize("path", PROBES)
def test_machines_are_answered_without_a_redirect_and_without_a_cookie(
    settings: Any, key: str, path: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True

    response = Client().get(path)

    assert (response.status_code, len(response.cookies)) == (200, 0)


@pytest.mark.parametrize("path", ["/", "/user/me", "/healthzz", "/x/validation-key.txt"])
def test_everybody_else_is_led_to_https(settings: Any, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True

    response = Client().get(path)

    assert (response.status_code, response["Location"]) == (301, f"https://testserver{path}")


@pytest.mark.django_db
@pytest.mark.parametrize("path", PROBES)
def test_machines_may_ask_for_the_head_alone(key: str, path: str) -> None:
    response = Client().head(path)

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("path", PROBES)
def test_machines_post_nothing(key: str, path: str) -> None:
    assert Client().post(path).status_code == 405


# Whose domain it is ------------------------------------------------------------------------------------


def test_the_validation_key_is_bare_text(key: str) -> None:
    response = Client().get("/validation-key.txt")

    assert (response.content, response["Content-Type"]) == (KEY.encode(), "text/plain")


def test_without_a_validation_key_there_is_no_such_page(settings: Any) -> None:
    settings.PI_VALIDATION_KEY = ""

    assert Client().get("/validation-key.txt").status_code == 404


# What a shared link shows ------------------------------------------------------------------------------

SHOP = {"title": "pistore", "description": "A shop that takes Pi."}
TEA = {"title": "Green tea", "description": "Picked by hand."}


def meta(pathname: str | None) -> Any:
    response = Client().get("/pinet/meta", {} if pathname is None else {"pathname": pathname})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    return response.json()


def without_image(shown: dict[str, str]) -> dict[str, Any]:
    return {**shown, "openGraph": {"type": "website", **shown}, "twitter": {"card": "summary", **shown}}


@pytest.fixture
def tea(db: None) -> Product:
    return variant(product("Green tea", slug="tea", description="Picked\nby  hand.")).product


def test_the_link_to_a_product_shows_the_product(tea: Product) -> None:
    assert meta("/products/tea/") == without_image(TEA)


@pytest.mark.parametrize(
    "pathname",
    [
        "/products/tea",
        "/products/tea/?ref=alice",
        "/products/tea?ref=alice",
        "/products/tea/#reviews",
        "/products/te%61/",
        "http://testserver/products/tea/",
        "https://TESTSERVER/products/tea?ref=alice#reviews",
        "https://testserver:443/products/tea/",
    ],
)
def test_a_link_as_people_share_it_shows_the_product(tea: Product, pathname: str) -> None:
    assert meta(pathname) == without_image(TEA)


@pytest.mark.parametrize(
    "pathname",
    [
        "//elsewhere.example/products/tea/",
        "https://elsewhere.example/products/tea",
        "https://testserver@elsewhere.example/products/tea/",
        "http://[/products/tea/",
        "?/products/tea/",
        "#/products/tea/",
        "/products/tea//",
    ],
)
def test_a_link_that_leads_elsewhere_shows_the_shop(tea: Product, pathname: str) -> None:
    assert meta(pathname) == without_image(SHOP)


def test_a_product_is_shown_with_its_first_picture(tea: Product) -> None:
    size = {"width": 3, "height": 2}
    Picture.objects.create(product=tea, image="field.png", alt="The field", position=2, **size)
    Picture.objects.create(product=tea, image="cup.png", alt="A cup", position=1, **size)
    shown = {**TEA, "images": [{"url": "http://testserver/media/cup.png", "alt": "A cup", **size}]}

    assert meta("/products/tea/") == {
        **TEA,
        "openGraph": {"type": "website", **shown},
        "twitter": {"card": "summary_large_image", **shown},
    }


def test_what_a_product_does_not_have_is_left_out(tea: Product) -> None:
    Product.objects.update(description=" ")

    assert meta("/products/tea/") == without_image({"title": "Green tea"})


def test_a_long_description_is_cut(tea: Product) -> None:
    Product.objects.update(description="x" * 5_000)

    assert meta("/products/tea/")["description"] == "x" * 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "pathname",
    [
        None,
        "",
        "/",
        "/orders/",
        "/products/unknown/",
        "/products/",
        "/products/tea",
        "products/tea/",
        "/admin/",
        "/products/\x00/",
        "/products/\ud800/",
        "/products/../tea/",
        "//elsewhere.example/products/tea/",
        "https://elsewhere.example/",
        "🙂",
        "/" + "x" * 50_000,
    ],
)
def test_every_other_link_shows_the_shop(pathname: str | None) -> None:
    encoded = pathname.encode("utf-8", "surrogatepass") if pathname is not None else None

    assert meta(encoded) == without_image(SHOP)  # type: ignore[arg-type]


def test_pinet_is_told_nothing_of_unpublished_products(tea: Product) -> None:
    Product.objects.update(published=False)

    assert meta("/products/tea/") == without_image(SHOP)
