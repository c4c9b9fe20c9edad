"""Products and variants for the tests of the catalogue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.files.base import ContentFile

from catalog import stock
from catalog.models import Category, Delivery, Product, Variant, downloads_storage


def product(name: str = "Mug", **fields: Any) -> Product:
    category, _ = Category.objects.get_or_create(name="Home", slug="home")
    return Product.objects.create(
        **{"name": name, "slug": name.lower(), "category": category, "published": True} | fields
    )


def variant(of: Product | None = None, price: str = "1", on_hand: int = 1, **fields: Any) -> Variant:
    of = of or product()
    nth = of.variants.count()
    if "file" in fields:
        _put_there(fields["file"])
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


def _put_there(name: str) -> None:
    if not downloads_storage().exists(name):
        downloads_storage().save(name, ContentFile(b"once upon a time"))


def lose_file(sku: str) -> None:
    """Delete the file that the row still names, as after a restore without the files."""
    file = Variant.objects.get(sku=sku).file
    file.storage.delete(file.name)


def forget_file(sku: str) -> None:
    Variant.objects.filter(sku=sku).update(file="")


def codes(*texts: str, of: Product | None = None, **fields: Any) -> Variant:
    sold_as_codes = variant(of, on_hand=0, delivery=Delivery.CODE, **fields)
    stock.add_codes(sold_as_codes, texts)
    sold_as_codes.refresh_from_db()
    return sold_as_codes


def counted(variant: Variant) -> tuple[int, int]:
    """Return `(reserved, on_hand)` as the database has them now."""
    return Variant.objects.values_list("reserved", "on_hand").get(pk=variant.pk)
