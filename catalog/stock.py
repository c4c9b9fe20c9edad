"""The only place where stock changes. Every change is one UPDATE that cannot take what is not there.

All functions must run inside the caller's transaction and take the variants in the order of their
primary keys, so that two baskets with the same goods in opposite order wait for each other instead of
deadlocking. `Quantities` maps a variant's primary key to whole units above zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Case, F, IntegerField, Max, Q, When
from django.utils import timezone

from catalog.models import Delivery, DeliveryCode, Variant

Quantities = Mapping[int, int]


class OutOfStock(Exception):
    """Fewer units can still be sold than were asked for. Nothing was changed once the caller rolls back."""

    def __init__(self, variant_id: int) -> None:
        super().__init__(f"variant {variant_id} is out of stock")
        self.variant_id = variant_id


class CodesMissing(Exception):
    """The stock counts units that have no unsold code. Staff must add codes; the order needs review."""


def hold(quantities: Quantities) -> None:
    """Reserve the units for one order. Raise OutOfStock if any variant has too few left."""
    for variant_id, quantity in sorted(quantities.items()):
        enough = Q(tracked=False) | Q(on_hand__gte=F("reserved") + quantity)
        if not Variant.objects.filter(enough, pk=variant_id).update(reserved=F("reserved") + quantity):
            raise OutOfStock(variant_id)


def release(quantities: Quantities) -> None:
    """Undo a `hold`: the units can be sold again."""
    for variant_id, quantity in sorted(quantities.items()):
        Variant.objects.filter(pk=variant_id).update(reserved=F("reserved") - quantity)


def consume(quantities: Quantities) -> None:
    """Turn a `hold` into a sale: the units leave the stock."""
    for variant_id, quantity in sorted(quantities.items()):
        Variant.objects.filter(pk=variant_id).update(
            reserved=F("reserved") - quantity, on_hand=_less(quantity)
        )


def take(quantities: Quantities) -> None:
    """Sell units without a `hold`, for money that came late. Raise OutOfStock if any variant has too few."""
    for variant_id, quantity in sorted(quantities.items()):
        enough = Q(tracked=False) | Q(on_hand__gte=F("reserved") + quantity)
        if not Variant.objects.filter(enough, pk=variant_id).update(on_hand=_less(quantity)):
            raise OutOfStock(variant_id)


def change_on_hand(variant: Variant, *, by: int) -> None:
    """Add `by` units that staff counted, or remove them if negative, whatever was sold in the meantime.

    Raise OutOfStock when fewer would remain than are promised to buyers. Codes are their own stock:
    use `add_codes`.
    """
    if variant.delivery == Delivery.CODE:
        raise ValueError("the stock of codes changes only with the codes")
    allowed = Q(on_hand__gte=-by) & (Q(tracked=False) | Q(on_hand__gte=F("reserved") - by))
    if not Variant.objects.filter(allowed, pk=variant.pk).update(on_hand=F("on_hand") + by):
        raise OutOfStock(variant.pk)


def add_codes(variant: Variant, texts: Iterable[str]) -> list[str]:
    """Add the codes that no variant has yet, and as many units of stock. Return those added."""
    wanted = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    with transaction.atomic():
        # The row is locked first, so that two members of staff pasting one list count it once.
        Variant.objects.select_for_update(no_key=True).get(pk=variant.pk, delivery=Delivery.CODE)
        codes = DeliveryCode.objects.filter(variant=variant)
        newest = codes.aggregate(Max("pk", default=0))["pk__max"]
        # Somebody may be adding one of the texts to another variant: then it is theirs, and not counted here.
        rows = [DeliveryCode(variant=variant, text=text) for text in wanted]
        DeliveryCode.objects.bulk_create(rows, ignore_conflicts=True)
        added = list(codes.filter(pk__gt=newest).values_list("text", flat=True))
        Variant.objects.filter(pk=variant.pk).update(on_hand=F("on_hand") + len(added))
    return added


def remove_code(code: DeliveryCode) -> bool:
    """Withdraw an unsold code and its unit of stock. Return False if it is sold or promised to a buyer."""
    with transaction.atomic():
        spare = Variant.objects.filter(pk=code.variant_id, on_hand__gt=F("reserved"))
        if not spare.update(on_hand=F("on_hand") - 1):
            return False
        deleted, _ = DeliveryCode.objects.filter(pk=code.pk, sold_at=None).delete()
        if not deleted:
            transaction.set_rollback(True)
        return bool(deleted)


def withdraw_oldest(variant: Variant, number: int) -> list[str]:
    """Withdraw the next `number` codes that would be sold, or fewer if the others are sold or promised.

    Return their texts. Once the caller commits they are stored nowhere else, so output them before.
    """
    codes = DeliveryCode.objects.filter(variant=variant, sold_at=None).order_by("id")[:number]
    return [code.text for code in codes if remove_code(code)]


def sell_codes(variant_id: int, quantity: int) -> list[DeliveryCode]:
    """Mark `quantity` unsold codes as sold, oldest first, and return them.

    The caller has already changed the variant's row in this transaction, which keeps rivals out.
    Raise CodesMissing if there are fewer.
    """
    codes = list(DeliveryCode.objects.filter(variant_id=variant_id, sold_at=None).order_by("id")[:quantity])
    marked = DeliveryCode.objects.filter(pk__in=[code.pk for code in codes], sold_at=None).update(
        sold_at=timezone.now()
    )
    if marked != quantity:
        raise CodesMissing(f"variant {variant_id}: {marked} of {quantity} codes are left")
    return codes


def _less(quantity: int) -> Case:
    """Return `on_hand` less the quantity, or `on_hand` itself where stock is not tracked."""
    counted = When(tracked=True, then=F("on_hand") - quantity)
    return Case(counted, default=F("on_hand"), output_field=IntegerField())
