"""What the client's errors tell whoever reads the log, and where each of its limits lies."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
import responses

from payments.domain.protocol import CALLBACK_SECONDS
from payments.pi.client import SUCCESS, PiError, PiMisconfigured, PiRefused, PiUnclear, as_record
from payments.pi.formats import MAX_AMOUNT, MIN_AMOUNT
from payments.pi.http import parse
from tests.payments.pi.test_client import (
    APPROVED,
    HORIZON,
    HTML,
    ID,
    PAYMENT_URL,
    changed,
    client,
    flags,
    get,
    me,
    with_amount,
)

PATH = f"/payments/{ID}"
NOT_A_PAYMENT = "Pi's answer is not a payment: "

SAID: list[tuple[int, str | Exception, type[PiError], str]] = [
    (500, '{"error":"internal"}', PiUnclear, f"GET {PATH}: HTTP 500"),
    (429, '{"error":"too_many_requests"}', PiUnclear, f"GET {PATH}: HTTP 429"),
    (404, "[]", PiUnclear, f"GET {PATH}: HTTP 404"),
    (200, HTML, PiUnclear, f"GET {PATH}: HTTP 200: not JSON"),
    (502, HTML, PiUnclear, f"GET {PATH}: HTTP 502: not JSON"),
    (200, APPROVED.replace(ID, "other"), PiUnclear, f"GET {PATH}: Pi answered about another payment"),
    (200, "{}", PiUnclear, NOT_A_PAYMENT + "KeyError('status')"),
    (200, with_amount("0"), PiUnclear, NOT_A_PAYMENT + "ValueError('not an amount of Pi')"),
    (
        200,
        with_amount("1.00000001"),
        PiUnclear,
        NOT_A_PAYMENT + "ValueError('an amount with more than 7 places')",
    ),
    (
        200,
        changed(network=""),
        PiUnclear,
        NOT_A_PAYMENT + "ValueError('not a text of the expected length')",
    ),
    (200, changed(memo=5), PiUnclear, NOT_A_PAYMENT + "TypeError('not a text')"),
    (
        200,
        changed(status=flags(cancelled=1)),
        PiUnclear,
        NOT_A_PAYMENT + "TypeError('not true or false')",
    ),
    (200, " " * 1_000_001, PiUnclear, "Pi's answer is too large to be one"),
    (0, requests.ReadTimeout("slow"), PiUnclear, f"GET {PATH}: ReadTimeout"),
    (404, HORIZON, PiMisconfigured, f"GET {PATH}: PI_API_URL is a blockchain server, not Pi's API"),
    (401, '{"error":"Missing API key"}', PiMisconfigured, f"GET {PATH}: Missing API key"),
    (403, '{"error":"forbidden"}', PiMisconfigured, f"GET {PATH}: forbidden"),
    (400, '{"error":"already_approved"}', PiRefused, f"GET {PATH}: already_approved "),
    (400, '{"error":"no\\u0000","error_message":"be\\u0000cause"}', PiRefused, f"GET {PATH}: no because"),
    (400, '{"error":"no","verification_error":"a","error_message":"b"}', PiRefused, f"GET {PATH}: no a"),
]


@pytest.mark.parametrize(("status", "body", "kind", "text"), SAID)
def test_an_error_says_what_was_asked_and_what_came(
    http: responses.RequestsMock, status: int, body: Any, kind: type[PiError], text: str
) -> None:
    with pytest.raises(kind, match=f"^{re.escape(text)}$") as problem:
        get(http, body, status=status)

    assert type(problem.value) is kind


@pytest.mark.parametrize("action", ["approve", "cancel", "complete"])
def test_an_error_names_the_action(http: responses.RequestsMock, action: str) -> None:
    http.post(f"{PAYMENT_URL}/{action}", body="{}", status=503)
    arguments = ["a" * 64] if action == "complete" else []

    with pytest.raises(PiUnclear, match=f"^POST {PATH}/{action}: HTTP 503$"):
        getattr(client(), action)(ID, *arguments)


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (401, HTML, PiRefused, "GET /me: HTTP 401: Pi does not know this access token"),
        (403, '{"error":"x"}', PiRefused, "GET /me: Pi does not know this access token"),
        (500, '{"error":"x"}', PiUnclear, "GET /me: HTTP 500"),
        (200, HTML, PiUnclear, "GET /me: HTTP 200: not JSON"),
        (200, "{}", PiUnclear, "Pi's answer is not a user"),
    ],
)
def test_an_error_about_a_token_names_no_payment(
    http: responses.RequestsMock, status: int, body: str, kind: type[PiError], text: str
) -> None:
    with pytest.raises(kind, match=f"^{re.escape(text)}$"):
        me(http, body, status)


def test_our_own_mistakes_are_named(settings: Any) -> None:
    with pytest.raises(PiRefused, match=r"^GET /me: this is no access token$") as refused:
        client().me("")
    with pytest.raises(ValueError, match=r"^not an identifier$"):
        client().get_payment("a/b")
    with pytest.raises(PiUnclear, match=r"^the time for asking Pi is used up$"):
        client(seconds=0).get_payment(ID)
    settings.PI_API_KEY = ""
    with pytest.raises(PiMisconfigured, match=r"^PI_API_KEY is empty, or holds what cannot be sent$"):
        client().get_payment(ID)

    assert refused.value.code == "invalid_token"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_named(http: responses.RequestsMock, number: str) -> None:
    with pytest.raises(PiUnclear) as problem:
        get(http, with_amount(number))

    assert str(problem.value.__cause__) == f"{number} is not a number"


# Limits -------------------------------------------------------------------------------------------------

WIDTHS = {"user_uid": 64, "direction": 20, "network": 20, "from_address": 80, "to_address": 80}


@pytest.mark.parametrize(("name", "most"), WIDTHS.items())
def test_a_text_may_be_as_long_as_its_column(http: responses.RequestsMock, name: str, most: int) -> None:
    assert getattr(get(http, changed(**{name: "x" * most})), name) == "x" * most

    http.replace("GET", PAYMENT_URL, body=changed(**{name: "x" * (most + 1)}))
    with pytest.raises(PiUnclear):
        client().get_payment(ID)


@pytest.mark.parametrize(("length", "fits"), [(1, True), (64, True), (65, False)])
def test_a_txid_has_a_length(http: responses.RequestsMock, length: int, fits: bool) -> None:
    body = changed(transaction={"txid": "a" * length})

    if fits:
        assert get(http, body).txid == "a" * length
    else:
        with pytest.raises(PiUnclear):
            get(http, body)


def test_an_identifier_may_be_as_long_as_its_column(http: responses.RequestsMock) -> None:
    longest = "x" * 64
    http.get(PAYMENT_URL.replace(ID, longest), body=changed(identifier=longest))

    assert client().get_payment(longest).identifier == longest
    with pytest.raises(PiUnclear, match="not a text of the expected length"):
        as_record(parse(changed(identifier=longest + "x").encode(), what="it"))


@pytest.mark.parametrize(("uid", "name", "fits"), [(64, 150, True), (65, 0, False), (1, 151, False)])
def test_a_user_may_be_called_as_long_as_the_columns_are(
    http: responses.RequestsMock, uid: int, name: int, fits: bool
) -> None:
    body = f'{{"uid":"{"u" * uid}","username":"{"n" * name}"}}'

    if fits:
        user = me(http, body)
        assert (len(user.uid), len(user.username)) == (uid, name)
    else:
        with pytest.raises(PiUnclear):
            me(http, body)


@pytest.mark.parametrize(("timestamp", "year"), [(0, 1970), (10**11 - 1, 5138)])
def test_a_token_may_end_in_its_time(http: responses.RequestsMock, timestamp: int, year: int) -> None:
    user = me(http, f'{{"uid":"u","credentials":{{"valid_until":{{"timestamp":{timestamp}}}}}}}')

    assert user.valid_until == datetime.fromtimestamp(timestamp, UTC)
    assert user.valid_until.year == year


@pytest.mark.parametrize("timestamp", ["-1", str(10**11)])
def test_an_end_that_is_no_time_is_named(http: responses.RequestsMock, timestamp: str) -> None:
    with pytest.raises(PiUnclear) as problem:
        me(http, f'{{"uid":"u","credentials":{{"valid_until":{{"timestamp":{timestamp}}}}}}}')

    assert str(problem.value.__cause__) == "not a time"


def test_a_long_complaint_about_our_key_is_cut(http: responses.RequestsMock) -> None:
    with pytest.raises(PiMisconfigured) as problem:
        get(http, f'{{"error":"bad API key {"x" * 500}"}}', status=401)

    assert len(str(problem.value)) == 200


def test_a_callback_is_answered_before_the_sdk_repeats_it() -> None:
    assert CALLBACK_SECONDS == 9


def test_the_limits_are_those_of_our_columns() -> None:
    assert (Decimal("1e-7"), 10**8 - Decimal("1e-7")) == (MIN_AMOUNT, MAX_AMOUNT)
    assert range(200, 300) == SUCCESS


def test_a_user_and_a_record_are_frozen_and_small(http: responses.RequestsMock) -> None:
    for answer in (get(http, APPROVED), me(http, '{"uid":"u"}')):
        with pytest.raises(FrozenInstanceError):
            setattr(answer, fields(answer)[0].name, "another")
        with pytest.raises(TypeError, match="takes 1 positional argument"):
            type(answer)("by place")
        assert not hasattr(answer, "__dict__")
