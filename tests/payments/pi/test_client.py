"""Pi's Platform API as we use it: what is asked, how every answer is read, and what never leaks."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import responses
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from payments.pi.client import (
    PaymentRecord,
    PiClient,
    PiError,
    PiMisconfigured,
    PiRefused,
    PiUnclear,
    PiUser,
)

ID = "rfZCa0Kr8l0vcEoGnpU1SKwjhZCI"
TXID = "bc076f92" + "0" * 52 + "e6c0"
TOKEN = "access-token-of-alice"
PAYMENT_URL = f"{settings.PI_API_URL}/payments/{ID}"
ME_URL = f"{settings.PI_API_URL}/me"

# Two answers that Pi really gave: an approved payment that nobody has signed, and a completed one.
APPROVED = (
    '{"identifier":"rfZCa0Kr8l0vcEoGnpU1SKwjhZCI","user_uid":"45442725-e8f5-428d-821a-d3494dfdee85",'
    '"amount":1.0,"memo":"Demo transfer request","metadata":{"paymentType":"donation"},'
    '"from_address":"","to_address":"GC3R7AGSXQDBUSJ5CMFW5LCDYY22ZGWRR4VDDMAW5KZTPXHXVSHB5XFB",'
    '"direction":"user_to_app","status":{"developer_approved":true,"transaction_verified":false,'
    '"developer_completed":false,"cancelled":false,"user_cancelled":false},'
    '"transaction":null,"created_at":"2024-06-13T08:20:07.726Z","network":"Pi Testnet"}'
)
COMPLETED = (
    APPROVED.replace('"from_address":""', f'"from_address":"G{"A" * 55}"')
    .replace(
        '"transaction_verified":false,"developer_completed":false',
        '"transaction_verified":true,"developer_completed":true',
    )
    .replace(
        '"transaction":null',
        f'"transaction":{{"txid":"{TXID}","verified":true,"_link":"https://api.testnet.minepi.com/{TXID}"}}',
    )
)
RECORD = PaymentRecord(
    identifier=ID,
    user_uid="45442725-e8f5-428d-821a-d3494dfdee85",
    amount=Decimal(1),
    memo="Demo transfer request",
    metadata={"paymentType": "donation"},
    direction="user_to_app",
    network="Pi Testnet",
    from_address="",
    to_address="GC3R7AGSXQDBUSJ5CMFW5LCDYY22ZGWRR4VDDMAW5KZTPXHXVSHB5XFB",
    txid=None,
    developer_approved=True,
    transaction_verified=False,
    developer_completed=False,
    cancelled=False,
)
USER = (
    '{"uid":"u-1","credentials":{"scopes":["username","payments"],"valid_until":{"timestamp":1717979469,'
    '"iso8601":"2024-06-10T17:31:09Z"}},"username":"alice"}'
)

Ask = Callable[[PiClient], object]
GET_PAYMENT: Ask = lambda pi: pi.get_payment(ID)  # noqa: E731
ME: Ask = lambda pi: pi.me(TOKEN)  # noqa: E731
METHODS = [
    pytest.param(GET_PAYMENT, "GET", "", None, id="get_payment"),
    pytest.param(lambda pi: pi.approve(ID), "POST", "/approve", None, id="approve"),
    pytest.param(lambda pi: pi.complete(ID, TXID), "POST", "/complete", {"txid": TXID}, id="complete"),
    pytest.param(lambda pi: pi.cancel(ID), "POST", "/cancel", None, id="cancel"),
]


def client(seconds: float = 9) -> PiClient:
    return PiClient(seconds=seconds)


def get(http: responses.RequestsMock, body: str | bytes, status: int = 200, **more: Any) -> PaymentRecord:
    """Return what becomes of this answer to `GET /payments/{id}`."""
    http.get(PAYMENT_URL, body=body, status=status, **more)
    return client().get_payment(ID)


def changed(**fields: Any) -> str:
    """Return the approved payment with other fields; `...` leaves one out."""
    answer = json.loads(APPROVED) | fields
    return json.dumps({name: value for name, value in answer.items() if value is not ...})


def with_amount(text: str) -> str:
    return APPROVED.replace('"amount":1.0', f'"amount":{text}')


# Requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ask", "method", "path", "body"), METHODS)
def test_payments_are_asked_for_with_our_key(
    http: responses.RequestsMock, ask: Ask, method: str, path: str, body: dict[str, str] | None
) -> None:
    http.add(method, PAYMENT_URL + path, body=APPROVED)

    answer = ask(client())

    request = http.calls[0].request
    assert answer == RECORD
    assert request.headers["Authorization"] == f"Key {settings.PI_API_KEY}"
    assert (json.loads(request.body) if request.body else None) == body


def test_me_is_asked_for_with_the_token_of_the_user(http: responses.RequestsMock) -> None:
    http.get(ME_URL, body=USER)

    client().me(TOKEN)

    request = http.calls[0].request
    assert (request.headers["Authorization"], request.body) == (f"Bearer {TOKEN}", None)


@pytest.mark.parametrize("identifier", ["", "a/b", "../me", "a b", "a\n", "é", "x" * 65, "a?b", "a%2fb"])
def test_what_is_no_identifier_never_becomes_part_of_an_address(
    http: responses.RequestsMock, identifier: str
) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        client().get_payment(identifier)

    assert not http.calls


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "tökén", "🙂", "\x00", "\x7f", "a\r\nX: y"])
def test_what_cannot_be_a_token_is_refused_without_asking(http: responses.RequestsMock, token: str) -> None:
    with pytest.raises(PiRefused) as refused:
        client().me(token)

    assert (refused.value.code, len(http.calls)) == ("invalid_token", 0)


# Clean records -----------------------------------------------------------------------------------------


def test_an_approved_payment_is_read(http: responses.RequestsMock) -> None:
    assert get(http, APPROVED) == RECORD


def test_a_completed_payment_is_read(http: responses.RequestsMock) -> None:
    record = get(http, COMPLETED)

    assert (record.txid, record.from_address, record.completed) == (TXID, "G" + "A" * 55, True)
    assert (record.developer_completed, record.transaction_verified) == (True, True)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.0", "1"),
        ("1", "1"),
        ("0.1", "0.1"),
        ("1e-7", "0.0000001"),
        ("3E0", "3"),
        ("1.50E+2", "150"),
        ("0.10000000000", "0.1"),
        ("12345678.1234567", "12345678.1234567"),
        ("99999999.9999999", "99999999.9999999"),
    ],
)
def test_an_amount_is_exact_however_it_is_written(
    http: responses.RequestsMock, text: str, amount: str
) -> None:
    record = get(http, with_amount(text))

    assert f"{record.amount:f}" == f"{Decimal(amount):.7f}"


@pytest.mark.parametrize(
    ("cancelled", "user_cancelled", "expected"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_either_flag_means_cancelled(
    http: responses.RequestsMock, cancelled: bool, user_cancelled: bool, expected: bool
) -> None:
    flags = json.loads(APPROVED)["status"] | {"cancelled": cancelled, "user_cancelled": user_cancelled}

    assert get(http, changed(status=flags)).cancelled is expected


@pytest.mark.parametrize(
    "fields",
    [
        {"split_recipients": None, "token_canonical": None},
        {"created_at": ...},
        {"memo": ..., "metadata": ..., "from_address": ..., "to_address": ...},
        {"memo": None, "metadata": None, "from_address": None, "to_address": None},
        {"metadata": "text"},
        {"metadata": [1]},
    ],
)
def test_what_we_do_not_need_may_be_there_or_not(
    http: responses.RequestsMock, fields: dict[str, Any]
) -> None:
    record = get(http, changed(**fields))

    assert (record.identifier, record.amount, record.txid) == (ID, Decimal(1), None)
    assert isinstance(record.metadata, dict)


@pytest.mark.parametrize("nothing", [..., None, ""], ids=["left out", "null", "empty"])
def test_what_is_not_there_is_empty(http: responses.RequestsMock, nothing: Any) -> None:
    record = get(http, changed(memo=nothing, from_address=nothing, to_address=nothing))

    assert (record.memo, record.from_address, record.to_address) == ("", "", "")


def test_a_long_memo_is_cut_and_cleaned(http: responses.RequestsMock) -> None:
    record = get(http, changed(memo="a\x00b\ud800" + "c" * 1000))

    assert record.memo == ("ab?" + "c" * 1000)[:200]


@pytest.mark.parametrize("doubt", ["transaction_verified", "developer_completed", "transaction"])
def test_completed_means_completed_and_verified_and_a_transaction(
    http: responses.RequestsMock, doubt: str
) -> None:
    answer = json.loads(COMPLETED)
    where = answer if doubt in answer else answer["status"]
    where[doubt] = None if doubt in answer else False

    assert not get(http, json.dumps(answer)).completed


def test_a_record_cannot_be_changed(http: responses.RequestsMock) -> None:
    record = get(http, APPROVED)

    with pytest.raises(AttributeError):
        record.amount = Decimal(2)  # type: ignore[misc]


# No usable answer: PiUnclear ---------------------------------------------------------------------------

HTML = "<!DOCTYPE html><html><body>We're sorry, but something went wrong.</body></html>"
PARTS = json.loads(APPROVED)


def flags(**changes: Any) -> dict[str, Any]:
    merged = PARTS["status"] | changes
    return {name: value for name, value in merged.items() if value is not ...}


UNUSABLE: dict[str, tuple[int, str | bytes]] = {
    "html 200": (200, HTML),
    "html 400": (400, HTML),
    "html 404": (404, HTML),
    "html 500": (500, HTML),
    "html 502": (502, HTML),
    "error 500": (500, '{"error":"internal_error"}'),
    "error 503": (503, '{"error":"already_approved"}'),
    "too many requests": (429, '{"error":"too_many_requests"}'),
    "not modified": (304, ""),
    "moved, with a payment": (301, APPROVED),
    "nothing": (200, ""),
    "no content": (204, ""),
    "blanks": (200, "  \n"),
    "broken": (200, '{"identifier":"'),
    "cut": (200, APPROVED[:-1]),
    "twice": (200, APPROVED * 2),
    "not utf-8": (200, b'{"identifier":"\xff\xfe\xfd"}'),
    "deep": (200, "[" * 100_000),
    "deep metadata": (200, changed(metadata=...)[:-1] + ',"metadata":' + '{"a":' * 50_000),
    "NaN": (200, with_amount("NaN")),
    "Infinity": (200, with_amount("Infinity")),
    "-Infinity": (200, with_amount("-Infinity")),
    "NaN elsewhere": (200, APPROVED.replace('"donation"', "NaN")),
    "huge exponent elsewhere": (200, APPROVED.replace('"donation"', "1e9999999999999999999999")),
    "null": (200, "null"),
    "list": (200, "[]"),
    "text": (200, '"approved"'),
    "number": (200, "1"),
    "list in 400": (400, "[]"),
    "text in 400": (400, '"payment_not_found"'),
    "object in 400": (400, "{}"),
    "error is null": (404, '{"error":null}'),
    "error is empty": (404, '{"error":""}'),
    "error is an object": (404, '{"error":{"code":"payment_not_found"}}'),
    "error is a number": (404, '{"error":404}'),
    "error in 200": (200, '{"error":"payment_not_found"}'),
    "another payment": (200, APPROVED.replace(ID, "x" * 28)),
    "another case": (200, APPROVED.replace(ID, ID.lower())),
    "amount 0": (200, with_amount("0")),
    "amount 0.0": (200, with_amount("0.0")),
    "amount -0": (200, with_amount("-0.0")),
    "amount negative": (200, with_amount("-1.0")),
    "amount of 8 places": (200, with_amount("0.00000001")),
    "amount of 8 places, larger": (200, with_amount("1.00000001")),
    "amount too large": (200, with_amount("100000000")),
    "amount huge": (200, with_amount("1e999999999")),
    "amount tiny": (200, with_amount("1e-999999999")),
    "amount beyond Decimal": (200, with_amount("1e9999999999999999999999")),
    "amount of many digits": (200, with_amount("1." + "0" * 5000 + "1")),
    "amount as a text": (200, with_amount('"1.0"')),
    "amount as true": (200, with_amount("true")),
    "amount as null": (200, with_amount("null")),
    "amount in a list": (200, with_amount("[1.0]")),
    "transaction without txid": (200, changed(transaction={"verified": True})),
    "transaction empty": (200, changed(transaction={})),
    "transaction false": (200, changed(transaction=False)),
    "transaction text": (200, changed(transaction=TXID)),
    "transaction list": (200, changed(transaction=[TXID])),
    "txid null": (200, changed(transaction={"txid": None})),
    "txid empty": (200, changed(transaction={"txid": ""})),
    "txid number": (200, changed(transaction={"txid": 5})),
    "txid long": (200, changed(transaction={"txid": "a" * 65})),
    "txid NUL": (200, changed(transaction={"txid": "a\x00b"})),
    "status null": (200, changed(status=None)),
    "status list": (200, changed(status=[True])),
    "status text": (200, changed(status="approved")),
    "oversized": (200, changed(memo="x" * 1_100_000)),
    "oversized error": (400, json.dumps({"error": "x" * 1_100_000})),
}
NAMED = ("identifier", "user_uid", "direction", "network")
ADDRESSES = ("from_address", "to_address")


def wrong(names: tuple[str, ...], values: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {f"{name} {kind}": (200, changed(**{name: values[kind]})) for name in names for kind in values}


UNUSABLE |= wrong((*NAMED, "amount", "status", "transaction"), {"missing": ...})
UNUSABLE |= wrong(
    (*NAMED, "memo", *ADDRESSES), {"number": 5, "list": ["x"], "object": {"x": 1}, "true": True}
)
UNUSABLE |= wrong((*NAMED, *ADDRESSES), {"long": "x" * 100_000, "NUL": "a\x00", "surrogate": "\ud800"})
UNUSABLE |= wrong(NAMED, {"null": None, "empty": ""})
UNUSABLE |= {
    f"{flag} {kind}": (200, changed(status=flags(**{flag: value})))
    for flag in PARTS["status"]
    for kind, value in {"missing": ..., "null": None, "number": 1, "text": "true"}.items()
}


@pytest.mark.parametrize(("status", "body"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_answer_that_cannot_be_used_is_unclear(
    http: responses.RequestsMock, status: int, body: str | bytes
) -> None:
    with pytest.raises(PiUnclear):
        get(http, body, status=status)


# Refusals ---------------------------------------------------------------------------------------------

CODES = [
    *("payment_not_found", "invalid_arguments", "invalid_amount", "invalid_metadata", "unknown_error"),
    *("altered_amount", "user_not_found", "missing_scope", "invalid_address", "missing_wallet"),
    *("ongoing_payment_found", "feature_not_available", "too_many_cancelled_payments", "too_many_payments"),
    *("missing_param", "already_completed", "already_approved", "cancelled_payment", "not_verified"),
    *("missing_txid", "txid_mismatch", "verification_failed", "payment_tx_present"),
]


@pytest.mark.parametrize("code", CODES)
def test_a_refusal_keeps_pis_code(http: responses.RequestsMock, code: str) -> None:
    with pytest.raises(PiRefused) as refused:
        get(http, json.dumps({"error": code, "error_message": "Because."}), status=400)

    assert refused.value.code == code
    assert str(refused.value) == f"GET /payments/{ID}: {code} Because."


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 410, 418, 422, 451])
def test_the_code_counts_and_not_the_exact_status(http: responses.RequestsMock, status: int) -> None:
    with pytest.raises(PiRefused) as refused:
        get(http, '{"error":"missing_scope","error_message":"No."}', status=status)

    assert refused.value.code == "missing_scope"


def test_a_refusal_says_what_pi_found_wrong_with_the_transaction(http: responses.RequestsMock) -> None:
    body = '{"error":"verification_failed","verification_error":"tx_memo_payment_identifier_mismatch"}'
    http.post(f"{PAYMENT_URL}/complete", body=body, status=400)

    with pytest.raises(PiRefused, match="tx_memo_payment_identifier_mismatch"):
        client().complete(ID, TXID)


@pytest.mark.parametrize(
    "more", [{"error_message": ["x"]}, {"verification_error": {"a": 1}}, {"payment": None}]
)
def test_a_refusal_is_read_whatever_stands_beside_its_code(
    http: responses.RequestsMock, more: dict[str, Any]
) -> None:
    with pytest.raises(PiRefused) as refused:
        get(http, json.dumps({"error": "already_completed"} | more), status=400)

    assert refused.value.code == "already_completed"


def test_a_long_refusal_is_cut(http: responses.RequestsMock) -> None:
    with pytest.raises(PiRefused) as refused:
        get(http, json.dumps({"error": "x" * 9999, "error_message": "y" * 9999}), status=400)

    assert (len(refused.value.code), len(str(refused.value))) == (64, 300)


def test_a_refusal_is_told_in_words_that_can_be_kept_and_shown(http: responses.RequestsMock) -> None:
    body = '{"error":"a\\u0000\\ud800b","error_message":"c\\u0000\\udc00d"}'
    with pytest.raises(PiRefused) as refused:
        get(http, body, status=400)

    assert (refused.value.code, str(refused.value)) == ("a?b", f"GET /payments/{ID}: a?b c?d")


HORIZON = '{"type":"https://stellar.org/horizon-errors/not_found","title":"Resource Missing","status":404}'


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, '{"error":"Invalid/missing API key"}'),
        (403, '{"error":"Invalid/missing API key"}'),
        (401, '{"error":"This endpoint requires either a Server API Key or Access Token authorization."}'),
        (
            403,
            '{"error":"forbidden","error_message":"You are not allowed to approve this","payment":{}}',
        ),
        (400, '{"error":"forbidden"}'),
        (404, HORIZON),
    ],
)
def test_what_staff_must_mend_is_told_apart(http: responses.RequestsMock, status: int, body: str) -> None:
    with pytest.raises(PiMisconfigured):
        get(http, body, status=status)


def test_a_blockchain_server_is_recognised_for_what_it_is(http: responses.RequestsMock) -> None:
    with pytest.raises(PiMisconfigured, match="PI_API_URL is a blockchain server"):
        get(http, HORIZON, status=404)


@pytest.mark.parametrize("key", ["", "two words", "clé", "a\nb"])
def test_a_key_that_cannot_be_one_is_for_staff_to_mend(
    http: responses.RequestsMock, settings: Any, key: str
) -> None:
    settings.PI_API_KEY = key

    with pytest.raises(PiMisconfigured) as problem:
        client().get_payment(ID)

    assert "PI_API_KEY" in str(problem.value)
    assert not key or key not in str(problem.value)


# Users ------------------------------------------------------------------------------------------------


def me(http: responses.RequestsMock, body: str, status: int = 200) -> PiUser:
    http.get(ME_URL, body=body, status=status)
    return client().me(TOKEN)


def test_me_tells_who_it_is_and_until_when(http: responses.RequestsMock) -> None:
    until = datetime(2024, 6, 10, 0, 31, 9, tzinfo=UTC)

    assert me(http, USER) == PiUser(uid="u-1", username="alice", valid_until=until)


@pytest.mark.parametrize(
    "body",
    ['{"uid":"u-1"}', '{"uid":"u-1","credentials":{}}', '{"uid":"u-1","credentials":{"valid_until":{}}}'],
)
def test_without_an_end_a_token_is_taken_for_an_hour(http: responses.RequestsMock, body: str) -> None:
    user = me(http, body)

    left = user.valid_until - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert user.username == ""


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, '{"error":"Invalid access token"}'),
        (401, '{"error":"missing_scope"}'),
        (401, "{}"),
        (401, ""),
        (401, HTML),
        (400, '{"error":"invalid_token"}'),
        (403, '{"error":"Invalid access token"}'),
    ],
)
def test_a_token_that_pi_does_not_know_is_invalid(
    http: responses.RequestsMock, status: int, body: str
) -> None:
    with pytest.raises(PiRefused) as refused:
        me(http, body, status)

    assert refused.value.code == "invalid_token"


UNUSABLE_USERS = {
    "html": (200, HTML),
    "html 403": (403, HTML),
    "down": (502, '{"error":"down"}'),
    "too many": (429, '{"error":"slow down"}'),
    "redirect": (302, USER),
    "null": (200, "null"),
    "list": (200, "[]"),
    "no uid": (200, '{"username":"alice"}'),
    "uid null": (200, '{"uid":null}'),
    "uid number": (200, '{"uid":5}'),
    "uid empty": (200, '{"uid":""}'),
    "uid NUL": (200, '{"uid":"\\u0000"}'),
    "uid surrogate": (200, '{"uid":"\\ud800"}'),
    "uid long": (200, json.dumps({"uid": "x" * 65})),
    "username number": (200, '{"uid":"u","username":5}'),
    "username long": (200, json.dumps({"uid": "u", "username": "x" * 151})),
    "credentials null": (200, '{"uid":"u","credentials":null}'),
    "credentials list": (200, '{"uid":"u","credentials":[]}'),
    **{
        f"until {text[:20]}": (200, f'{{"uid":"u","credentials":{{"valid_until":{{"timestamp":{text}}}}}}}')
        for text in ('"soon"', "true", "[]", "{}", "1e999", "1e999999999", "-1e999999999", "9" * 400, '"1"')
    },
}


@pytest.mark.parametrize(("status", "body"), UNUSABLE_USERS.values(), ids=UNUSABLE_USERS)
def test_an_answer_that_is_no_user_is_unclear(http: responses.RequestsMock, status: int, body: str) -> None:
    with pytest.raises(PiUnclear):
        me(http, body, status)


# Secrets ----------------------------------------------------------------------------------------------

LEAKS = [
    *((status, body) for status, body in UNUSABLE.values() if len(body) < 2_000),
    (401, '{"error":"Invalid/missing API key"}'),
    (400, '{"error":"already_completed","error_message":"No."}'),
    (404, HORIZON),
]


@pytest.mark.parametrize("ask", [GET_PAYMENT, ME], ids=["key", "token"])
def test_no_failure_shows_key_or_token(
    http: responses.RequestsMock, caplog: pytest.LogCaptureFixture, ask: Ask
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    for status, body in LEAKS:
        for url in (PAYMENT_URL, ME_URL):
            http.upsert("GET", url, body=body, status=status)
        try:
            shown.append(repr(ask(client())))
        except PiError as error:
            shown += [*traceback.format_exception(error), repr(error), repr(error.args)]
    http.assert_all_requests_are_fired = False

    everything = "\n".join([*shown, caplog.text])
    assert settings.PI_API_KEY not in everything
    assert TOKEN not in everything


def test_an_answer_that_quotes_the_key_does_not_make_us_show_it(http: responses.RequestsMock) -> None:
    body = json.dumps({"error": f"Invalid API key: {settings.PI_API_KEY}"})
    with pytest.raises(PiMisconfigured) as problem:
        get(http, body, status=401)

    assert str(problem.value) == f"GET /payments/{ID}: Invalid API key: (secret)"


# Whatever comes ---------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
NAMES = [*PARTS, *PARTS["status"], "txid", "error", "uid", "credentials"]
STATUS = st.sampled_from([200, 200, 200, 201, 204, 301, 302, 400, 401, 403, 404, 422, 429, 500, 502, 503])


@st.composite
def distorted(draw: st.DrawFn) -> bytes:
    """Generate a payment in which one or two fields, anywhere, are anything."""
    answer = json.loads(COMPLETED)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from([answer, answer["status"], answer["transaction"]]))
        if isinstance(place, dict):
            place[draw(st.sampled_from(NAMES))] = draw(JSON)
    return json.dumps(answer).encode()


ANSWERS = distorted() | JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)


def check_clean(record: PaymentRecord) -> None:
    texts = [getattr(record, field.name) for field in fields(record) if field.type == "str"]
    assert record.identifier == ID
    assert record.user_uid
    assert Decimal("0.0000001") <= record.amount < 10**8
    assert record.amount == round(record.amount, 7)
    assert record.txid is None or 0 < len(record.txid) <= 64
    assert isinstance(record.cancelled, bool)
    assert all("\x00" not in text and text.encode("utf-8") is not None for text in texts)


@hypothesis_settings(max_examples=300, deadline=None)
@given(status=STATUS, body=ANSWERS)
def test_any_answer_ends_in_a_clean_record_or_one_of_three_errors(status: int, body: bytes) -> None:
    with responses.RequestsMock() as http:
        try:
            check_clean(get(http, body, status=status))
        except (PiUnclear, PiRefused, PiMisconfigured) as error:
            assert len(str(error)) <= 400  # noqa: PT017  (both outcomes are right)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    status=STATUS,
    body=st.fixed_dictionaries({}, optional=dict.fromkeys(("uid", "username", "credentials", "error"), JSON))
    .map(json.dumps)
    .map(str.encode)
    | ANSWERS,
)
def test_any_answer_about_a_user_ends_in_a_user_or_an_error(status: int, body: bytes) -> None:
    with responses.RequestsMock() as http:
        http.get(ME_URL, body=body, status=status)
        try:
            user = client().me(TOKEN)
        except (PiUnclear, PiRefused, PiMisconfigured):
            return
    assert 0 < len(user.uid) <= 64
    assert len(user.username) <= 150
    assert user.valid_until.tzinfo is UTC
