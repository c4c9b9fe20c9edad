"""What buyers may see: the published products, read with a fixed number of queries."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Product, Variant


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
