"""The life of a payment as the shop's server sees it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from pi_simulator import Pioneer, Simulator, SimulatorRefusal

from .conftest import Shop


def test_an_opened_payment_looks_as_pi_sends_it(
    pi: Simulator, alice: Pioneer, shop: Shop, opened: str
) -> None:
    status, payment = shop.payment(opened)

    assert status == 200
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", payment.pop("created_at"))
    assert payment == {
        "identifier": opened,
        "user_uid": alice.uid,
        "amount": Decimal("1.5"),
        "memo": "Tea",
        "metadata": {"order": "A1"},
        "from_address": "",
        "to_address": pi.app_wallet,
        "direction": "user_to_app",
        "status": {
            "developer_approved": False,
            "transaction_verified": False,
            "developer_completed": False,
            "cancelled": False,
            "user_cancelled": False,
        },
        "transaction": None,
        "network": "Pi Testnet",
    }


def test_fields_come_in_the_order_of_real_answers(pi: Simulator, opened: str) -> None:
    assert list(pi.payment(opened)) == [
        "identifier",
        "user_uid",
        "amount",
        "memo",
        "metadata",
        "from_address",
        "to_address",
        "direction",
        "status",
        "transaction",
        "created_at",
        "network",
    ]


def test_identifier_uid_and_wallets_have_pis_formats(pi: Simulator, alice: Pioneer, opened: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{28}", opened)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-.{12}", alice.uid)
    assert re.fullmatch(r"G[A-Z2-7]{55}", alice.wallet)


def test_a_payment_goes_from_approval_to_completion(
    pi: Simulator, alice: Pioneer, shop: Shop, opened: str
) -> None:
    shop.approve(opened)
    txid = pi.sign(opened)

    status, payment = shop.complete(opened, txid)

    assert status == 200
    assert payment["from_address"] == alice.wallet
    assert payment["transaction"] == {
        "txid": txid,
        "verified": True,
        "_link": f"{pi.horizon_url}/transactions/{txid}",
    }
    assert payment["status"] == {
        "developer_approved": True,
        "transaction_verified": True,
        "developer_completed": True,
        "cancelled": False,
        "user_cancelled": False,
    }


def test_signing_moves_the_amount_and_takes_the_fee(pi: Simulator, alice: Pioneer, approved: str) -> None:
    before = pi.balance_of(pi.app_wallet)

    pi.sign(approved)

    assert pi.balance_of(alice) == Decimal("98.49")
    assert pi.balance_of(pi.app_wallet) == before + Decimal("1.5")


def test_complete_takes_the_txid_from_a_form_too(pi: Simulator, shop: Shop, approved: str) -> None:
    txid = pi.sign(approved)

    status, _ = shop.post(f"/payments/{approved}/complete", data={"txid": txid})

    assert status == 200


def test_an_unsigned_payment_can_be_cancelled_by_the_app(shop: Shop, approved: str) -> None:
    status, payment = shop.cancel(approved)

    assert (status, payment["status"]["cancelled"]) == (200, True)


def test_the_buyer_may_cancel_instead_of_paying(pi: Simulator, approved: str) -> None:
    pi.cancel_by_user(approved)

    status = pi.payment(approved)["status"]
    assert (status["cancelled"], status["user_cancelled"]) == (False, True)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda pi, payment: None, "not_approved_payment"),
        (lambda pi, payment: pi.cancel(payment), "cancelled_payment"),
        (lambda pi, payment: pi.cancel_by_user(payment), "cancelled_payment"),
        (lambda pi, payment: pi.expire_approval(payment), "cancelled_payment"),
    ],
)
def test_the_wallet_refuses_to_sign(pi: Simulator, opened: str, spoil, code: str) -> None:  # type: ignore[no-untyped-def]
    spoil(pi, opened)

    with pytest.raises(SimulatorRefusal) as refusal:
        pi.sign(opened)

    assert refusal.value.code == code


def test_the_wallet_refuses_to_sign_twice(pi: Simulator, approved: str) -> None:
    pi.sign(approved)

    with pytest.raises(SimulatorRefusal, match="already_signed"):
        pi.sign(approved)


def test_the_wallet_refuses_more_than_the_balance(pi: Simulator, approved: str) -> None:
    pi.pioneer("alice", balance="1.5")

    with pytest.raises(SimulatorRefusal, match="insufficient_balance"):
        pi.sign(approved)


def test_a_new_payment_cancels_an_open_one_without_transaction(
    pi: Simulator, alice: Pioneer, approved: str
) -> None:
    pi.create_payment(alice)

    assert pi.payment(approved)["status"]["cancelled"] is True


def test_a_payment_with_a_transaction_blocks_the_next(pi: Simulator, alice: Pioneer, approved: str) -> None:
    pi.sign(approved)

    with pytest.raises(SimulatorRefusal) as refusal:
        pi.create_payment(alice)

    assert refusal.value.code == "pending_payment"
    assert refusal.value.payment == pi.payment(approved)


def test_other_pioneers_and_other_apps_are_not_blocked(pi: Simulator, alice: Pioneer, approved: str) -> None:
    pi.sign(approved)

    pi.create_payment(pi.pioneer("bob"))
    pi.create_payment(alice, app="other")


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ((), True),
        (("approve",), True),
        (("approve", "sign"), True),
        (("approve", "sign", "complete"), False),
        (("cancel",), False),
        (("cancel_by_user",), False),
    ],
)
def test_an_incomplete_payment_is_one_that_waits_for_something(
    pi: Simulator, alice: Pioneer, opened: str, steps: tuple[str, ...], found: bool
) -> None:
    for step in steps:
        arguments = (opened, pi.txid_of(opened)) if step == "complete" else (opened,)
        getattr(pi, step)(*arguments)

    assert pi.incomplete_payment_of(alice) == (pi.payment(opened) if found else None)


def test_a_name_has_the_same_uid_and_wallet_after_a_restart(alice: Pioneer) -> None:
    assert Simulator().pioneer("alice") == alice


def test_a_pioneer_known_from_before_a_reset_can_buy_again(
    pi: Simulator, alice: Pioneer, opened: str
) -> None:
    pi.reset()

    again = pi.create_payment(alice)

    assert pi.payment(again)["user_uid"] == alice.uid
    assert pi.balance_of(alice) == Decimal(100)


def test_reset_deletes_all_pioneers_and_payments(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.reset()

    assert shop.code_of(shop.payment(opened)) == (404, "payment_not_found")


def test_a_forgotten_payment_is_not_found(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.forget(opened)

    assert shop.code_of(shop.payment(opened)) == (404, "payment_not_found")
    assert pi.payments() == []
