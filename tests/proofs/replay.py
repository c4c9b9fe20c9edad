"""One scene, played again and again: brought back to its beginning in a moment, and recognised at its end.

Telling a scene takes longer than playing in it, and checking its end takes longer than both. So rows and Pi's
books are copied back, and two ends that differ only in names and seconds are checked once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection, models, transaction
from django.utils import timezone

from catalog.models import Variant
from payments.models import Event, Pioneer, Refund
from payments.statuses import OrderStatus
from pi_simulator import Simulator
from tests.proofs.promises import RECORDS, Goods
from tests.proofs.scenes import TABLES, Meeting, Scene, wipe

# Pi gives us a minute to approve: what lies longer than this is told anew.
FRESH = 20.0
# Who and why matter to nobody but people, except for these causes, which are asked about later.
TELLING_CAUSES = ("honour", "close_missing", "report_error")
ONLY_FOR_PEOPLE = {Event: ("note", "actor"), Refund: ("reason", "created_at")}
NAMES = ("reference", "identifier", "txid")


@dataclass
class Stage:
    pi: Simulator
    meeting: Meeting
    _told_at: float = -FRESH
    _rows: dict[type[models.Model], list[tuple[Any, ...]]] = field(default_factory=dict)

    def begin(self) -> Scene:
        """Leave the database and Pi as they are at the beginning of the scene."""
        self.pi.faults.clear()
        cache.clear()
        if time.monotonic() - self._told_at > FRESH:
            self._tell()
        else:
            _put_back(self._rows)
            self._bring_back()
        goods = Goods(self._scene.goods.on_hand.copy())
        mine = replace(self._scene.mine)
        theirs = mine if self._scene.theirs is self._scene.mine else replace(self._scene.theirs)
        return Scene(self.pi, goods, mine, theirs)

    def _tell(self) -> None:
        wipe()
        self.pi.reset()
        self._told_at = time.monotonic()
        self._scene = self.meeting.tell(self.pi, *self.meeting.chapters)
        self._rows = {model: list(_raw(model)) for model in TABLES}
        self._bring_back: Callable[[], None] = self.pi.checkpoint()


def likeness(scene: Scene, *, history: bool) -> str:
    """Describe database, Pi and goods in full but for names, seconds and words for people.

    Without `history` it says of the events only what anybody may ask about later: what each row has ever
    been, and how often it was paid, but not by which way.
    """
    rows = {model: list(_raw(model)) for model in (Pioneer, *RECORDS)}
    places = {(model, row[0]): n for model, of_model in rows.items() for n, row in enumerate(of_model)}
    names: dict[str, int] = {}
    story = [(model.__name__, _alike(model, row, places, names)) for model in rows for row in rows[model]]
    if not history:
        events = [row for name, row in story if name == "Event"]
        paid = [row for row in events if OrderStatus.PAID in row]
        story = [part for part in story if part[0] != "Event"]
        story += [("Event", row) for row in [*sorted({tuple(row) for row in events}, key=str), *paid]]
    now = scene.pi.clock.now()
    for shown in scene.pi.payments():
        identifier = shown.pop("identifier")
        age = _minutes(datetime.fromisoformat(shown.pop("created_at")) - now)
        shown["transaction"] = shown["transaction"] is not None
        shown["metadata"] = None
        signed = scene.pi.txid_of(identifier)
        facts = [_name(identifier, names), _name(signed, names), age, sorted(shown.items(), key=str)]
        story.append(("Pi", facts))
    goods = sorted((places[Variant, pk], units) for pk, units in scene.goods.on_hand.items())
    return hashlib.sha256(repr((story, goods)).encode()).hexdigest()


def _alike(
    model: type[models.Model],
    row: tuple[Any, ...],
    places: dict[tuple[type[models.Model], int], int],
    names: dict[str, int],
) -> list[object]:
    now = timezone.now()
    alike: list[object] = []
    for column, value in zip(model._meta.concrete_fields, row, strict=True):
        if column.name in ONLY_FOR_PEOPLE.get(model, ()) or column.primary_key:
            continue
        if column.related_model is not None:
            alike.append(places.get((column.related_model, value), value))
        elif isinstance(value, datetime):
            alike.append(_minutes((value if value.tzinfo else value.replace(tzinfo=UTC)) - now))
        elif column.name in NAMES:
            alike.append(_name(value, names))
        else:
            alike.append(value if column.name != "cause" or value in TELLING_CAUSES else "")
    return alike


def _minutes(span: timedelta) -> int:
    return round(span.total_seconds() / 60)


def _name(text: str | None, names: dict[str, int]) -> int | None:
    return None if text is None else names.setdefault(text, len(names))


def _raw(model: type[models.Model]) -> Iterator[tuple[Any, ...]]:
    columns = ", ".join(connection.ops.quote_name(f.column) for f in model._meta.concrete_fields)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY id")  # noqa: S608
        yield from cursor.fetchall()


def _put_back(rows: dict[type[models.Model], list[tuple[Any, ...]]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        wipe()
        for model in reversed(TABLES):
            if rows[model]:
                columns = ", ".join(connection.ops.quote_name(f.column) for f in model._meta.concrete_fields)
                values = ", ".join(["%s"] * len(model._meta.concrete_fields))
                table = connection.ops.quote_name(model._meta.db_table)
                cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({values})", rows[model])  # noqa: S608
