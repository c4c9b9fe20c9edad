"""Where a step can stand still while somebody else acts, or where its process can die: found as it runs.

A boundary is a moment at which nothing of the step is half done: before a transaction opens and after it has
committed, before a statement outside of transactions, when a call has reached Pi and Pi has not acted, and
when Pi has acted and its answer is under way. Two with nothing between them are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from django.db import connection, transaction

from pi_simulator import Simulator
from pi_simulator.calls import Call


@dataclass
class Boundaries:
    """The boundaries that the steps inside `watching` pass. At the one with the number `at`, `act` is called:
    it may do whatever anybody else can do meanwhile, or raise what ends the process."""

    pi: Simulator
    at: int = -1
    act: Callable[[], object] = lambda: None
    passed: list[str] = field(default_factory=list)
    _news: bool = True  # something has happened since the last boundary
    _aside: bool = False  # it is not the watched step that acts

    @contextmanager
    def watching(self) -> Iterator[None]:
        enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__
        transaction.Atomic.__enter__, transaction.Atomic.__exit__ = (
            self._entering(enter),
            self._leaving(leave),
        )
        self.pi.before_call, self.pi.after_call = self._call_arrives, self._answer_leaves
        try:
            with connection.execute_wrapper(self._statement):
                yield
                self._boundary("at its end")
        finally:
            transaction.Atomic.__enter__, transaction.Atomic.__exit__ = enter, leave
            self.pi.before_call = self.pi.after_call = None

    def _boundary(self, name: str) -> None:
        if self._aside or not self._news:
            return
        self._news = False
        self.passed.append(name)
        if len(self.passed) - 1 == self.at:
            self._aside = True
            try:
                self.act()
            finally:
                self._aside = False

    def _entering(self, enter: Callable[[transaction.Atomic], None]) -> Callable[[transaction.Atomic], None]:
        def entering(block: transaction.Atomic) -> None:
            if not connection.in_atomic_block:
                self._boundary("before a transaction")
                self._news = self._news or not self._aside
            enter(block)

        return entering

    def _leaving(self, leave: Callable[..., None]) -> Callable[..., None]:
        def leaving(
            block: transaction.Atomic,
            kind: type[BaseException] | None,
            error: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            leave(block, kind, error, traceback)
            if kind is None and not connection.in_atomic_block:
                self._boundary("after a commit")

        return leaving

    def _statement(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        # SQLite's BEGIN comes this way, too; the boundary before it has been passed.
        if self._aside or connection.in_atomic_block or sql.startswith("BEGIN"):
            return execute(sql, params, many, context)
        self._boundary(f"before {' '.join(sql.split()[:2])}")
        self._news = True
        return execute(sql, params, many, context)

    def _call_arrives(self, call: Call) -> None:
        self._boundary(f"before Pi acts on {_named(call)}")
        self._news = self._news or not self._aside

    def _answer_leaves(self, call: Call) -> None:
        self._boundary(f"after Pi acted on {_named(call)}")


def _named(call: Call) -> str:
    return f"{call.method} {call.path.rpartition('/')[2] if call.method == 'POST' else 'payment'}"
