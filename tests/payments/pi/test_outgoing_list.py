"""What Pi lists as going out of this app: `GET /payments/incomplete_server_payments`."""

from __future__ import annotations

from decimal import Decimal

import pytest
import responses
from django.conf import settings

from payments.pi.client import PiClient, PiMisconfigured, PiUnclear
from pi_simulator import Simulator

URL = f"{settings.PI_API_URL}/payments/incomplete_server_payments"


def asked() -> list[tuple[str, str, Decimal]]:
    shown = PiClient(seconds=5).incomplete_server_payments()
    return [(record.identifier, record.direction, record.amount) for record in shown]


def test_nothing_goes_out(pi: Simulator) -> None:
    assert asked() == []


def test_what_goes_out_is_listed_until_it_is_done(pi: Simulator) -> None:
    identifier = pi.create_outgoing(pi.pioneer("alice"), "1.5")
    assert asked() == [(identifier, "app_to_user", Decimal("1.5"))]

    pi.complete(identifier, pi.sign(identifier))

    assert asked() == []


@responses.activate
@pytest.mark.parametrize("answer", ["[]", "{}", '{"incomplete_server_payments": null}', "null", '"x"', "1"])
def test_what_is_no_list_is_unclear(answer: str) -> None:
    responses.get(URL, body=answer)

    with pytest.raises(PiUnclear, match=r"^GET /payments/incomplete_server_payments: .*not a list"):
        asked()


@responses.activate
def test_a_list_of_something_else_is_unclear() -> None:
    responses.get(URL, json={"incomplete_server_payments": [{"identifier": "x"}]})

    with pytest.raises(PiUnclear, match="not a payment"):
        asked()


@responses.activate
def test_without_a_usable_key_nobody_is_asked(settings: object) -> None:
    settings.PI_API_KEY = "a\nb"  # type: ignore[attr-defined]

    with pytest.raises(PiMisconfigured):
        asked()

    assert len(responses.calls) == 0
