"""Add the demo's goods to the catalogue, once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import cache

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage
from django.db import transaction
from django.db.models import Q

from catalog import stock
from catalog.models import Category, Delivery, Picture, Product, Variant
from demo.goods.catalogue import CATEGORIES, GOODS, Choice, Goods
from demo.goods.pictures.canvas import SIZE, Canvas

# Letters and digits that are hard to confuse.
CODE_ALPHABET = "34679ACDEFGHJKMNPQRTWXY"


def load() -> list[str]:
    """Add the goods that are not there yet, and return their names.

    What is there stays as it is, with the texts, prices and stock that staff and buyers left it with.
    """
    return [goods.name for goods in GOODS if not _is_there(goods) and _add(goods)]


def _is_there(goods: Goods) -> bool:
    skus = [choice.sku for choice in goods.choices]
    return Product.objects.filter(Q(slug=goods.slug) | Q(variants__sku__in=skus)).exists()


def _add(goods: Goods) -> Product:
    # Drawn before the transaction begins: on SQLite an open one keeps buyers waiting.
    pictures = [(_drawn(draw), alt) for draw, alt in goods.pictures]
    with transaction.atomic():
        product = Product.objects.create(
            name=goods.name,
            slug=goods.slug,
            description=goods.description,
            category=_category(goods.category),
            published=True,
        )
        for position, (image, alt) in enumerate(pictures, start=1):
            name = _keep(default_storage, f"products/demo-{goods.slug}-{position}.webp", image)
            Picture.objects.create(
                product=product, image=name, width=SIZE, height=SIZE, alt=alt, position=position
            )
        for choice in goods.choices:
            _add_variant(product, choice)
    return product


def _category(slug: str) -> Category:
    found = Category.objects.filter(Q(slug=slug) | Q(name=CATEGORIES[slug])).first()
    return found or Category.objects.create(slug=slug, name=CATEGORIES[slug])


def _add_variant(product: Product, choice: Choice) -> None:
    variant = Variant(
        product=product,
        sku=choice.sku,
        option=choice.option,
        price=choice.price,
        tracked=choice.tracked,
        delivery=choice.delivery,
    )
    if choice.file:
        name, content = choice.file
        variant.file.name = _keep(variant.file.storage, f"goods/{name}", content())
    variant.save()
    if choice.delivery == Delivery.CODE:
        stock.add_codes(variant, [_code() for _ in range(choice.units)])
    elif choice.units:
        stock.change_on_hand(variant, by=choice.units)


@cache
def _drawn(draw: Callable[[], Canvas]) -> bytes:
    return draw().webp()


def _keep(storage: Storage, name: str, content: bytes) -> str:
    """Store a file under exactly this name, replacing one that an earlier load has left there."""
    storage.delete(name)
    return storage.save(name, ContentFile(content))


def _code() -> str:
    letters = "".join(secrets.choice(CODE_ALPHABET) for _ in range(12))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"
