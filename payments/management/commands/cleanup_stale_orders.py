"""Closes orders that nobody paid in time, so that their goods can be sold again."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments.domain.reconciliation import expire_stale, plan, stale_orders
from payments.management.stopping import stop_on_signals
from payments.moves import Author
from payments.pi.client import PiError
from payments.statuses import Cause, OrderStatus

BY = Author("cleanup_stale_orders", Cause.CLEANUP_STALE_ORDERS)


class Command(BaseCommand):
    help = (
        "Expires old unpaid orders. Goods that are held go back only after Pi has cancelled the payment; "
        "if it turns out to be paid, the order is delivered instead."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="print what would be done, without doing it"
        )

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        if dry_run:
            self._tell()
        else:
            self._clean_up()

    def _tell(self) -> None:
        orders = stale_orders()
        for order in orders.iterator():
            self.stdout.write(f"{order}: {plan(order)}")
        self.stdout.write(f"{orders.count()} orders would be looked at. Nothing was changed.")

    def _clean_up(self) -> None:
        closed = left = trouble = 0
        with stop_on_signals() as stop:
            try:
                for outcome in expire_stale(stale_orders(), proceed=lambda: not stop.wanted, by=BY):
                    self.stdout.write(f"{outcome.subject}: {outcome}")
                    if outcome.problem:
                        trouble += 1
                    elif outcome.status == OrderStatus.EXPIRED:
                        closed += 1
                    else:
                        left += 1
            except PiError as error:
                raise CommandError(f"Pi cannot be asked now ({error}). Nothing more was changed.") from error
            finally:
                self.stdout.write(f"{closed} orders expired, {left} are otherwise, {trouble} in trouble.")
        if trouble:
            raise CommandError(f"{trouble} orders are in trouble: staff can see why.")
