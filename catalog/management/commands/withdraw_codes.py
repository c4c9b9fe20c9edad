"""After a restore: takes the codes out that may be in buyers' hands already."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from catalog import stock
from catalog.models import Delivery, Variant


class Command(BaseCommand):
    help = (
        "Withdraws the unsold codes of a variant that would be sold next, and prints them: the shop forgets "
        "them. Those that nobody turns out to have can be added again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sku")
        parser.add_argument("number", type=int)

    def handle(self, *, sku: str, number: int, **options: Any) -> None:
        variant = Variant.objects.filter(sku=sku, delivery=Delivery.CODE).first()
        if variant is None:
            raise CommandError(f"No variant {sku} is sold as codes.")
        with transaction.atomic(durable=True):
            withdrawn = stock.withdraw_oldest(variant, max(number, 0))
            for text in withdrawn:
                self.stdout.write(text)
            # Nobody knows them once this is committed, so they must have left the program before.
            self.stdout.flush()
        if len(withdrawn) < number:
            raise CommandError(f"{len(withdrawn)} of {number} withdrawn: no more are unsold and unpromised.")
