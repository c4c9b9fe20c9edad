"""The guards against races, each switched off: a race that does no damage then would prove nothing.

Used by the negative controls beside the races, and by `python -m tests.proofs.races.guards NAME COMMAND …`,
which runs a command of `manage.py` without that guard, in a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.db import connection, models, transaction
from django.db.models import F
from django.db.models.functions import Now


class Patcher(Protocol):
    """What pytest's `monkeypatch` does."""

    def setattr(self, target: Any, name: str, value: Any, /) -> None: ...

    def setitem(self, dic: Any, name: str, value: Any, /) -> None: ...


# Statuses and rows -----------------------------------------------------------------------------------


def moves_without_looking(patch: Patcher) -> None:
    """Write a status over whatever it has become: no WHERE on the status that was read."""
    from payments import moves

    def move(subject: Any, to: str, *, by: Any, note: str = "", **values: Any) -> None:
        before = subject.status
        type(subject)._default_manager.filter(pk=subject.pk).update(status=to, **values)
        for name, value in {"status": to, **values}.items():
            setattr(subject, name, value)
        moves.record(subject, moves.EventKind.MOVED, by=by, before=before, after=to, note=note)

    _everywhere(patch, "move", moves.move, move)


def decides_without_locks(patch: Patcher) -> None:
    """Decide in a commit on rows that were read, but not locked."""
    from payments import moves
    from payments.domain import decisions, refunds
    from payments.models import Order, PiPayment

    @contextmanager
    def locked(payment: Any) -> Iterator[tuple[Any, Any]]:
        with transaction.atomic(durable=True):
            fresh = PiPayment.objects.get(pk=payment.pk)
            yield fresh, Order.objects.filter(pk=fresh.order_id).first()

    @contextmanager
    def locked_for_staff(order: Any) -> Iterator[Any]:
        with transaction.atomic(durable=True):
            fresh = Order.objects.get(pk=order.pk)
            yield decisions._Case(fresh, list(fresh.payments.all()), list(fresh.refunds.all()))

    def flag_for_refund(payment: Any, *, reason: str, by: Any) -> Any:
        with transaction.atomic(durable=True):
            return refunds.request_refund(PiPayment.objects.get(pk=payment.pk), reason=reason, by=by)

    _everywhere(patch, "locked", moves.locked, locked)
    patch.setattr(decisions, "_locked", locked_for_staff)
    patch.setattr(refunds, "flag_for_refund", flag_for_refund)


# Stock ---------------------------------------------------------------------------------------------------


def holds_without_looking(patch: Patcher) -> None:
    """Promise units without a WHERE that asks whether they are there."""
    from catalog import stock
    from catalog.models import Variant

    def hold(quantities: stock.Quantities) -> None:
        for variant_id, quantity in sorted(quantities.items()):
            Variant.objects.filter(pk=variant_id).update(reserved=F("reserved") + quantity)

    patch.setattr(stock, "hold", hold)


def holds_by_read_and_save(patch: Patcher, between: Callable[[], object] = lambda: None) -> None:
    """Hold goods the way most books do: read the row, look whether there is enough, save the row."""
    from catalog import stock
    from catalog.models import Variant

    def hold(quantities: stock.Quantities) -> None:
        for variant_id, quantity in sorted(quantities.items()):
            variant = Variant.objects.get(pk=variant_id)
            if variant.on_hand < variant.reserved + quantity:
                raise stock.OutOfStock(variant_id)
            between()
            variant.reserved += quantity
            variant.save()

    patch.setattr(stock, "hold", hold)


def locks_in_the_order_of_the_lines(patch: Patcher) -> None:
    """Change variants as the basket names them, not in the order of their primary keys."""
    from catalog import stock

    patch.setitem(vars(stock), "sorted", list)


def sells_codes_before_the_stock(patch: Patcher) -> None:
    """Choose codes before changing the row of their variant, which is what keeps rivals out."""
    from catalog import stock

    sell_codes, consume = stock.sell_codes, stock.consume

    def sell_codes_first(variant_id: int, quantity: int) -> Any:
        codes = sell_codes(variant_id, quantity)
        consume({variant_id: quantity})
        return codes

    patch.setattr(stock, "sell_codes", sell_codes_first)
    patch.setattr(stock, "consume", lambda quantities: None)


# Reconciliation ----------------------------------------------------------------------------------------


def claims_nothing(patch: Patcher) -> None:
    """Take the next payment to reconcile without committing the claim."""
    from payments.domain import reconciliation
    from payments.models import PiPayment

    def claim_next() -> Any:
        return PiPayment.objects.filter(next_check_at__lte=Now()).order_by("next_check_at").first()

    patch.setattr(reconciliation, "claim_next", claim_next)


def queues_behind_rivals(patch: Patcher) -> None:
    """Wait for a row that a rival has claimed, instead of taking another one."""
    patch.setattr(type(connection.features), "has_select_for_update_skip_locked", False)


# The database --------------------------------------------------------------------------------------------


@contextmanager
def without_constraint(model: type[models.Model], name: str) -> Iterator[None]:
    """Drop a constraint for a while. Empty the table afterwards, so that it can be added again."""
    from django.core.management import call_command

    table = model._meta.db_table
    drop, restore = _definition(table, name)
    _execute(drop)
    try:
        yield
    finally:
        call_command("flush", verbosity=0, interactive=False)
        _execute(restore)


def _definition(table: str, name: str) -> tuple[str, str]:
    """Return the SQL that drops the constraint, or the index that is one, and makes it again (PostgreSQL)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
        if found := cursor.fetchone():
            return (
                f'ALTER TABLE {table} DROP CONSTRAINT "{name}"',
                f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {found[0]}',
            )
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
        return f'DROP INDEX "{name}"', cursor.fetchone()[0]


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _everywhere(patch: Patcher, name: str, original: object, replacement: object) -> None:
    """Replace it wherever it was imported by name."""
    for module in [m for n, m in sys.modules.items() if n.startswith("payments.")]:
        if getattr(module, name, None) is original:
            patch.setattr(module, name, replacement)


class _ForGood:
    def setattr(self, target: Any, name: str, value: Any, /) -> None:
        setattr(target, name, value)

    def setitem(self, dic: Any, name: str, value: Any, /) -> None:
        dic[name] = value


def main(guard: str, *command: str) -> None:
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    globals()[guard](_ForGood())
    execute_from_command_line(["manage.py", *command])


if __name__ == "__main__":
    main(*sys.argv[1:])
