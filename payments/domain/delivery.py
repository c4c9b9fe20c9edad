"""Handing over the goods of a paid order: codes and files at once, parcels when staff ship them."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from catalog import stock
from catalog.models import Delivery
from payments.models import DeliveredCode, Order, OrderLine
from payments.moves import Author, move
from payments.statuses import OrderStatus

Take = Callable[[stock.Quantities], None]
# Hands a line over, and returns whether that is done now; False leaves the line to staff.
HandOver = Callable[[OrderLine], bool]


class UnknownDelivery(Exception):
    """There is no hand-over for goods of this kind: a bug of ours. Nothing was delivered."""


def hand_over(order: Order, take: Take, *, by: Author, note: str = "") -> None:
    """Take the stock of every line (`stock.consume` if it was held, otherwise `stock.take`), mark the order
    paid and deliver what needs no shipping.

    Must run inside a transaction. Raise OutOfStock, CodesMissing, FileNotFoundError or UnknownDelivery; the
    caller must then roll back.
    """
    take(order.quantities())
    move(order, OrderStatus.PAID, by=by, note=note, held_by=None, reserved_until=None, review_reason="")
    for line in order.lines.select_related("variant").order_by("variant_id"):
        if _hand_over_of(line)(line):
            OrderLine.objects.filter(pk=line.pk, delivered_at=None).update(delivered_at=timezone.now())
    fulfil_if_complete(order, by=by)


def fulfil_if_complete(order: Order, *, by: Author) -> None:
    """Mark a paid order fulfilled once every line is delivered."""
    if not order.lines.filter(delivered_at=None).exists():
        move(order, OrderStatus.FULFILLED, by=by)


def _leave_to_staff(line: OrderLine) -> bool:
    return False


def _make_downloadable(line: OrderLine) -> bool:
    if not line.variant.file_is_there:
        raise FileNotFoundError(f"{line.variant.sku} is sold as a download, and its file is missing")
    return True


def _give_codes(line: OrderLine) -> bool:
    codes = stock.sell_codes(line.variant_id, line.quantity)
    DeliveredCode.objects.bulk_create([DeliveredCode(line=line, code=code) for code in codes])
    return True


HAND_OVERS: dict[str, HandOver] = {
    Delivery.PHYSICAL: _leave_to_staff,
    Delivery.DOWNLOAD: _make_downloadable,
    Delivery.CODE: _give_codes,
}


def _hand_over_of(line: OrderLine) -> HandOver:
    try:
        return HAND_OVERS[line.variant.delivery]
    except KeyError as error:
        raise UnknownDelivery(f"{line.variant.sku} is of the kind {line.variant.delivery!r}") from error
