"""Settles every unfinished payment that is due, also of buyers who never came back."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseProblem
from django.db import close_old_connections

from payments.domain.reconciliation import reconcile_due
from payments.management.stopping import Stop, stop_on_signals
from payments.moves import Author
from payments.pi.client import PiError
from payments.statuses import Cause

BY = Author("reconcile_payments", Cause.RECONCILE_PAYMENTS)


class Command(BaseCommand):
    help = (
        "Asks Pi about every payment that is due, completes what was signed and cancels what was abandoned, "
        "so that no buyer stays locked out. Run it every minute, or with --loop; several may run at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--loop", type=_seconds, metavar="SECONDS", help="keep running, and rest between two rounds"
        )

    def handle(self, *, loop: int | None, **options: Any) -> None:
        with stop_on_signals() as stop:
            problem = self._round(stop)
            while loop is not None and not stop.wanted:
                if problem:
                    self.stderr.write(f"{problem} Next round in {loop} seconds.")
                close_old_connections()
                stop.sleep(loop)
                problem = "" if stop.wanted else self._round(stop, quietly=True)
        if problem:
            raise CommandError(problem)

    def _round(self, stop: Stop, *, quietly: bool = False) -> str:
        """Check everything that is due. Return what went wrong, as a sentence, or nothing.

        If `quietly`, print no line when nothing was due: a loop would fill the log with them.
        """
        asked = moved = trouble = 0
        try:
            for outcome in reconcile_due(proceed=lambda: not stop.wanted, by=BY):
                asked += 1
                if outcome.problem:
                    trouble += 1
                    self.stderr.write(f"{outcome.subject}: {outcome}")
                elif outcome.has_moved:
                    moved += 1
                    self.stdout.write(f"{outcome.subject}: {outcome.subject.status} → {outcome}")
        except PiError as error:
            return f"Pi cannot be asked now ({error}). The rest keeps its place in the queue."
        except DatabaseProblem as error:
            return f"The database failed ({error}). The rest keeps its place in the queue."
        finally:
            if asked or not quietly:
                self.stdout.write(f"{asked} payments looked at, {moved} moved, {trouble} in trouble.")
        return f"{trouble} payments are in trouble: staff can see why." if trouble else ""


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)
