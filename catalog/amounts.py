"""An amount of Pi as text. The only place that writes one."""

from __future__ import annotations

from decimal import Decimal

PI = "π"
TEST_PI = "Test-π"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def format_pi(amount: Decimal, *, unit: str = "", space: str = " ") -> str:
    """Return the amount without surplus zeros and without an exponent: `100`, `0.0000001`, `1.5 π`.

    Without a unit it is the number alone. A unit stands behind `space`.
    """
    number = f"{amount.normalize():f}"
    return f"{number}{space}{unit}" if unit else number
