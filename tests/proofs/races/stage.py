"""A stage for races on PostgreSQL: actors in threads of their own, and a lock at which they stop.

The test holds a lock that somebody needs in the middle of a transaction. That actor stops there, with all
that it has locked and changed so far, and the rivals arrive. The database itself says who waits, so nothing
depends on how fast the machine is.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction

MAX_ACTORS = 50
PATIENCE_IN_SECONDS = 120

Step = Callable[[], Any]
Process = subprocess.Popen[str]


class Stage:
    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._actors: list[Future[Any]] = []

    @contextmanager
    def holding(self, rows: models.QuerySet[Any]) -> Iterator[None]:
        """Let nobody change these rows for as long as this lasts."""
        with transaction.atomic(durable=True):
            assert list(rows.select_for_update()), "nothing to hold"
            yield

    @contextmanager
    def closed(self, model: type[models.Model], *, to: str = "writers") -> Iterator[None]:
        """Let nobody write to the table for as long as this lasts, or (`to="everybody"`) even read it."""
        mode = {"writers": "SHARE", "everybody": "ACCESS EXCLUSIVE"}[to]
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {model._meta.db_table} IN {mode} MODE")
            yield

    def enter(self, *steps: Step) -> list[Future[Any]]:
        """Let the steps begin, and return what each will have returned."""
        entered = [self._threads.submit(_act, step) for step in steps]
        self._actors += entered
        return entered

    def until_waiting(self, count: int, *, among: Sequence[Process] = ()) -> None:
        """Return once so many wait for a lock. Fail when actors or processes never will."""
        give_up_at = time.monotonic() + PATIENCE_IN_SECONDS
        while waiting() < count:
            done = [actor for actor in self._actors if actor.done()]
            ended = [process for process in among if process.poll() is not None]
            if len(self._actors) + len(among) - len(done) - len(ended) < count:
                raise AssertionError(f"not {count} wait, because these did not: {results(done)} {ended}")
            if time.monotonic() > give_up_at:
                raise AssertionError(f"{waiting()} wait, not {count}")
            time.sleep(0.005)

    def stop_at(self, rows: models.QuerySet[Any], *steps: Step) -> list[Any]:
        """Let the steps enter one by one, then release the rows, and return what each step has returned.

        Each enters when the one before it waits for these rows or for another actor.
        """
        with self.holding(rows):
            actors = []
            for n, step in enumerate(steps, start=1):
                actors += self.enter(step)
                self.until_waiting(n)
        return results(actors)


@contextmanager
def stage() -> Iterator[Stage]:
    with ThreadPoolExecutor(MAX_ACTORS) as threads:
        yield Stage(threads)


def results(actors: list[Future[Any]]) -> list[Any]:
    """Return what each returned, or the exception that it raised."""
    return [actor.exception(PATIENCE_IN_SECONDS) or actor.result() for actor in actors]


def waiting() -> int:
    """Return how many connections wait for a lock at this moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


def _act(step: Step) -> Any:
    try:
        return step()
    finally:
        connection.close()
