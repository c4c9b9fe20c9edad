"""The catalogue of the shop in chaos: plenty of most goods, little of one."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connections

from tests.catalog.goods import codes, product, variant
from tests.proofs.promises import Goods

PLENTY, LITTLE = 5_000, 40


def stocked() -> Goods:
    """Make the tables, put the goods on sale and return how many there are."""
    call_command("migrate", verbosity=0)
    call_command("createcachetable")
    variant(product("Mug"), price="1.5", on_hand=PLENTY, sku="mug")
    variant(product("Tea"), price="0.75", on_hand=PLENTY, sku="tea")
    variant(product("Rare"), price="3.25", on_hand=LITTLE, sku="rare")
    variant(
        product("Book"), price="0.25", tracked=False, sku="book", delivery="download", file="goods/book.pdf"
    )
    codes(*(f"CODE-{n:05}" for n in range(PLENTY)), of=product("Voucher"), price="0.1", sku="voucher")
    goods = Goods()
    connections.close_all()
    return goods
