"""JSON as it travels: amounts are numbers on the wire and Decimals inside, never floats."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NoReturn

Exponents = Literal["small", "always", "never"]

PLACES = 7
ONE_MILLIONTH = Decimal("0.000001")


class NotJson(ValueError):
    """The text is not JSON, or nested deeper than anybody reads."""


def exact_amount(value: object) -> Decimal:
    """Read an amount of Pi given as text, integer or Decimal; up to seven decimal places.

    Raises ValueError for anything that is not a positive, finite, exact number of Pi.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError(f"not an exact amount: {value!r}")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"not an amount: {value!r}") from None
    if not amount.is_finite() or amount <= 0 or amount != round(amount, PLACES):
        raise ValueError(f"not an amount of Pi: {value!r}")
    return amount


def loads(text: bytes | str) -> Any:
    """Parse JSON with every fraction as the Decimal that was written. Raises `NotJson`."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise NotJson(str(problem)) from None


def dumps(value: Any, *, exponents: Exponents = "small") -> str:
    """Write JSON, every Decimal digit for digit."""
    if isinstance(value, Decimal):
        return number(value, exponents)
    if isinstance(value, dict):
        members = (
            f"{json.dumps(str(k))}:{dumps(v, exponents=exponents)}" for k, v in value.items()
        )
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


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
