"""Numbers on the wire."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pi_simulator import Pioneer, Simulator, wire

from .conftest import Shop


@pytest.mark.parametrize(
    ("amount", "exponents", "text"),
    [
        ("1", "small", "1.0"),
        ("100", "small", "100.0"),
        ("0.1", "small", "0.1"),
        ("1.50", "small", "1.5"),
        ("0.000001", "small", "0.000001"),
        ("0.0000001", "small", "1e-7"),
        ("0.0000001", "never", "0.0000001"),
        ("12345678.1234567", "small", "12345678.1234567"),
        ("1.5", "always", "1.5e0"),
        ("100", "always", "1e2"),
    ],
)
def test_an_amount_is_written_digit_for_digit(amount: str, exponents: wire.Exponents, text: str) -> None:
    assert wire.number(Decimal(amount), exponents) == text
    assert Decimal(text) == Decimal(amount)


@pytest.mark.parametrize(
    "amount", ["0", "-1", "1.00000001", "NaN", "Infinity", "", "x", 1.5, True, "1e999", 10**100]
)
def test_an_inexact_amount_is_refused(amount: object) -> None:
    with pytest.raises(ValueError, match="amount"):
        wire.exact_amount(amount)


def test_an_amount_survives_the_round_trip_through_json(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    payment = pi.create_payment(alice, amount="0.1234567")

    response = shop.session.get(f"{pi.url}/payments/{payment}")

    assert '"amount":0.1234567,' in response.text


def test_answers_may_contain_exponents_and_unknown_keys(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.quirks.exponent_amounts = "always"
    pi.quirks.extra_keys = {"novelty": [1, None]}

    response = shop.session.get(f"{pi.url}/payments/{opened}")

    assert '"amount":1.5e0,' in response.text
    assert response.text.endswith(',"novelty":[1,null]}')


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "[" * 100_000, "[" * 66 + "]" * 66])
def test_invalid_json_is_refused(text: str) -> None:
    with pytest.raises(wire.NotJson):
        wire.loads(text)


def test_fields_of_pis_answers_can_be_replaced(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.tamper(opened, amount="7", network="Pi Network", metadata={"order": "B2"})

    payment = shop.payment(opened)[1]

    assert (payment["amount"], payment["network"], payment["metadata"]) == (
        Decimal(7),
        "Pi Network",
        {"order": "B2"},
    )


def test_replacing_an_unknown_field_raises_an_error(pi: Simulator, opened: str) -> None:
    with pytest.raises(ValueError, match="a payment has no colour"):
        pi.tamper(opened, colour="red")
