"""A translator rewrites every text of a page that is not marked: what must be read exactly stays."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from payments.models import Order
from tests.payments.page import Page

pytestmark = pytest.mark.django_db

VOID = {"input", "br", "use", "img", "meta", "link", "hr"}


class Translator(HTMLParser):
    """Replace each text by another, as translators do, and collect what is left to read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.kept: list[bool] = [False]
        self.words: list[str] = []
        self.copied: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "data-copy" in given:
            self.copied.append(str(given["data-copy"]))
        if tag not in VOID:
            self.kept.append(self.kept[-1] or given.get("translate") == "no")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.kept.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip() if self.kept[-1] else "перевод")

    @property
    def text(self) -> str:
        return " ".join(self.words)


def bought(page: Page) -> Order:
    return page.buy({"voucher": 2, "mug": 1, "book": 1})


def fragment(page: Page, path: str) -> Translator:
    answer = page.client.get(path, headers={"Authorization": f"Bearer {page.token}"})
    return Translator(answer.content.decode())


def test_codes_names_and_transactions_on_a_receipt_are_not_translated(alice: Page) -> None:
    order = bought(alice)

    receipt = fragment(alice, f"/fragments/orders/{order.reference}/")

    codes = [delivered.code.text for line in order.lines.all() for delivered in line.codes.all()]
    txid = str(order.payments.get().txid)
    kept = [
        *codes,
        *order.lines.values_list("name", flat=True),
        order.shipping_name,
        f"{txid[:6]}…{txid[-6:]}",
    ]
    assert [text for text in kept if text not in receipt.text] == []
    assert "перевод" in receipt.text


def test_copy_takes_what_the_server_sent(alice: Page) -> None:
    order = bought(alice)

    receipt = fragment(alice, f"/fragments/orders/{order.reference}/")

    codes = [delivered.code.text for line in order.lines.all() for delivered in line.codes.all()]
    assert receipt.copied == [*codes, order.payments.get().txid]


def test_references_and_names_in_the_list_of_orders_are_not_translated(alice: Page) -> None:
    order = bought(alice)

    orders = fragment(alice, "/fragments/orders/")

    assert order.reference in orders.text
    assert order.lines.first().name in orders.text


def test_the_reference_and_the_shop_keep_their_names_on_an_orders_page(alice: Page) -> None:
    page = Translator(Client().get(f"/orders/{bought(alice).reference}/").content.decode())

    assert Order.objects.get().reference in page.text
    assert "pistore" in page.text


def test_names_and_skus_in_the_basket_are_not_translated(alice: Page) -> None:
    basket = Translator(Client().get("/fragments/basket/?line=mug:1&line=gone-SKU:1").content.decode())

    assert "Mug" in basket.text
    assert "gone-SKU" in basket.text
