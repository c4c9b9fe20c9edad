"""After a restore: finds payments that the database lacks, by our wallet's transactions."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments.audit.against_chain import came_in, entries_since, is_known, names_a_payment
from payments.domain.protocol import recover_paid
from payments.domain.reconciliation import SECONDS_PER_PAYMENT
from payments.domain.settle import UnknownPayment
from payments.domain.sync import Contradiction
from payments.management.pacing import pause
from payments.management.stopping import Stop, stop_on_signals
from payments.models import PiPayment
from payments.moves import Author, Overtaken
from payments.pi.client import PiClient, PiError, PiRefused
from payments.pi.horizon import ChainEntry
from payments.statuses import Cause, PaymentStatus

BY = Author("recover_payments", Cause.RECOVER_PAYMENTS)


class Command(BaseCommand):
    help = (
        "Goes through every transaction of our wallet since a given time, and settles the payments that they "
        "name as Pi's record says, also those that the database has never seen. Run it after restoring a "
        "backup, from a while before the backup was made; it can be repeated any number of times."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            type=_moment,
            required=True,
            metavar="MOMENT",
            help="2026-11-24 or 2026-11-24T03:30, in UTC unless it has an offset",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="list what is not known here, without asking Pi or changing anything",
        )

    def handle(self, *, since: datetime, dry_run: bool, **options: Any) -> None:
        with stop_on_signals() as stop:
            try:
                entries = [entry for entry in entries_since(since, pause=pause) if names_a_payment(entry)]
            except PiError as error:
                raise CommandError(
                    f"The chain cannot be asked now ({error}). Nothing was changed."
                ) from error
            unknown = [entry for entry in entries if not is_known(entry)]
            self.stdout.write(
                f"{len(entries)} transactions since {since:%Y-%m-%d %H:%M}, {len(unknown)} new."
            )
            if dry_run:
                self._tell(unknown)
            else:
                self._recover(unknown, stop)

    def _tell(self, unknown: list[ChainEntry]) -> None:
        for entry in reversed(unknown):
            direction = "came in" if came_in(entry) else "went out"
            self.stdout.write(f"{entry.created_at:%Y-%m-%d %H:%M} {direction}: {entry.memo}")
        self.stdout.write("Nothing was changed.")

    def _recover(self, unknown: list[ChainEntry], stop: Stop) -> None:
        """Settle the oldest first: whoever paid first gets the goods."""
        trouble = 0
        for entry in reversed(unknown):
            if stop.wanted:
                raise CommandError("Stopped. Run it again: what is done stays done.")
            pause()
            try:
                outcome = _settle(entry)
            except (PiRefused, Overtaken, Contradiction) as problem:
                outcome = Outcome(str(problem), is_trouble=True)
            except PiError as error:
                raise CommandError(
                    f"Pi cannot be asked now ({error}). Run it again: what is done stays done."
                ) from error
            trouble += outcome.is_trouble
            self.stdout.write(f"{entry.memo}: {outcome}")
        if trouble:
            raise CommandError(f"{trouble} payments are in trouble: look at them in the admin.")


@dataclass(frozen=True)
class Outcome:
    """What became of one transaction, for people; `is_trouble` when staff should look at it."""

    text: str
    is_trouble: bool = False

    def __str__(self) -> str:
        return f"trouble: {self.text}" if self.is_trouble else self.text


def _settle(entry: ChainEntry) -> Outcome:
    if not came_in(entry):
        return Outcome("it went out, but none of our refunds matches", is_trouble=True)
    known = PiPayment.objects.filter(identifier=entry.memo).first()
    if known is not None and known.status == PaymentStatus.COMPLETED:
        return Outcome(f"a second transaction names it: {entry.txid}")
    try:
        payment = recover_paid(entry.memo, entry.txid, pi=PiClient(seconds=SECONDS_PER_PAYMENT), by=BY)
    except UnknownPayment:
        return Outcome("no payment of a pioneer to this app")
    before = known.status if known is not None else "unknown"
    words = (
        f"{before} → {payment.status}, {f'order {payment.order}' if payment.order else 'no order of ours'}"
    )
    is_doubted = payment.txid is None or payment.status == PaymentStatus.FAILED
    return Outcome(f"{payment.notice_text} ({words})", is_trouble=True) if is_doubted else Outcome(words)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not like 2026-11-24 or 2026-11-24T03:30") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
