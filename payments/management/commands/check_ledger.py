"""Looks for whatever breaks what the shop promises: in its own records, and in Pi's."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Variant
from payments import ledger, pi_ledger
from payments.models import Event, Order, PiPayment, Refund
from payments.pi_ledger import Verdict

# At most five questions a second: the buyers' payments come first.
REST_SECONDS = 0.2


class Command(BaseCommand):
    help = (
        "Checks stock, deliveries, money, refunds, holds and events against each other, prints every "
        "difference, and fails if there is one. Reads only; the shop may be open meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pi", action="store_true", help="compare every payment with Pi's records, too")

    def handle(self, *, pi: bool, **options: Any) -> None:
        problems = self._check_database()
        if pi:
            problems += self._compare_with_pi()
        if problems:
            raise CommandError(f"{problems} problems were found.")

    def _check_database(self) -> int:
        found = 0
        with ledger.snapshot():
            for difference in ledger.differences():
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

    def _compare_with_pi(self) -> int:
        found: Counter[Verdict] = Counter()
        for comparison in pi_ledger.compare_all(pause=lambda: time.sleep(REST_SECONDS)):
            found[comparison.verdict] += 1
            if comparison.verdict != Verdict.SAME:
                self.stdout.write(f"{comparison.verdict.value}: {comparison}")
        counts = ", ".join(f"{found[verdict]} {verdict.value}" for verdict in Verdict)
        self.stdout.write(f"{found.total()} payments compared with Pi: {counts}.")
        return found[Verdict.DIFFERENT] + found[Verdict.NOT_ASKED]
