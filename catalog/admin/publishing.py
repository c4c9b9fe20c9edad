"""What must be true of a product before staff may publish it."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.models import Delivery, Variant


def reason_against(variants: Iterable[Variant]) -> str:
    """Return why a product with these variants must not be published; empty when it may be."""
    variants = list(variants)
    if not variants:
        return "It has no variant, so there would be nothing to buy."
    without_file = [each.sku for each in variants if each.delivery == Delivery.DOWNLOAD and not each.file]
    if without_file:
        return f"{', '.join(without_file)} is sold as a download but has no file."
    if len(variants) > 1 and not all(each.option for each in variants):
        return "It has several variants, and at least one has no option that names it."
    return ""
