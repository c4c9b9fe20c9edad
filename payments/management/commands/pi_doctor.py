"""Is this shop ready to take Pi? One line for each check, and what to do where it is not green."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from payments.audit.doctor import Colour, at, examine, in_process


class Command(BaseCommand):
    help = (
        "Asks Pi, the blockchain, the database and the shop's own pages whether everything is right, and "
        "says what to do where it is not. Changes nothing; fails if anything is red."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url", type=_address, help="fetch the pages from outside, as at https://shop.example"
        )

    def handle(self, *, url: str | None, **options: Any) -> None:
        paint: dict[Colour, Callable[[str], str]] = {
            Colour.GREEN: self.style.SUCCESS,
            Colour.YELLOW: self.style.WARNING,
            Colour.RED: self.style.ERROR,
        }
        red = 0
        for finding in examine(at(url) if url else in_process):
            red += finding.colour == Colour.RED
            self.stdout.write(paint[finding.colour](f"{finding.colour.value:7}{finding}"))
        if red:
            raise CommandError(f"{red} red: the shop is not ready.")


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.path.strip("/"):
        raise ArgumentTypeError(f"{text!r} is not an address like https://shop.example")
    return text
