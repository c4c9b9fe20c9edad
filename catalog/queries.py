"""What buyers may see: the published products, read with a fixed number of queries."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Product, Variant


def published() -> QuerySet[Product]:
    """Return the products that buyers may see, with category, variants and pictures prefetched.

    A product without variants has nothing to sell and is left out, so `price_from` is always a price.
    Three queries in all, however many products there are.
    """
    has_variant = Exists(Variant.objects.filter(product=OuterRef("pk")))
    return (
        Product.objects.filter(has_variant, published=True)
        .select_related("category")
        .prefetch_related("variants", "pictures")
    )


def matching(products: QuerySet[Product], *, category: str = "", search: str = "") -> QuerySet[Product]:
    """Return the products in one category (a slug) whose texts contain every word of `search`."""
    if category:
        products = products.filter(category__slug=category)
    for word in search.split():
        products = products.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(category__name__icontains=word)
        )
    return products
