"""Who is asking: Pi's access token is exchanged for one of ours, which opens what is the buyer's own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import connection
from django.test import Client
from rest_framework.throttling import SimpleRateThrottle

from payments.domain.sign_in import SALT, InvalidToken, uid_of
from payments.domain.sign_in import sign_in as exchange
from payments.models import Pioneer
from payments.pi.client import PiRefused
from pi_simulator import Pioneer as PiPioneer
from pi_simulator import Simulator
from tests.payments.page import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def buyer(pi: Simulator) -> PiPioneer:
    return pi.pioneer("alice")


def sign_in(browser: Client, token: object, **more: Any) -> tuple[int, Any]:
    response = browser.post("/user/signin", {"accessToken": token}, content_type="application/json", **more)
    return response.status_code, response.json()


def me(browser: Client, token: str, scheme: str = "Bearer") -> tuple[int, Any]:
    response = browser.get("/user/me", headers={"Authorization": f"{scheme} {token}"})
    return response.status_code, response.json()


def signed(salt: str = SALT, **content: Any) -> str:
    return signing.dumps(content, salt=salt)


def in_an_hour() -> float:
    return datetime.now(UTC).timestamp() + 3600


INVALID = {"error": "invalid_token", "message": "Pi does not know this access token. Sign in again."}


# The exchange ------------------------------------------------------------------------------------------


def test_an_access_token_is_exchanged_for_ours(pi: Simulator, browser: Client, buyer: PiPioneer) -> None:
    status, answer = sign_in(browser, pi.sign_in(buyer))

    assert status == 200
    assert answer.keys() == {"token", "expires_at", "pioneer"}
    assert answer["pioneer"] == {"uid": buyer.uid, "username": "alice"}
    assert uid_of(answer["token"]) == buyer.uid


def test_what_was_exchanged_cannot_be_changed(pi: Simulator, buyer: PiPioneer) -> None:
    signed_in = exchange(pi.sign_in(buyer))

    with pytest.raises(FrozenInstanceError):
        setattr(signed_in, "token", "another")  # noqa: B010  (mypy knows it, too)


def test_pis_demo_frontend_signs_in_with_its_own_body(
    pi: Simulator, browser: Client, buyer: PiPioneer
) -> None:
    body = {
        "authResult": {
            "accessToken": pi.sign_in(buyer),
            "user": {"uid": buyer.uid, "username": "alice", "roles": []},
        }
    }

    answer = browser.post("/user/signin", body, content_type="application/json")

    assert (answer.status_code, answer.json()["pioneer"]["uid"]) == (200, buyer.uid)


def test_the_identity_comes_from_pi_and_not_from_the_browser(
    pi: Simulator, browser: Client, buyer: PiPioneer
) -> None:
    body = {
        "accessToken": pi.sign_in(buyer),
        "uid": "somebody-else",
        "authResult": {"accessToken": "other", "user": {"uid": "somebody-else", "username": "admin"}},
    }

    browser.post("/user/signin", body, content_type="application/json")

    assert list(Pioneer.objects.values_list("uid", "username")) == [(buyer.uid, "alice")]


def test_a_buyer_is_no_django_user(pi: Simulator, browser: Client, buyer: PiPioneer) -> None:
    sign_in(browser, pi.sign_in(buyer))

    assert (get_user_model().objects.count(), Session.objects.count()) == (0, 0)
    assert browser.get("/admin/").status_code == 302


def test_no_cookie_is_set_on_the_way_in_and_out(pi: Simulator, browser: Client, buyer: PiPioneer) -> None:
    _, answer = sign_in(browser, pi.sign_in(buyer))
    me(browser, answer["token"])
    browser.get("/user/signout")

    assert not browser.cookies


def test_signing_in_twice_makes_one_pioneer(pi: Simulator, browser: Client, buyer: PiPioneer) -> None:
    for _ in range(2):
        sign_in(browser, pi.sign_in(buyer))

    assert Pioneer.objects.count() == 1


def test_a_new_username_is_followed(pi: Simulator, browser: Client, buyer: PiPioneer) -> None:
    sign_in(browser, pi.sign_in(buyer))
    pi.faults.add("refuse", path="/me", status=200, body={"uid": buyer.uid, "username": "alice2"})

    _, answer = sign_in(browser, "any")

    assert answer["pioneer"] == {"uid": buyer.uid, "username": "alice2"}
    assert Pioneer.objects.get().username == "alice2"


def test_a_username_that_is_not_shared_any_more_is_kept(
    pi: Simulator, browser: Client, buyer: PiPioneer
) -> None:
    sign_in(browser, pi.sign_in(buyer))
    pi.faults.add("refuse", path="/me", status=200, body={"uid": buyer.uid})

    sign_in(browser, "any")

    assert Pioneer.objects.get().username == "alice"


def test_a_pioneer_without_a_username_has_a_name_all_the_same(pi: Simulator, browser: Client) -> None:
    pi.faults.add("refuse", path="/me", status=200, body={"uid": "u-77"})

    sign_in(browser, "any")

    assert str(Pioneer.objects.get()) == "u-77"


@pytest.mark.django_db(transaction=True)
def test_two_sign_ins_at_once_make_one_pioneer(pi: Simulator, buyer: PiPioneer) -> None:
    everybody_is_known = threading.Barrier(4, timeout=30)
    pi.after_call = lambda _: everybody_is_known.wait()
    tokens = [pi.sign_in(buyer) for _ in range(4)]

    def one(token: str) -> int:
        try:
            return sign_in(Client(), token)[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(one, tokens))

    assert (statuses, Pioneer.objects.count()) == ([200] * 4, 1)


# How long ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pis", "ours"), [(60, 60), (3_600, 3_600), (86_400, 86_400), (90_000, 86_400), (10**9, 86_400)]
)
def test_our_token_lives_no_longer_than_pis_and_a_day_at_most(
    pi: Simulator, browser: Client, buyer: PiPioneer, pis: int, ours: int
) -> None:
    _, answer = sign_in(browser, pi.sign_in(buyer, lifetime=pis))

    left = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=ours - 10) < left <= timedelta(seconds=ours)
    assert signing.loads(answer["token"], salt=SALT)["until"] <= datetime.now(UTC).timestamp() + ours


def test_an_expired_access_token_is_not_exchanged(pi: Simulator, browser: Client) -> None:
    over = {"uid": "u-1", "credentials": {"valid_until": {"timestamp": 1_717_979_469}}}
    pi.faults.add("refuse", path="/me", status=200, body=over)

    assert sign_in(browser, "any") == (401, INVALID)
    assert not Pioneer.objects.exists()
    with pytest.raises(PiRefused, match=r"^GET /me: this access token has expired$"):
        exchange("any")


# Tokens that Pi does not take, and bodies that hold none -------------------------------------------------


def revoked(pi: Simulator, buyer: PiPioneer) -> str:
    token = pi.sign_in(buyer)
    pi.revoke(token)
    return token


def too_old(pi: Simulator, buyer: PiPioneer) -> str:
    token = pi.sign_in(buyer, lifetime=60)
    pi.clock.move(seconds=61)
    return token


def of_nobody(pi: Simulator, buyer: PiPioneer) -> str:
    return "made-up"


@pytest.mark.parametrize("token", [revoked, too_old, of_nobody])
@pytest.mark.parametrize("status", [401, 403, 400])
def test_a_token_that_pi_does_not_take_is_invalid(
    pi: Simulator, browser: Client, buyer: PiPioneer, token: Any, status: int
) -> None:
    pi.quirks.statuses["invalid_token"] = status

    assert sign_in(browser, token(pi, buyer)) == (401, INVALID)
    assert not Pioneer.objects.exists()


@pytest.mark.parametrize("token", ["🙂", "a b", "a\nb", "a\r\nX-Header: y", "é", "\x7f", "\u200b"])
def test_a_text_that_cannot_be_a_token_is_invalid_and_pi_is_left_alone(
    pi: Simulator, browser: Client, token: str
) -> None:
    assert sign_in(browser, token) == (401, INVALID)
    assert pi.calls == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"accessToken": None},
        {"accessToken": ""},
        {"accessToken": "   "},
        {"accessToken": 5},
        {"accessToken": True},
        {"accessToken": ["token"]},
        {"accessToken": {"token": "x"}},
        {"accessToken": "x" * 2_001},
        {"accessToken": "a\x00b"},
        {"accesstoken": "x"},
        {"authResult": None},
        {"authResult": "token"},
        {"authResult": []},
        {"authResult": {}},
        {"authResult": {"accessToken": None}},
        {"authResult": {"accessToken": 5}},
        {"authResult": {"accessToken": ["x"]}},
        {"authResult": {"accessToken": "x" * 2_001}},
        {"authResult": {"user": {"uid": "u-1"}}},
    ],
)
def test_a_body_without_a_token_is_refused_and_pi_is_left_alone(
    pi: Simulator, browser: Client, body: Any
) -> None:
    response = browser.post("/user/signin", body, content_type="application/json")

    assert (response.status_code, response.json().keys() >= {"error", "message"}) == (400, True)
    assert pi.calls == []


# Pi in trouble -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["down", "html", "malformed", "nonsense", "lose_answer"])
def test_while_pi_cannot_be_asked_the_answer_is_to_try_again(
    pi: Simulator, browser: Client, buyer: PiPioneer, trouble: Any
) -> None:
    pi.faults.add(trouble)

    response = browser.post("/user/signin", {"accessToken": pi.sign_in(buyer)}, "application/json")

    assert (response.status_code, response.json()["error"]) == (503, "pi_unreachable")
    assert response["Retry-After"] == "10"
    assert not Pioneer.objects.exists()


def test_a_wrong_key_of_ours_is_no_hindrance_to_signing_in(
    pi: Simulator, browser: Client, buyer: PiPioneer, settings: Any
) -> None:
    settings.PI_API_KEY = "wrong"

    assert sign_in(browser, pi.sign_in(buyer))[0] == 200


# Our token ---------------------------------------------------------------------------------------------


def test_me_tells_whose_token_it_is(alice: Page) -> None:
    assert me(alice.client, alice.token) == (200, {"uid": alice.pioneer.uid, "username": "alice"})


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_spelled_as_people_do(alice: Page, scheme: str) -> None:
    assert me(alice.client, alice.token, scheme)[0] == 200


def test_me_refuses_a_stranger(browser: Client) -> None:
    response = browser.get("/user/me")

    assert (response.status_code, response.json()["error"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


FORGED = {
    "made up": lambda: "made-up",
    "empty parts": lambda: "::",
    "of another purpose": lambda: signed(salt="pistore.download", uid="u-1", until=in_an_hour()),
    "of no purpose": lambda: signed(salt="django.core.signing", uid="u-1", until=in_an_hour()),
    "by another key": lambda: signing.dumps({"uid": "u-1", "until": in_an_hour()}, key="other", salt=SALT),
    "over": lambda: signed(uid="u-1", until=in_an_hour() - 3601),
    "without an end": lambda: signed(uid="u-1"),
    "without a name": lambda: signed(until=in_an_hour()),
    "with an end in words": lambda: signed(uid="u-1", until="tomorrow"),
    "a list": lambda: signing.dumps(["u-1"], salt=SALT),
    "a text": lambda: signing.dumps("u-1", salt=SALT),
    "of nobody we know": lambda: signed(uid="u-2", until=in_an_hour()),
    "oversized": lambda: signed(uid="u" * 5_000, until=in_an_hour()),
    "not ASCII": lambda: "tök\xffn",
    "NUL": lambda: "a\x00b",
    "several": lambda: "one two three",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_token_that_we_did_not_sign_for_a_pioneer_is_refused(browser: Client, token: Any) -> None:
    Pioneer.objects.create(uid="u-1", username="alice")

    status, answer = me(browser, token())

    assert (status, answer) == (401, {"error": "invalid_token", "message": "Sign in again."})


# A signed token of exactly 2,000 letters cannot be made: in base 64 every fourth length is missing.
@pytest.mark.parametrize(("length", "status"), [(1_999, 200), (2_001, 401)])
def test_a_token_is_read_up_to_a_length_that_none_has(alice: Page, length: int, status: int) -> None:
    until = int(in_an_hour())
    tokens = (signed(uid=alice.pioneer.uid, until=until, pad="x" * pad) for pad in range(1_200, 1_800))

    assert me(alice.client, next(token for token in tokens if len(token) == length))[0] == status


def test_a_token_is_worth_nothing_with_one_letter_changed(alice: Page) -> None:
    for place in range(0, len(alice.token), 7):
        letter = "A" if alice.token[place] != "A" else "B"
        altered = alice.token[:place] + letter + alice.token[place + 1 :]
        with pytest.raises(InvalidToken):
            uid_of(altered)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "", "Token x"])
def test_another_kind_of_header_is_a_strangers(browser: Client, header: str) -> None:
    response = browser.get("/user/me", headers={"Authorization": header})

    assert (response.status_code, response.json()["error"]) == (401, "not_authenticated")


def test_the_token_is_read_from_the_header_alone(alice: Page) -> None:
    alice.client.cookies["Authorization"] = f"Bearer {alice.token}"

    response = alice.client.get("/user/me", {"token": alice.token, "Authorization": f"Bearer {alice.token}"})

    assert response.status_code == 401


@pytest.mark.parametrize("method", ["get", "post"])
def test_signing_out_is_always_possible(alice: Page, method: str) -> None:
    for headers in ({}, {"Authorization": f"Bearer {alice.token}"}, {"Authorization": "Bearer made-up"}):
        response = getattr(alice.client, method)("/user/signout", headers=headers)
        assert (response.status_code, response.json()) == (200, {"message": "Signed out."})


def test_an_expired_token_does_not_keep_a_buyer_from_finishing_a_payment(alice: Page) -> None:
    _, identifier = alice.approved({"voucher": 1})
    alice.token = signed(uid=alice.pioneer.uid, until=in_an_hour() - 3601)

    answer = alice.complete(identifier, alice.pi.sign(identifier))

    assert answer == {"status": "completed", "order": None}


# How often ---------------------------------------------------------------------------------------------


def test_one_client_may_not_try_tokens_without_end(
    pi: Simulator, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "sign-in", "3/min")
    tries = [sign_in(browser, "made-up")[0] for _ in range(5)]

    response = browser.post("/user/signin", {"accessToken": "made-up"}, content_type="application/json")

    assert tries == [401, 401, 401, 429, 429]
    assert (response.json()["error"], 0 < int(response["Retry-After"]) <= 61) == ("throttled", True)
    assert len(pi.calls) == 3
    assert sign_in(browser, "made-up", REMOTE_ADDR="192.0.2.9")[0] == 401
