"""Pi's refusals: status and body of each."""

from __future__ import annotations

import pytest

from pi_simulator import Pioneer, Simulator

from .conftest import Shop

NOWHERE = "0" * 64


def test_a_wrong_key_is_refused_in_pis_own_words(shop: Shop, opened: str) -> None:
    shop.session.headers["Authorization"] = "Key wrong"

    assert shop.approve(opened) == (401, {"error": "Invalid/missing API key"})


def test_an_unknown_payment_is_not_found(shop: Shop) -> None:
    answer = shop.payment("A" * 28)

    assert answer == (
        404,
        {"error": "payment_not_found", "error_message": "Payment not found"},
    )


def test_a_payment_of_another_app_cannot_be_seen(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    foreign = pi.create_payment(alice, app="other")

    assert shop.code_of(shop.payment(foreign)) == (404, "payment_not_found")


def test_a_payment_of_another_app_cannot_be_approved(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    foreign = pi.create_payment(alice, app="other")

    assert shop.approve(foreign) == (
        403,
        {
            "error": "forbidden",
            "error_message": "You are not allowed to approve this payment",
            "payment": pi.payment(foreign),
        },
    )


def test_another_app_knows_a_pioneer_by_another_uid(pi: Simulator, alice: Pioneer) -> None:
    foreign = pi.create_payment(alice, app="other")

    assert pi.payment(foreign)["user_uid"] != alice.uid


def test_a_second_approval_is_refused_with_the_payment(pi: Simulator, shop: Shop, approved: str) -> None:
    status, body = shop.approve(approved)

    assert (status, body["error"]) == (400, "already_approved")
    assert body["payment"] == pi.payment(approved)


def test_a_second_approval_may_be_accepted(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.quirks.approve_twice_is_error = False

    assert shop.approve(approved) == (200, pi.payment(approved))


def test_a_cancelled_payment_is_not_approved(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.cancel_by_user(opened)

    assert shop.code_of(shop.approve(opened)) == (400, "cancelled_payment")


@pytest.mark.parametrize(
    ("twice", "code"),
    [
        ("already_completed", (400, "already_completed")),
        ("payment_already_linked_with_a_tx", (400, "verification_failed")),
    ],
)
def test_a_second_completion_is_refused(
    pi: Simulator, shop: Shop, approved: str, twice: str, code: tuple[int, str]
) -> None:
    pi.quirks.complete_twice = twice  # type: ignore[assignment]
    txid = pi.sign(approved)
    pi.complete(approved, txid)

    assert shop.code_of(shop.complete(approved, txid)) == code


def test_a_completion_without_txid_is_refused(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.sign(approved)

    answer = shop.post(f"/payments/{approved}/complete")

    assert shop.code_of(answer) == (400, "missing_txid")


def test_completing_an_unsigned_payment_fails_the_verification(shop: Shop, approved: str) -> None:
    assert shop.complete(approved, NOWHERE) == (
        400,
        {"error": "verification_failed", "verification_error": "tx_not_found"},
    )


def test_the_transaction_of_another_payment_fails_the_verification(
    pi: Simulator, shop: Shop, approved: str
) -> None:
    others = pi.create_payment(pi.pioneer("bob"))
    pi.approve(others)

    assert shop.complete(approved, pi.sign(others)) == (
        400,
        {
            "error": "verification_failed",
            "verification_error": "tx_memo_payment_identifier_mismatch",
        },
    )


def test_completing_with_another_txid_than_the_recorded_one_is_refused(
    pi: Simulator, shop: Shop, approved: str
) -> None:
    pi.sign(approved)

    assert shop.code_of(shop.complete(approved, NOWHERE)) == (400, "txid_mismatch")


def test_a_payment_with_an_unverified_transaction_cannot_be_completed(
    pi: Simulator, shop: Shop, approved: str
) -> None:
    txid = pi.sign(approved, verified=False)
    assert shop.payment(approved)[1]["transaction"]["verified"] is False

    assert shop.code_of(shop.complete(approved, txid)) == (400, "not_verified")
    pi.verify_transaction(approved)
    assert shop.complete(approved, txid)[0] == 200


def test_a_cancelled_payment_cannot_be_completed(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.cancel(approved)

    assert shop.code_of(shop.complete(approved, NOWHERE)) == (400, "cancelled_payment")


def test_a_payment_with_a_transaction_cannot_be_cancelled(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.sign(approved)

    assert shop.cancel(approved) == (
        400,
        {
            "error": "payment_tx_present",
            "error_message": "You cannot cancel this payment, because an associated blockchain "
            "transaction has been recorded.",
            "payment": pi.payment(approved),
        },
    )


def test_a_completed_payment_cannot_be_cancelled(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.complete(approved, pi.sign(approved))

    assert shop.code_of(shop.cancel(approved)) == (400, "already_completed")


def test_a_second_cancellation_is_refused(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.cancel(approved)

    assert shop.code_of(shop.cancel(approved)) == (400, "cancelled_payment")


def test_the_http_status_of_an_error_code_can_be_set(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.quirks.statuses["already_approved"] = 409

    assert shop.code_of(shop.approve(approved)) == (409, "already_approved")


def test_a_body_that_is_no_object_is_refused(shop: Shop, approved: str) -> None:
    answer = shop.post(f"/payments/{approved}/complete", ["txid"])

    assert answer == (400, {"error": "invalid_arguments"})


def test_a_huge_body_is_not_read(shop: Shop, approved: str) -> None:
    status, _ = shop.post(f"/payments/{approved}/complete", {"txid": "a" * 70_000})

    assert status == 413
