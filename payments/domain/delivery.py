"""Handing over the goods of a paid order: codes and downloads at once, parcels when staff ship them."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from catalog import stock
from catalog.models import Delivery
from payments.models import DeliveredCode, Order, OrderLine
from payments.moves import Author, move
from payments.statuses import OrderStatus

Take = Callable[[stock.Quantities], None]


def hand_over(order: Order, take: Take, *, by: Author, note: str = "") -> None:
    """This will take the stock of every line (`stock.consume` what was held, `stock.take` what was not),
    mark the order paid and deliver what needs no hands.

    Must run inside a transaction: raises OutOfStock, CodesMissing or FileNotFoundError, and the caller must
    then roll back.
    """
    take(order.quantities())
    move(order, OrderStatus.PAID, by=by, note=note, held_by=None, reserved_until=None, review_reason="")
    for line in order.lines.select_related("variant").order_by("variant_id"):
        if not line.shipped_by_staff:
            _deliver(line)
    fulfil_if_complete(order, by=by)


def fulfil_if_complete(order: Order, *, by: Author) -> None:
    """This will mark a paid order fulfilled once no line waits any more."""
    if not order.lines.filter(delivered_at=None).exists():
        move(order, OrderStatus.FULFILLED, by=by)


def _deliver(line: OrderLine) -> None:
    if line.variant.delivery == Delivery.CODE:
        codes = stock.sell_codes(line.variant_id, line.quantity)
        DeliveredCode.objects.bulk_create([DeliveredCode(line=line, code=code) for code in codes])
    elif not line.variant.file_is_there:
        raise FileNotFoundError(f"{line.variant.sku} is sold as a download, and its file is missing")
    OrderLine.objects.filter(pk=line.pk, delivered_at=None).update(delivered_at=timezone.now())
