"""The formats of what Pi and its chain send: patterns for `re.fullmatch`, and checks of single values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

IDENTIFIER = r"[A-Za-z0-9_-]{1,64}"  # of a payment
TXID = r"[0-9a-fA-F]{64}"  # the hash of a transaction
WALLET = r"G[A-Z2-7]{55}"  # the public address of a wallet
CURSOR = r"[0-9]{1,20}"  # a place in one of Horizon's lists

# What our columns hold: 15 digits, 7 of them after the point.
MIN_AMOUNT = Decimal("0.0000001")
MAX_AMOUNT = Decimal("99999999.9999999")


def as_text(value: Any, *, max_length: int, min_length: int = 1) -> str:
    """Return a name unchanged. Raise ValueError if its length is wrong or the database cannot hold it."""
    if not isinstance(value, str) or not min_length <= len(value) <= max_length or as_words(value) != value:
        raise ValueError("not a text of the expected length")
    return value


def as_words(value: Any) -> str:
    """Return a text for people without what the database cannot hold. Raise TypeError if it is no text."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def as_amount(value: Any) -> Decimal:
    """Return an amount of Pi with exactly 7 places. Raise ValueError if it is not one."""
    if not isinstance(value, Decimal) or not MIN_AMOUNT <= value <= MAX_AMOUNT:
        raise ValueError("not an amount of Pi")
    amount = value.quantize(MIN_AMOUNT)
    if amount != value:
        raise ValueError("an amount with more than 7 places")
    return amount
