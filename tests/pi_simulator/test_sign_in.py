"""Access tokens, `GET /me`, and the endpoints the SDK asks with a token."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pi_simulator import Pioneer, Simulator

from .conftest import Shop


@pytest.fixture
def sdk(pi: Simulator, alice: Pioneer) -> Shop:
    """Return the buyer's browser: the same requests, with a token instead of the key."""
    browser = Shop(pi)
    browser.session.headers["Authorization"] = f"Bearer {pi.sign_in(alice)}"
    return browser


def test_me_names_the_pioneer_and_the_scopes(alice: Pioneer, sdk: Shop) -> None:
    status, user = sdk.get("/me")

    assert status == 200
    until = user["credentials"].pop("valid_until")
    assert list(until) == ["timestamp", "iso8601"]
    assert user == {
        "uid": alice.uid,
        "credentials": {"scopes": ["username", "payments"]},
        "username": "alice",
    }


def test_me_contains_only_what_was_granted(pi: Simulator, alice: Pioneer, sdk: Shop) -> None:
    token = pi.sign_in(alice, scopes=("payments",))
    sdk.session.headers["Authorization"] = f"Bearer {token}"

    assert "username" not in sdk.get("/me")[1]


def test_me_shows_roles_and_language_to_whom_they_were_granted(
    pi: Simulator, alice: Pioneer, sdk: Shop
) -> None:
    token = pi.sign_in(alice, scopes=("username", "payments", "roles", "preferred_language"))
    sdk.session.headers["Authorization"] = f"Bearer {token}"

    user = sdk.get("/me")[1]

    assert (user["roles"], user["preferred_language"]) == (["email_verified"], "en")


def test_a_revoked_token_is_refused(pi: Simulator, alice: Pioneer, sdk: Shop) -> None:
    token = pi.sign_in(alice)
    sdk.session.headers["Authorization"] = f"Bearer {token}"

    pi.revoke(token)

    assert sdk.get("/me") == (401, {"error": "Invalid access token"})


def test_the_sdk_opens_a_payment(alice: Pioneer, sdk: Shop) -> None:
    terms = {"amount": 0.1, "memo": "Tea", "metadata": {"order": "A1"}}

    status, payment = sdk.post("/payments/user_to_app", terms)

    assert (status, payment["amount"]) == (200, Decimal("0.1"))
    assert (payment["user_uid"], payment["metadata"]) == (alice.uid, {"order": "A1"})


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"amount": "1", "memo": "Tea", "metadata": {}}, "invalid_amount"),
        ({"amount": 0, "memo": "Tea", "metadata": {}}, "invalid_amount"),
        ({"amount": 0.00000001, "memo": "Tea", "metadata": {}}, "invalid_amount"),
        ({"amount": 1, "metadata": {}}, "invalid_arguments"),
        ({"amount": 1, "memo": "Tea"}, "invalid_metadata"),
    ],
)
def test_the_sdk_cannot_open_a_payment_on_bad_terms(sdk: Shop, terms: dict[str, object], code: str) -> None:
    assert sdk.code_of(sdk.post("/payments/user_to_app", terms)) == (400, code)


def test_paying_needs_the_payments_scope(pi: Simulator, alice: Pioneer, sdk: Shop) -> None:
    token = pi.sign_in(alice, scopes=("username",))
    sdk.session.headers["Authorization"] = f"Bearer {token}"

    answer = sdk.post("/payments/user_to_app", {"amount": 1, "memo": "Tea", "metadata": {}})

    assert sdk.code_of(answer) == (401, "missing_scope")


def test_the_sdk_finds_an_incomplete_payment(pi: Simulator, sdk: Shop, opened: str) -> None:
    assert sdk.get("/payments/incomplete") == (
        200,
        {"exists": True, "payment": pi.payment(opened)},
    )


def test_the_sdk_finds_no_completed_payment(sdk: Shop) -> None:
    assert sdk.get("/payments/incomplete") == (200, {"exists": False, "payment": None})


def test_the_sdk_reports_a_transaction(pi: Simulator, sdk: Shop, approved: str) -> None:
    pi.sign(approved, recorded=False)

    status, payment = sdk.post(f"/payments/{approved}/verify_transaction")

    assert (status, payment["transaction"]["verified"]) == (200, True)


def test_the_sdk_cannot_report_another_pioneers_transaction(pi: Simulator, sdk: Shop) -> None:
    others = pi.create_payment(pi.pioneer("bob"))

    answer = sdk.post(f"/payments/{others}/verify_transaction")

    assert sdk.code_of(answer) == (404, "payment_not_found")
