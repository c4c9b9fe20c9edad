"""Withdraw the codes that buyers may already have, after a restore."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from catalog import stock
from catalog.models import Delivery, Variant


class Command(BaseCommand):
    help = (
        "Withdraw and print the codes of a variant that would be sold next. They are deleted from the shop; "
        "those that turn out to be unsold can be added again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sku")
        parser.add_argument("number", type=int)

    def handle(self, *, sku: str, number: int, **options: Any) -> None:
        variant = Variant.objects.filter(sku=sku, delivery=Delivery.CODE).first()
        if variant is None:
            raise CommandError(f"There is no variant {sku} that is sold as codes.")
        with transaction.atomic(durable=True):
            withdrawn = stock.withdraw_oldest(variant, max(number, 0))
            for text in withdrawn:
                self.stdout.write(text)
            # Once this is committed they are stored nowhere, so they must have been printed before.
            self.stdout.flush()
        if len(withdrawn) < number:
            raise CommandError(f"{len(withdrawn)} of {number} codes withdrawn: no more are available.")
