"""JSON on the wire: amounts are numbers there and Decimals here, never floats."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NoReturn

Exponents = Literal["small", "always", "never"]

PLACES = 7
MAX_DEPTH = 64
"""How deep JSON may be nested. No real request comes near it."""

ONE_MILLIONTH = Decimal("0.000001")


class NotJson(ValueError):
    """The text is not JSON, or nested too deep."""


def exact_amount(value: object) -> Decimal:
    """Read an amount of Pi given as text, integer or Decimal; up to seven decimal places.

    Raise ValueError for anything that is not a positive, finite, exact number of Pi.
    """
    amount = exact_balance(value)
    if not amount:
        raise ValueError("an amount of nothing")
    return amount


def exact_balance(value: object) -> Decimal:
    """Read an amount like `exact_amount`, but allow zero."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError(f"not an exact amount: {value!r}")
    try:
        amount = Decimal(value)
        exact = amount.is_finite() and amount >= 0 and amount == round(amount, PLACES)
    except InvalidOperation:
        exact = False
    if not exact:
        raise ValueError(f"not an amount of Pi: {value!r}")
    return amount


def loads(text: bytes | str) -> Any:
    """Parse JSON, with every fraction as the exact Decimal that was written. Raise `NotJson`."""
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise NotJson(str(problem)) from None
    if _deeper_than(MAX_DEPTH, value):
        raise NotJson("nested too deep")
    return value


def dumps(value: Any, *, exponents: Exponents = "small") -> str:
    """Write JSON, with every Decimal exact."""
    if isinstance(value, Decimal):
        return number(value, exponents)
    if isinstance(value, dict):
        members = (f"{json.dumps(str(k))}:{dumps(v, exponents=exponents)}" for k, v in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dumps(item, exponents=exponents) for item in value) + "]"
    return json.dumps(value)


def number(value: Decimal, exponents: Exponents = "small") -> str:
    """Write one number as Pi's answers show it: `1.0`, `0.1`, and `1e-7` for the tiny ones."""
    small = exponents == "small" and 0 < abs(value) < ONE_MILLIONTH
    if small or exponents == "always":
        return _with_exponent(value)
    plain = f"{value.normalize():f}"
    return plain if "." in plain else plain + ".0"


def _with_exponent(value: Decimal) -> str:
    mantissa, _, exponent = f"{value.normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _deeper_than(levels: int, value: object) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not levels or any(_deeper_than(levels - 1, item) for item in inner)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
