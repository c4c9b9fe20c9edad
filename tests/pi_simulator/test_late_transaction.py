"""Money that Pi learns of late: signed in time, recorded after the payment was cancelled."""

from __future__ import annotations

from pi_simulator import Pioneer, Simulator

from .conftest import Shop


def test_an_unrecorded_transaction_is_not_shown(pi: Simulator, shop: Shop, approved: str) -> None:
    txid = pi.sign(approved, recorded=False)

    payment = shop.payment(approved)[1]

    assert (payment["transaction"], payment["from_address"]) == (None, "")
    assert pi.txid_of(approved) == txid


def test_a_transaction_may_appear_after_our_cancellation(pi: Simulator, shop: Shop, approved: str) -> None:
    txid = pi.sign(approved, recorded=False)
    assert shop.cancel(approved)[0] == 200

    pi.record_transaction(approved)

    payment = shop.payment(approved)[1]
    assert (payment["status"]["cancelled"], payment["transaction"]["txid"]) == (True, txid)


def test_a_revived_payment_can_be_completed_and_blocks_until_then(
    pi: Simulator, alice: Pioneer, shop: Shop, approved: str
) -> None:
    txid = pi.sign(approved, recorded=False)
    pi.cancel(approved)
    pi.record_transaction(approved)
    assert pi.incomplete_payment_of(alice) == pi.payment(approved)

    assert shop.complete(approved, txid)[0] == 200
    assert pi.incomplete_payment_of(alice) is None


def test_pi_may_leave_a_cancelled_payment_cancelled_in_spite_of_its_transaction(
    pi: Simulator, alice: Pioneer, shop: Shop, approved: str
) -> None:
    pi.quirks.late_transaction_revives = False
    txid = pi.sign(approved, recorded=False)
    pi.cancel(approved)
    pi.record_transaction(approved)

    assert shop.code_of(shop.complete(approved, txid)) == (400, "cancelled_payment")
    assert pi.incomplete_payment_of(alice) is None


def test_completing_with_the_txid_makes_pi_look_at_the_chain(
    pi: Simulator, shop: Shop, approved: str
) -> None:
    txid = pi.sign(approved, recorded=False)

    status, payment = shop.complete(approved, txid)

    assert (status, payment["transaction"]["txid"]) == (200, txid)
