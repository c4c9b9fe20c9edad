"""What the tests of the catalogue put on the shelf."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from catalog import stock
from catalog.models import Category, Delivery, Product, Variant


def product(name: str = "Mug", **fields: Any) -> Product:
    category, _ = Category.objects.get_or_create(name="Home", slug="home")
    return Product.objects.create(
        **{"name": name, "slug": name.lower(), "category": category, "published": True} | fields
    )


def variant(of: Product | None = None, price: str = "1", on_hand: int = 1, **fields: Any) -> Variant:
    of = of or product()
    nth = of.variants.count()
    return Variant.objects.create(
        **{
            "product": of,
            "sku": f"{of.slug}-{nth}",
            "option": str(nth) if nth else "",
            "price": Decimal(price),
            "on_hand": on_hand,
        }
        | fields
    )


def codes(*texts: str, of: Product | None = None, **fields: Any) -> Variant:
    sold_as_codes = variant(of, on_hand=0, delivery=Delivery.CODE, **fields)
    stock.add_codes(sold_as_codes, texts)
    sold_as_codes.refresh_from_db()
    return sold_as_codes


def counted(variant: Variant) -> tuple[int, int]:
    """Return `(reserved, on_hand)` as the database has them now."""
    return Variant.objects.values_list("reserved", "on_hand").get(pk=variant.pk)
