from __future__ import annotations

from decimal import Decimal

import pytest
from pytest_django import Settings

from payments.templatetags.shop import pi


@pytest.mark.parametrize(
    ("amount", "network", "text"),
    [
        ("1.5000000", "Pi Testnet", "1.5\N{NO-BREAK SPACE}Test-π"),
        ("1.5000000", "Pi Network", "1.5\N{NO-BREAK SPACE}π"),
        ("100", "Pi Network", "100\N{NO-BREAK SPACE}π"),
        ("1E+2", "Pi Network", "100\N{NO-BREAK SPACE}π"),
        ("0.0000001", "Pi Network", "0.0000001\N{NO-BREAK SPACE}π"),
        ("0", "Pi Network", "0\N{NO-BREAK SPACE}π"),
        ("99999999.9999999", "Pi Network", "99999999.9999999\N{NO-BREAK SPACE}π"),
    ],
)
def test_an_amount_is_written_without_surplus_zeros(
    settings: Settings, amount: str, network: str, text: str
) -> None:
    settings.PI_NETWORK = network

    assert pi(Decimal(amount)) == text
