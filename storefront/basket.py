"""The basket as a page shows it: the browser sends skus and quantities, the shop adds names and prices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from catalog.models import Delivery, Variant
from payments.domain.ordering import MAX_LINES, MAX_UNITS

# `sku:quantity`, as many times as there are lines.
LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([1-9][0-9]{0,5})")


@dataclass(frozen=True)
class BasketLine:
    sku: str
    quantity: int
    variant: Variant | None

    @property
    def name(self) -> str:
        return self.variant.label if self.variant else self.sku

    @property
    def field_id(self) -> str:
        """An id that stays the same when the line is redrawn, so that the focus stays where it was."""
        return f"quantity-{self.sku}"

    @property
    def amount(self) -> Decimal:
        if self.variant is None or self.variant.sold_out:
            return Decimal(0)
        return self.variant.price * self.quantity

    @property
    def problem(self) -> str:
        """Why this line cannot be ordered as it is, in words for the buyer; empty if it can."""
        if self.variant is None:
            return "This is no longer for sale. Please remove it."
        if self.variant.sold_out:
            return "Sold out. Please remove it."
        if self.quantity > max_quantity(self.variant):
            return f"Only {max_quantity(self.variant)} left."
        return ""


@dataclass(frozen=True)
class Basket:
    lines: list[BasketLine]
    buy_now: bool = False

    @cached_property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def problem(self) -> bool:
        return any(line.problem for line in self.lines)

    @property
    def ships(self) -> bool:
        return any(line.variant and line.variant.delivery == Delivery.PHYSICAL for line in self.lines)

    @property
    def as_json(self) -> str:
        """The `lines` of an order, as the API takes them."""
        return json.dumps([{"sku": line.sku, "quantity": line.quantity} for line in self.lines])


def read_basket(texts: Iterable[str], *, buy_now: bool = False) -> Basket:
    """Return the basket for lines like `sku:quantity`, as browsers send them; leave out malformed ones."""
    wanted: dict[str, int] = {}
    for text in texts:
        if (match := LINE.fullmatch(text)) and len(wanted) < MAX_LINES:
            wanted[match[1]] = min(int(match[2]), MAX_UNITS)
    variants = {
        variant.sku: variant
        for variant in Variant.objects.filter(sku__in=wanted, product__published=True)
        .select_related("product")
        .prefetch_related("product__pictures")
    }
    lines = [BasketLine(sku, quantity, variants.get(sku)) for sku, quantity in wanted.items()]
    return Basket(lines, buy_now=buy_now)


def max_quantity(variant: Variant) -> int:
    """Return how many units one order can ask for now."""
    return MAX_UNITS if variant.available is None else min(variant.available, MAX_UNITS)
