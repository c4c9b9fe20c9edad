from __future__ import annotations

from decimal import Decimal

import pytest
from pytest_django import Settings

from storefront.templatetags.shop import pi


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("Pi Testnet", "1.5\N{NO-BREAK SPACE}Test-π"),
        ("Pi Network", "1.5\N{NO-BREAK SPACE}π"),
    ],
)
def test_buyers_read_the_unit_of_the_network(settings: Settings, network: str, text: str) -> None:
    settings.PI_NETWORK = network

    assert pi(Decimal("1.5000000")) == text
