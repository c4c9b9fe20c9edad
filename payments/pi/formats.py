"""The shapes of what Pi and its chain tell: patterns for `re.fullmatch`, and readers of single values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

IDENTIFIER = r"[A-Za-z0-9_-]{1,64}"  # of a payment
TXID = r"[0-9a-fA-F]{64}"  # the hash of a transaction
WALLET = r"G[A-Z2-7]{55}"  # the public address of a wallet

LARGEST_AMOUNT = Decimal(10) ** 8  # what our columns hold: 15 digits, 7 of them decimals
SMALLEST_AMOUNT = Decimal("0.0000001")


def as_text(value: Any, *, most: int, least: int = 1) -> str:
    """A name of something: taken to the letter, or not at all."""
    if not isinstance(value, str) or not least <= len(value) <= most or as_words(value) != value:
        raise ValueError("not a text of the expected length")
    return value


def as_words(value: Any) -> str:
    """Words for people: what the database cannot hold is left out."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def as_amount(value: Any) -> Decimal:
    if not isinstance(value, Decimal) or not SMALLEST_AMOUNT <= value < LARGEST_AMOUNT:
        raise ValueError("not an amount of Pi")
    amount = value.quantize(SMALLEST_AMOUNT)
    if amount != value:
        raise ValueError("an amount with more than 7 places")
    return amount
