"""The buyer's pages: what they show, to whom, and what they never do (set a cookie, run inline code)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from catalog.models import Delivery, Picture, Product, Variant
from payments.models import Order, OrderLine, Pioneer
from payments.statuses import OrderStatus
from storefront import downloads
from storefront.receipt import receipt_for
from tests.catalog.goods import product, variant
from tests.payments import situations, stories
from tests.payments.page import Page

pytestmark = pytest.mark.django_db

PAGES = [
    "/",
    "/?page=2",
    "/c/home/",
    "/products/mug/",
    "/basket/",
    "/basket/?line=mug:1",
    "/orders/",
    "/orders/XXXX-XXXX-XX/",
]
PRIVATE = ["/fragments/orders/", "/fragments/orders/XXXX-XXXX-XX/"]


def fragment(page: Page, path: str, **query: str) -> HttpResponse:
    return page.client.get(path, query, headers={"Authorization": f"Bearer {page.token}"})


def receipt(page: Page, order: Order) -> str:
    answer = fragment(page, f"/fragments/orders/{order.reference}/")
    assert answer.status_code == 200
    return answer.content.decode()


def verdict(page: Page, order: Order) -> str:
    match = re.search(r'data-verdict="(\w+)"', receipt(page, order))
    assert match is not None
    return match[1]


# Every page ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("typed", "page"),
    [
        ("/products/mug", "/products/mug/"),
        ("/products/mug?ref=alice&ref=%C3%A9", "/products/mug/?ref=alice&ref=%C3%A9"),
        ("/orders", "/orders/"),
        ("/orders/XXXX-XXXX-XX", "/orders/XXXX-XXXX-XX/"),
        ("/basket?line=mug:1", "/basket/?line=mug:1"),
        ("/c/home", "/c/home/"),
    ],
)
def test_an_address_without_its_last_slash_leads_to_the_page(method: str, typed: str, page: str) -> None:
    answer = Client().generic(method, typed)

    assert (answer.status_code, answer["Location"]) == (301, page)


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/products/mug",
        "///orders",
        "/products",
        "/products/no/such",
        "/fragments/orders",
        "/downloads/a:b",
        "/api/products",
        "/payments/approve/x",
    ],
)
def test_no_other_address_is_redirected(path: str) -> None:
    # The client itself would take what follows two slashes for a host.
    assert Client().get("/", PATH_INFO=path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/products/mug", "/basket", "/orders", "/payments/approve", "/user/signin"])
def test_only_reading_is_redirected(method: str, path: str) -> None:
    answer = Client().generic(method, path, "{}", content_type="application/json")

    assert "Location" not in answer


@pytest.mark.parametrize("path", PAGES)
def test_a_page_sets_no_cookie_and_may_be_framed_by_pi_alone(alice: Page, path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 200
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert "X-Frame-Options" not in answer
    assert f"frame-ancestors {' '.join(settings.PI_FRAME_ANCESTORS)}" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("path", [*PAGES, "/nowhere/"])
def test_a_page_holds_nothing_that_the_policy_forbids(alice: Page, path: str) -> None:
    html = Client().get(path).content.decode()

    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", html) == []
    assert [tag for tag in re.findall(r"<script[^>]*>", html) if "src=" not in tag] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_reading_only(alice: Page, path: str) -> None:
    assert Client().post(path).status_code == 405


@pytest.mark.parametrize("path", ["/fragments/basket/", *PRIVATE, "/admin/nowhere/"])
def test_everything_else_may_be_framed_by_nobody_and_sets_no_cookie(alice: Page, path: str) -> None:
    answer = Client().get(path)

    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert not answer.cookies


@pytest.mark.parametrize("path", ["/nowhere/", "/products/hidden/", "/c/nothing/", "/downloads/forged/"])
def test_a_missing_page_is_answered_with_the_shops_own_page(alice: Page, path: str) -> None:
    variant(product("Hidden", published=False))

    answer = Client().get(path)

    assert answer.status_code == 404
    assert "Page not found" in answer.content.decode()
    assert "https://sandbox.minepi.com" in answer["Content-Security-Policy"], "also inside Pi's frame"


@pytest.mark.parametrize("path", ["/products/taken-down/", "/c/nothing/", "/downloads/forged/"])
def test_the_demo_shows_the_same_not_found_page(settings: Settings, path: str) -> None:
    settings.DEBUG = True  # as in the demo, where Django would rather show a page of its own

    answer = Client().get(path)

    assert answer.status_code == 404
    assert "no longer for sale" in answer.content.decode()
    assert "X-Frame-Options" not in answer


def test_a_wrong_host_is_refused_and_nothing_breaks(alice: Page) -> None:
    answer = alice.client.get("/", headers={"host": "evil.example"})

    assert answer.status_code == 400
    assert "could not understand" in answer.content.decode()


def test_a_failure_is_told_in_the_shops_own_words(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storefront.views.published", lambda: 1 / 0)

    answer = Client(raise_request_exception=False).get("/")

    assert answer.status_code == 500
    assert "You don’t need to pay again" in answer.content.decode()


# Shop window and products ------------------------------------------------------------------------------


def test_the_shop_window_shows_what_is_published(alice: Page) -> None:
    variant(product("Hidden", published=False))
    variant(product("Vase"), price="3", on_hand=0)

    html = Client().get("/").content.decode()

    assert re.findall(r'card-name">([^<]+)', html) == ["Book", "Mug", "Vase", "Voucher"]
    assert html.count("Sold out") == 1
    assert "1.5\N{NO-BREAK SPACE}Test-π" in html


def test_a_list_of_products_costs_the_same_queries_whatever_its_length(
    alice: Page, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(20):
        variant(product(f"Plate-{n}"), price="3", on_hand=1)

    # Count, products, variants, pictures, categories.
    with django_assert_num_queries(5):
        Client().get("/")


def test_a_long_list_of_products_is_shown_in_pages(alice: Page) -> None:
    for n in range(30):
        variant(product(f"Plate-{n:02}"), price="3", on_hand=1)

    html = Client().get("/?page=2").content.decode()

    assert "Page 2 of 2" in html
    assert html.count('class="card"') == 9


def test_a_category_without_goods_is_no_chip(alice: Page) -> None:
    html = Client().get("/").content.decode()

    assert re.findall(r'class="chip"[^>]*>([^<]+)', html) == ["Everything", "Home"]


def test_a_product_without_choice_offers_its_one_variant(
    alice: Page, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):
        html = Client().get("/products/mug/").content.decode()

    assert 'type="hidden" name="sku" value="mug"' in html
    assert "Shipped to your door" in html


def test_a_product_with_a_choice_offers_what_can_be_had_first(alice: Page) -> None:
    shirt = product("Shirt")
    variant(shirt, option="S", on_hand=0)
    variant(shirt, option="M", price="2", on_hand=3)

    html = Client().get("/products/shirt/").content.decode()

    assert re.findall(r'<input type="radio"[^>]*value="([\w-]+)"[^>]*? (disabled|checked)>', html) == [
        ("shirt-0", "disabled"),
        ("shirt-1", "checked"),
    ]
    assert 'class="price">2\N{NO-BREAK SPACE}Test-π' in html
    assert "Only 3 left" in html


def test_what_is_sold_out_offers_no_button(alice: Page) -> None:
    variant(product("Vase"), on_hand=0)

    html = Client().get("/products/vase/").content.decode()

    assert "Sold out" in html
    assert "Buy now" not in html


def test_a_picture_tells_its_size_and_what_it_shows(alice: Page) -> None:
    mug = Product.objects.get(slug="mug")
    Picture.objects.create(product=mug, image=ContentFile(PIXEL, "mug.gif"), alt="A mug on a table")

    html = Client().get("/products/mug/").content.decode()

    assert 'alt="A mug on a table" width="1" height="1"' in html


PIXEL = base64.b64decode("R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=")


def test_the_test_network_is_named_and_the_real_one_is_not(alice: Page, settings: Settings) -> None:
    assert "Test-π has no value" in Client().get("/").content.decode()

    settings.PI_NETWORK = "Pi Network"

    html = Client().get("/products/mug/").content.decode()
    assert "Test" not in html
    assert "1.5\N{NO-BREAK SPACE}π" in html


# The basket ------------------------------------------------------------------------------------------


def basket(*lines: str, **query: str) -> str:
    return Client().get("/fragments/basket/", {"line": lines, **query}).content.decode()


def test_the_basket_is_priced_by_us(alice: Page, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2):
        html = basket("mug:2", "book:1")

    assert "3.25\N{NO-BREAK SPACE}Test-π" in html
    assert json.loads(unescape(re.search(r'data-lines="([^"]+)"', html)[1])) == [
        {"sku": "mug", "quantity": 2},
        {"sku": "book", "quantity": 1},
    ]


@pytest.mark.parametrize(("sku", "asked"), [("mug", True), ("book", False), ("voucher", False)])
def test_an_address_is_asked_for_what_is_shipped_only(alice: Page, sku: str, asked: bool) -> None:
    assert ("Where should we send it?" in basket(f"{sku}:1")) is asked


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mug:11", "Only 10 left."),
        ("vase-0:1", "Sold out. Please remove it."),
        ("hidden-0:1", "This is no longer for sale. Please remove it."),
        ("nothing:1", "This is no longer for sale. Please remove it."),
    ],
)
def test_what_cannot_be_ordered_is_named_and_stops_the_checkout(alice: Page, line: str, words: str) -> None:
    variant(product("Vase"), on_hand=0)
    variant(product("Hidden", published=False))

    html = basket("book:1", line)

    assert words in html
    assert '<button class="button main-button" disabled>' in html


@pytest.mark.parametrize("line", ["", "mug", "mug:0", "mug:-1", "mug:1.5", "<b>:1", "mug:1:1", "mug:9999999"])
def test_a_line_that_makes_no_sense_is_left_out(alice: Page, line: str) -> None:
    assert "Your basket is empty" in basket(line)
    assert "data-buy-now" not in Client().get("/basket/", {"line": line}).content.decode()


def test_a_basket_is_read_up_to_what_an_order_may_hold(alice: Page) -> None:
    html = basket(*(f"nothing-{n}:1" for n in range(80)))

    assert html.count("data-line=") == 50


# Private fragments -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic x", "Bearer " + "x" * 5000])
def test_a_stranger_is_asked_to_sign_in(alice: Page, path: str, header: str) -> None:
    answer = Client().get(path, headers={"Authorization": header} if header else {})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_an_order_of_somebody_else_does_not_exist(alice: Page, bob: Page) -> None:
    order = alice.buy({"voucher": 1})
    answers, asked = [], []

    for name in (order.reference, "XXXX-XXXX-XX"):
        with CaptureQueriesContext(connection) as queries:
            answers.append(fragment(bob, f"/fragments/orders/{name}/"))
        asked.append([query["sql"].replace(name, "") for query in queries])

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert asked[0] == asked[1]


def test_private_parts_are_kept_by_no_cache(alice: Page) -> None:
    answer = fragment(alice, "/fragments/orders/")

    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]


def test_my_orders_are_mine_newest_first(alice: Page, bob: Page) -> None:
    bob.buy({"mug": 1})
    first, second = alice.buy({"mug": 1}), alice.buy({"voucher": 1, "book": 1})

    html = fragment(alice, "/fragments/orders/").content.decode()

    assert re.findall(r'href="/orders/([\w-]+)/"', html) == [second.reference, first.reference]


def test_my_orders_cost_the_same_however_many_there_are(
    alice: Page, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for made in (1, 2, 3):
        for story in (stories.pending, stories.paid_twice, stories.review):
            story(alice)

        # The pioneer, the orders; their lines, the variants of these, payments, refunds.
        with django_assert_num_queries(6):
            html = fragment(alice, "/fragments/orders/").content.decode()

        assert html.count('class="order-row"') == 3 * made


def test_a_buyer_without_orders_is_told_so(alice: Page) -> None:
    assert "You have not ordered anything yet" in fragment(alice, "/fragments/orders/").content.decode()


# What is true about an order -------------------------------------------------------------------------------


def test_an_unpaid_order_offers_exactly_the_payment_that_the_api_offers(alice: Page) -> None:
    placed = alice.order({"mug": 2})

    html = receipt(alice, Order.objects.get())

    button = re.search(r'data-pay="([^"]+)"', html)
    assert json.loads(unescape(button[1])) == placed["payment"]
    assert "Pay 3\N{NO-BREAK SPACE}Test-π" in html


def test_a_receipt_holds_the_goods(alice: Page, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    order = alice.buy({"mug": 1, "book": 1, "voucher": 2})

    # The pioneer, the order, lines, codes handed over, their texts, payments, refunds.
    with django_assert_num_queries(7):
        html = receipt(alice, order)

    assert re.findall(r'<code translate="no">(CODE[^<]+)', html) == ["CODE-000", "CODE-001"]
    assert html.count('href="/downloads/') == 1
    assert "We will ship to" in html
    assert "1 Main Street<br>Springfield" in html


def test_an_unpaid_order_shows_no_goods(alice: Page) -> None:
    alice.approved({"book": 1, "voucher": 1})

    html = receipt(alice, Order.objects.get())

    assert "CODE-" not in html
    assert "/downloads/" not in html


def test_an_unchanged_receipt_is_answered_with_204(alice: Page) -> None:
    order = alice.buy({"voucher": 1})
    shown = receipt_for(Pioneer.objects.get(username="alice"), order.reference).stamp

    path = f"/fragments/orders/{order.reference}/"

    assert fragment(alice, path, seen=shown).status_code == 204
    assert fragment(alice, path, seen="something else").status_code == 200


@pytest.mark.parametrize(
    ("story", "key", "words"),
    [
        (stories.pending, "pending", "Ready to pay"),
        (stories.sold_out_meanwhile, "sold_out", "Sold out before you paid"),
        (stories.reserved, "signature", "Payment in progress"),
        (stories.signed, "finishing", "You have paid, so please don’t pay again"),
        (stories.paid, "paid", "Thank you for your payment"),
        (stories.fulfilled, "fulfilled", "Paid and delivered"),
        (stories.shipped, "fulfilled", "Your parcel is on its way"),
        (stories.expired, "expired", "This order has expired"),
        (stories.cancelled, "cancelled", "If a payment still arrives late, our staff will look into it"),
        (stories.review, "review", "You don’t need to pay again"),
        (stories.doubtful, "doubt", "Please don’t pay again"),
        (stories.doubted_and_cancelled, "doubt", "Please don’t pay again"),
        (stories.doubted_and_expired, "doubt", "Please don’t pay again"),
        (stories.unused, "review", "You don’t need to pay again"),
        (stories.unused_and_cancelled, "review", "You don’t need to pay again"),
        (stories.unused_and_back, "pending", "Ready to pay"),
        (stories.going_back, "returning", "Your refund is on its way"),
        (stories.refunded, "refunded", "This order was refunded"),
    ],
)
def test_a_receipt_says_what_is_true_and_what_comes_next(
    alice: Page, story: Callable[[Page], Order], key: str, words: str
) -> None:
    order = story(alice)

    assert verdict(alice, order) == key
    assert words in receipt(alice, order)


@pytest.mark.parametrize(
    ("story", "may_pay"),
    [
        (stories.pending, True),
        (stories.sold_out_meanwhile, False),
        (stories.reserved, False),
        (stories.signed, False),
        (stories.paid, False),
        (stories.expired, False),
        (stories.cancelled, False),
        (stories.review, False),
        (stories.unused, False),
        (stories.refunded, False),
    ],
)
def test_only_an_order_that_waits_for_money_can_be_paid(
    alice: Page, story: Callable[[Page], Order], may_pay: bool
) -> None:
    assert ("data-pay=" in receipt(alice, story(alice))) is may_pay


@pytest.mark.parametrize(
    ("story", "heading"),
    [
        (stories.pending, "Ship to"),
        (stories.reserved, "Ship to"),
        (stories.paid, "We will ship to"),
        (stories.shipped, "Shipped to"),
        (stories.expired, "Address"),
        (stories.cancelled, "Address"),
        (stories.review, "Address"),
        (stories.refunded, "Address"),
    ],
)
def test_an_address_is_shipped_to_only_where_something_will_be(
    alice: Page, story: Callable[[Page], Order], heading: str
) -> None:
    html = receipt(alice, story(alice))

    assert re.search("<h2>([^<]*)</h2>\\s*<address ", html)[1] == heading


def test_a_second_payment_that_goes_back_does_not_hide_the_goods(alice: Page) -> None:
    order = alice.buy({"voucher": 1})
    situations.approve(situations.pay_again(alice, order).refunds.get())

    html = receipt(alice, order)

    assert verdict(alice, order) == "fulfilled"
    assert "CODE-000" in html
    assert "is on its way to your wallet" in html


# Downloads ---------------------------------------------------------------------------------------------


def bought_book(alice: Page) -> str:
    """Buy the book and return the link in the receipt."""
    path = Path(settings.DOWNLOADS_ROOT) / "goods" / "book.pdf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"once upon a time")
    return re.search(r'href="(/downloads/[^"]+)"', receipt(alice, alice.buy({"book": 1})))[1]


def test_a_download_needs_nothing_but_its_link(alice: Page) -> None:
    answer = Client().get(bought_book(alice))

    assert b"".join(answer) == b"once upon a time"
    assert answer["Content-Disposition"] == 'attachment; filename="book.pdf"'
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies


def test_a_download_is_resumed_with_the_link_of_a_fresh_receipt(alice: Page) -> None:
    link = bought_book(alice)
    content = bytes(range(256)) * 40
    (Path(settings.DOWNLOADS_ROOT) / "goods" / "book.pdf").write_bytes(content)

    start = Client().get(link)
    arrived = b"".join(start)[:9_000]  # and then the network was gone
    fresh = re.search(r'href="(/downloads/[^"]+)"', receipt(alice, Order.objects.get()))[1]
    rest = Client().get(fresh, headers={"Range": f"bytes={len(arrived)}-", "If-Range": start["ETag"]})

    assert (rest.status_code, arrived + b"".join(rest)) == (206, content)
    assert rest["Content-Disposition"] == start["Content-Disposition"]
    assert "no-store" in rest["Cache-Control"]


def test_a_download_is_named_as_staff_named_it(alice: Page) -> None:
    link = bought_book(alice)
    Variant.objects.filter(sku="book").update(file_name="Книга рецептов.pdf")

    answer = Client().get(link)

    assert b"".join(answer) == b"once upon a time"
    name = answer["Content-Disposition"].removeprefix("attachment; filename*=utf-8''")
    assert unquote(name) == "Книга рецептов.pdf"


def test_a_download_is_sent_anew_when_its_file_has_been_replaced(alice: Page) -> None:
    link = bought_book(alice)
    before = Client().get(link)
    assert b"".join(before) == b"once upon a time"
    Variant.objects.get(sku="book").file.save("book.pdf", ContentFile(b"second edition"))

    answer = Client().get(link, headers={"Range": "bytes=5-", "If-Range": before["ETag"]})

    assert (answer.status_code, b"".join(answer)) == (200, b"second edition")


def test_a_download_link_expires_after_ten_minutes(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    assert timedelta(minutes=10) == downloads.VALID_FOR
    link = bought_book(alice)
    monkeypatch.setattr(downloads, "VALID_FOR", timedelta(seconds=-1))

    answer = Client().get(link)

    assert answer.status_code == 410
    assert "open your order for a new link" in answer.content.decode()
    assert "https://sandbox.minepi.com" in answer["Content-Security-Policy"], "also inside Pi's frame"
    assert "X-Frame-Options" not in answer


def test_a_file_that_is_not_there_stays_the_buyers(alice: Page, caplog: pytest.LogCaptureFixture) -> None:
    link = bought_book(alice)
    (Path(settings.DOWNLOADS_ROOT) / "goods" / "book.pdf").unlink()

    answer = Client().get(link)

    assert answer.status_code == 503
    assert "The file is still yours" in answer.content.decode()
    assert "https://sandbox.minepi.com" in answer["Content-Security-Policy"], "also inside Pi's frame"
    [line] = [record.getMessage() for record in caplog.records if record.name == "storefront.views"]
    assert line.startswith("the file of book cannot be read: ")
    assert link.split("/")[2] not in line


def test_a_download_link_cannot_be_forged(alice: Page) -> None:
    link = bought_book(alice)
    other = OrderLine.objects.get().pk + 1
    token = alice.token

    for forged in (link[:-2] + "x/", f"/downloads/{other}/", f"/downloads/{token}/"):
        assert Client().get(forged).status_code == 404


@pytest.mark.parametrize("status", [OrderStatus.REFUNDED, OrderStatus.NEEDS_REVIEW])
def test_a_download_is_for_orders_that_are_paid(alice: Page, status: str) -> None:
    link = bought_book(alice)
    Order.objects.update(status=status, review_reason="stock_gone")

    assert Client().get(link).status_code == 410


def test_a_line_that_was_not_delivered_has_no_file(alice: Page) -> None:
    link = bought_book(alice)
    OrderLine.objects.update(delivered_at=None)

    assert Client().get(link).status_code == 410


def test_only_a_download_is_downloaded(alice: Page) -> None:
    link = bought_book(alice)
    Variant.objects.filter(sku="book").update(delivery=Delivery.PHYSICAL)

    assert Client().get(link).status_code == 410
