"""Payments from the app to a pioneer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pi_simulator import Pioneer, Simulator

from .conftest import Answer, Shop

ALL_SCOPES = ("username", "payments", "wallet_address")


def ask(shop: Shop, uid: str, /, **changes: Any) -> Answer:
    terms = {"amount": 0.5, "memo": "Refund", "metadata": {"refund": 1}, "uid": uid}
    return shop.post("/payments", {"payment": terms | changes})


def test_a_payment_to_a_pioneer_is_approved_from_the_start(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    pi.sign_in(alice, scopes=ALL_SCOPES)

    status, payment = ask(shop, alice.uid)

    assert (status, payment["direction"]) == (200, "app_to_user")
    assert payment["status"]["developer_approved"] is True
    assert (payment["from_address"], payment["to_address"]) == (pi.app_wallet, alice.wallet)
    assert (payment["split_recipients"], payment["token_canonical"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "0.5"}, (400, "invalid_amount")),
        ({"metadata": {}}, (400, "invalid_metadata")),
        ({"memo": ""}, (400, "invalid_arguments")),
        ({"uid": "nobody"}, (404, "user_not_found")),
    ],
)
def test_an_outgoing_payment_with_invalid_terms_is_refused(
    pi: Simulator, alice: Pioneer, shop: Shop, changes: dict[str, object], code: tuple[int, str]
) -> None:
    pi.sign_in(alice, scopes=ALL_SCOPES)

    answer = ask(shop, alice.uid, **changes)

    assert shop.code_of(answer) == code


def test_the_pioneer_must_have_shared_the_wallet(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    pi.sign_in(alice)

    assert ask(shop, alice.uid) == (
        401,
        {
            "error": "missing_scope",
            "error_message": 'User hasn\'t authorized "wallet_address" scope for you to access '
            "the public key.",
        },
    )


def test_a_second_outgoing_payment_must_wait_for_the_first(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    first = pi.create_outgoing(alice)

    status, body = ask(shop, alice.uid)

    assert (status, body["error"], body["payment"]) == (
        400,
        "ongoing_payment_found",
        pi.payment(first),
    )


def test_the_ongoing_outgoing_payment_is_listed(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    ongoing = pi.create_outgoing(alice, "0.5", "Refund", {"refund": 1})

    answer = shop.get("/payments/incomplete_server_payments")

    assert answer == (200, {"incomplete_server_payments": [pi.payment(ongoing)]})


def test_an_outgoing_payment_cannot_be_approved(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    ongoing = pi.create_outgoing(alice)

    assert shop.code_of(shop.approve(ongoing)) == (400, "already_approved")


def test_pi_shows_no_transaction_until_the_outgoing_payment_is_completed(
    pi: Simulator, alice: Pioneer, shop: Shop
) -> None:
    ongoing = pi.create_outgoing(alice, "0.5")
    txid = pi.sign(ongoing)
    assert shop.payment(ongoing)[1]["transaction"] is None
    assert pi.balance_of(alice) == Decimal("100.5")

    status, payment = shop.complete(ongoing, txid)

    assert (status, payment["transaction"]["txid"]) == (200, txid)
    assert shop.get("/payments/incomplete_server_payments")[1] == {"incomplete_server_payments": []}


def test_an_outgoing_payment_is_not_the_pioneers_incomplete_payment(pi: Simulator, alice: Pioneer) -> None:
    pi.create_outgoing(alice)

    assert pi.incomplete_payment_of(alice) is None
