from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.amounts import NO_BREAK_SPACE, PI, TEST_PI, format_pi


@pytest.mark.parametrize(
    ("amount", "number"),
    [
        ("1.5000000", "1.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1E-7", "0.0000001"),
        ("0E-7", "0"),
        ("99999999.9999999", "99999999.9999999"),
    ],
)
def test_an_amount_has_no_surplus_zeros_and_no_exponent(amount: str, number: str) -> None:
    assert format_pi(Decimal(amount)) == number


@pytest.mark.parametrize(
    ("unit", "space", "text"),
    [
        (PI, " ", "1.5 π"),
        (TEST_PI, NO_BREAK_SPACE, "1.5\N{NO-BREAK SPACE}Test-π"),
        ("", NO_BREAK_SPACE, "1.5"),
    ],
)
def test_the_unit_stands_behind_a_space_of_the_callers_choice(unit: str, space: str, text: str) -> None:
    assert format_pi(Decimal("1.50"), unit=unit, space=space) == text
