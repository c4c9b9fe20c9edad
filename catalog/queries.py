"""What buyers may see: the published products, read with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Delivery, Product, Variant


def published() -> QuerySet[Product]:
    """This will read the products that buyers may see, with category, variants and pictures.

    A product that lost its last variant has nothing to sell and is left out, so `price_from` always is a
    price. Three queries in all, however many products there are.
    """
    has_variant = Exists(Variant.objects.filter(product=OuterRef("pk")))
    return (
        Product.objects.filter(has_variant, published=True)
        .select_related("category")
        .prefetch_related("variants", "pictures")
    )


def matching(products: QuerySet[Product], *, category: str = "", search: str = "") -> QuerySet[Product]:
    """This will keep the products of one category (a slug) in whose texts every word of `search` occurs."""
    if category:
        products = products.filter(category__slug=category)
    for word in search.split():
        products = products.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(category__name__icontains=word)
        )
    return products


def unready(variants: Iterable[Variant]) -> str:
    """Return why a product with these variants must not be published; empty when it may be."""
    variants = list(variants)
    if not variants:
        return "It has no variant, so there would be nothing to buy."
    without_file = [each.sku for each in variants if each.delivery == Delivery.DOWNLOAD and not each.file]
    if without_file:
        return f"{', '.join(without_file)} is sold as a download and has no file."
    if len(variants) > 1 and not all(each.option for each in variants):
        return "It has several variants, and one of them has no option to tell it by."
    return ""
