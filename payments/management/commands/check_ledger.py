"""Looks for whatever breaks the shop's invariants: in its own records, and in Pi's."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from catalog.models import Variant
from payments.audit import against_chain, against_pi, invariants
from payments.audit.against_pi import Comparison, Verdict
from payments.management.pacing import pause
from payments.management.stopping import Stop, stop_on_signals
from payments.models import Event, Order, PiPayment, Refund
from payments.pi.client import PiError

# One line of progress every 20 seconds.
TELL_EVERY = 100


class Command(BaseCommand):
    help = (
        "Checks stock, deliveries, money, refunds, holds and events against each other, prints every "
        "difference, and fails if there is one. Reads only; the shop may be open meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pi", action="store_true", help="compare every payment with Pi's records, too")
        parser.add_argument(
            "--chain",
            type=int,
            metavar="DAYS",
            help="check the wallet's transactions of the last DAYS days, too: is every payment known here?",
        )

    def handle(self, *, pi: bool, chain: int | None, **options: Any) -> None:
        with stop_on_signals() as stop:
            problems = self._check_database()
            if pi:
                comparisons = against_pi.compare_all(pause=pause)
                problems += self._compare(comparisons, "payments compared with Pi", stop)
            if chain is not None:
                since = timezone.now() - timedelta(days=chain)
                comparisons = against_chain.compare_since(since, pause=pause)
                problems += self._compare(
                    comparisons, f"transactions of {chain} days compared with the chain", stop
                )
        if problems:
            raise CommandError(f"{problems} problems were found.")
        if stop.wanted:
            raise CommandError("Stopped before everything was checked. What was checked is in order.")

    def _check_database(self) -> int:
        found = 0
        with invariants.snapshot():
            for difference in invariants.differences():
                found += 1
                self.stdout.write(str(difference))
            counts = ", ".join(
                f"{model._default_manager.count()} {name}"
                for model, name in (
                    (Variant, "variants"),
                    (Order, "orders"),
                    (PiPayment, "payments"),
                    (Refund, "refunds"),
                    (Event, "events"),
                )
            )
        self.stdout.write(f"{counts} checked: {found or 'no'} differences.")
        return found

    def _compare(self, comparisons: Iterable[Comparison], what: str, stop: Stop) -> int:
        found: Counter[Verdict] = Counter()
        try:
            for comparison in comparisons:
                found[comparison.verdict] += 1
                if comparison.verdict != Verdict.SAME:
                    self.stdout.write(f"{comparison.verdict.value}: {comparison}")
                if found.total() % TELL_EVERY == 0:
                    self.stderr.write(f"{found.total()} {what} so far.")
                if stop.wanted:
                    break
        except PiError as problem:
            found[Verdict.NOT_ASKED] += 1
            self.stdout.write(f"not asked: the rest, because of this: {problem}")
        counts = ", ".join(
            f"{found[verdict]} {verdict.value}"
            for verdict in Verdict
            if found[verdict] or verdict != Verdict.NOTE
        )
        self.stdout.write(f"{found.total()} {what}: {counts}.")
        return found[Verdict.DIFFERENT] + found[Verdict.NOT_ASKED]
