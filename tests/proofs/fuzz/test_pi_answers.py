"""What Pi and Horizon might send, over a real connection: answers of every shape near and far from the real
ones, broken HTTP, redirects, lines that drip, drop or never end. Each ends in a clean record or in one of our
own errors, in time, in little memory, and without the key or a token in anything that is shown or logged.
"""

from __future__ import annotations

import copy
import gzip
import json
import logging
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from hypothesis import strategies as st

from payments.pi.client import PiClient, PiError, PiMisconfigured, PiRefused, PiUnclear
from payments.pi.horizon import Horizon
from payments.pi.http import session
from tests.payments.pi.test_client import COMPLETED, ID, TXID, USER
from tests.proofs.fuzz.effort import TRIED, fuzz
from tests.proofs.fuzz.garbage import ODD, SCALARS, json_texts, spoiled
from tests.proofs.fuzz.wire import Said, Wire, wire

# No database is asked: once is enough.
pytestmark = pytest.mark.sqlite

TOKEN = "access-token-of-alice"
WALLET = "G" + "A" * 55
SECONDS = 5.0

HASH = TXID.lower().ljust(64, "0")[:64]
# One document that serves for the network, for a transaction and for its operations.
ON_CHAIN = {
    "network_passphrase": "Pi Testnet",
    "hash": HASH,
    "successful": True,
    "memo": ID,
    "_embedded": {
        "records": [
            {"type": "payment", "asset_type": "native", "from": WALLET, "to": WALLET, "amount": "1.0"}
        ]
    },
}
NO = {"error": "already_completed", "error_message": "No.", "verification_error": "x", "payment": {}}
ENTRY = {
    "hash": HASH,
    "paging_token": "1",
    "successful": True,
    "memo_type": "text",
    "memo": ID,
    "source_account": WALLET,
    "created_at": "2024-06-13T08:20:07Z",
}
NOT_ON_CHAIN = {"type": "https://stellar.org/horizon-errors/not_found", "status": 404}

# What is asked, the secret that goes with it, and the real answers to it: status and content.
Call = Callable[[], Any]
Answer = tuple[int, Any]
KEY = settings.PI_API_KEY
PAYMENT: list[Answer] = [(200, json.loads(COMPLETED)), (400, NO)]
CHAIN: list[Answer] = [(200, ON_CHAIN), (404, NOT_ON_CHAIN)]
CALLS: dict[str, tuple[Call, str, list[Answer]]] = {
    "get_payment": (lambda: PiClient(seconds=SECONDS).get_payment(ID), KEY, PAYMENT),
    "approve": (lambda: PiClient(seconds=SECONDS).approve(ID), KEY, PAYMENT),
    "complete": (lambda: PiClient(seconds=SECONDS).complete(ID, TXID), KEY, PAYMENT),
    "cancel": (lambda: PiClient(seconds=SECONDS).cancel(ID), KEY, PAYMENT),
    "me": (lambda: PiClient(seconds=SECONDS).me(TOKEN), TOKEN, [(200, json.loads(USER)), (403, NO)]),
    "network": (lambda: Horizon(seconds=SECONDS).network(), "", CHAIN),
    "has_wallet": (lambda: Horizon(seconds=SECONDS).has_wallet(WALLET), "", CHAIN),
    "payment": (lambda: Horizon(seconds=SECONDS).payment(HASH), "", CHAIN),
    "incomplete": (
        lambda: PiClient(seconds=SECONDS).incomplete_server_payments(),
        KEY,
        [(200, {"incomplete_server_payments": [json.loads(COMPLETED)]}), (400, NO)],
    ),
    "transactions": (
        lambda: Horizon(seconds=SECONDS).transactions(WALLET),
        "",
        [(200, {"_embedded": {"records": [ENTRY]}}), (404, NOT_ON_CHAIN)],
    ),
}
NAMES = sorted(
    {*json.loads(COMPLETED), *json.loads(USER), *NO, *ON_CHAIN, *ENTRY, "txid", "verified", "cancelled"}
)
# Whoever complains of a key may quote it.
QUOTED = json.dumps("API key SECRET")

# Answers -----------------------------------------------------------------------------------------------


def places(value: Any, *way: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*way, name)
        yield from places(part, *way, name)


def with_text_at(answer: Any, way: tuple[Any, ...], text: str) -> bytes:
    """Return the answer as JSON with this text in one place, whether the text is JSON or not."""
    changed = place = copy.deepcopy(answer)
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = "<here>"
    return json.dumps(changed).replace('"<here>"', text).encode("utf-8", "surrogatepass")


def mutated(answer: Any) -> st.SearchStrategy[bytes]:
    texts = SCALARS | st.just(QUOTED) | json_texts(NAMES, ["1.0", QUOTED])
    return st.builds(with_text_at, st.just(answer), st.sampled_from(list(places(answer))), texts)


def bodies(real: list[Answer]) -> st.SearchStrategy[tuple[int, bytes]]:
    """Draw what is near a real answer, or far from all; now and then with the status of another."""
    near = st.one_of(st.tuples(st.just(status), mutated(answer)) for status, answer in real)
    far = st.tuples(STATUSES, spoiled(json_texts(NAMES, [json.dumps(answer) for _, answer in real])))
    return near | near | far | st.tuples(STATUSES, near.map(lambda pair: pair[1]))


STATUSES = st.sampled_from(
    [200, 200, 201, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 409, 429, 500, 502, 503, 599]
)
LOCATIONS = st.sampled_from(
    [
        b"/v2/me",
        b"http://[::1",
        b"http://\xff\xfe:99999/",
        b"//x:y@z:1e9",
        b"file:///etc/passwd",
        b"\x00",
        b"",
    ]
).map(b"Location: ".__add__)
HEADERS = st.lists(
    st.sampled_from(
        [
            *(b"Content-Type: application/json", b"Content-Type: text/html", b"Connection: keep-alive"),
            *(b"Content-Encoding: gzip", b"Content-Encoding: gzip, gzip", b"Content-Encoding: br"),
            *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Content-Length: 0"),
            *(b"Content-Length: 99999", b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 1, 2"),
            *(b"Set-Cookie: a=b; Domain=\xff; Max-Age=x", b"Set-Cookie: =;;;=", b"Retry-After: never"),
            *(b"no colon at all", b": no name", b" folded", b"X: \xff\x00", b"\r\n", b"X" * 70_000),
        ]
    )
    | st.binary(max_size=30),
    max_size=4,
)
FIRST_LINES = st.sampled_from(
    [b"HTTP/1.1 %s OK"] * 12 + [b"HTTP/1.0 %s", b"HTTP/9.9 %s", b"%s", b"ICY %s OK"]
)
ODD_STATUSES = st.sampled_from([b"100", b"101", b"000", b"999", b"-1", b"abc", b"", b"2" * 9])


@st.composite
def lines(draw: st.DrawFn, real: list[Answer]) -> bytes:
    """Draw all that comes over the connection: mostly something like HTTP, now and then anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    status, body = draw(bodies(real))
    code = draw(st.just(b"%d" % status) | ODD_STATUSES)
    moved = [draw(LOCATIONS)] if 300 <= status < 400 else []
    head = [draw(FIRST_LINES).replace(b"%s", code), *moved, *draw(HEADERS)]
    content = b"\r\n".join([*head, b"", body])
    return content if draw(st.integers(0, 7)) else content[: draw(st.integers(0, len(content)))]


# What must come of them --------------------------------------------------------------------------------


def check_text(text: str) -> None:
    """Check that the text is fit for a database, a page and a log."""
    text.encode("utf-8")
    assert "\x00" not in text
    assert len(text) <= 400


def check_clean(result: Any) -> None:
    if is_dataclass(result):
        for value in (getattr(result, field.name) for field in fields(result)):
            check_clean(value)
    elif isinstance(result, str):
        check_text(result)
    elif isinstance(result, list):
        for each in result:
            check_clean(each)
    elif isinstance(result, Decimal):
        assert Decimal("0.0000001") <= result < 10**8
        assert result == round(result, 7)
    else:
        assert result is None or isinstance(result, bool | datetime | dict)


def outcome(act: Callable[[], Any]) -> str:
    """Do it; return all that anybody could be shown of it."""
    problem: PiError | None = None
    try:
        result = act()
    except PiError as error:
        problem = error
    if problem is None:
        check_clean(result)
        return repr(result)
    assert type(problem) in (PiUnclear, PiRefused, PiMisconfigured)
    for text in (str(problem), *vars(problem).values()):
        check_text(text)
    return "\n".join([*traceback.format_exception(problem), repr(problem), repr(vars(problem))])


def quoting(secret: str, content: bytes) -> bytes:
    return content.replace(b"SECRET", (secret or "none").encode())


def check_silent(shown: str, secret: str) -> None:
    assert not secret or secret not in shown


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Said]:
    """Yield a Pi and a chain that need no connection."""
    caplog.set_level(logging.DEBUG)
    said = Said()
    session.mount("http://pi.simulated/", said)
    yield said
    del session.adapters["http://pi.simulated/"]


@pytest.fixture
def pi(settings: Any, caplog: pytest.LogCaptureFixture) -> Iterator[Wire]:
    """Yield Pi and the chain at the other end of a real connection."""
    caplog.set_level(logging.DEBUG)
    with wire() as pi:
        settings.PI_API_URL = settings.PI_HORIZON_URL = pi.url
        yield pi


@pytest.mark.parametrize("called", ["get_payment", "me", "network", "payment", "incomplete", "transactions"])
def test_an_answer_with_any_part_replaced_ends_in_a_record_or_an_error_of_ours(
    said: Said, caplog: pytest.LogCaptureFixture, called: str
) -> None:
    call, secret, real = CALLS[called]
    for said.status, answer in real:
        for way in places(answer):
            for text in [*ODD, QUOTED]:
                TRIED["answers of Pi and of the chain"] += 1
                said.body = quoting(secret, with_text_at(answer, way, text))
                check_silent(outcome(call), secret)
    check_silent(caplog.text, secret)


@pytest.mark.parametrize("called", CALLS)
def test_an_answer_near_or_far_from_a_real_one_ends_in_a_record_or_an_error_of_ours(
    said: Said, caplog: pytest.LogCaptureFixture, called: str
) -> None:
    call, secret, real = CALLS[called]

    @fuzz("answers of Pi and of the chain", examples=80, answer=bodies(real))
    def usable_or_not(answer: tuple[int, bytes]) -> None:
        caplog.clear()
        said.status, said.body = answer[0], quoting(secret, answer[1])
        check_silent(outcome(call) + caplog.text, secret)


@pytest.mark.parametrize("called", ["get_payment", "complete", "me", "payment"])
def test_broken_http_ends_in_a_record_or_an_error_of_ours(
    pi: Wire, caplog: pytest.LogCaptureFixture, called: str
) -> None:
    call, secret, real = CALLS[called]

    @fuzz("broken lines to Pi", examples=60, line=lines(real), reset=st.booleans())
    def usable_or_not(line: bytes, reset: bool) -> None:
        caplog.clear()
        pi.says(quoting(secret, line), reset=reset)
        started = time.monotonic()

        shown = outcome(call)

        assert time.monotonic() - started < 2 * SECONDS
        check_silent(shown + caplog.text, secret)


# Lines that are slow, or never end ---------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /v2/me\r\n"
BOMB = gzip.compress(gzip.compress(b" " * 200_000_000, 1))
ENDLESS: dict[str, tuple[bytes, bytes, float]] = {
    # name: (how it begins, how it goes on, how many seconds between two pieces)
    "says nothing": (b"", b"", 0.05),
    "drips in the first line": (b"HTTP/1.1 200 O", b"K", 0.02),
    "drips in the head": (OK + b"X: ", b"y", 0.02),
    "drips in the body": (OK + b"Content-Length: 99999\r\n\r\n", b" ", 0.02),
    "drips in a redirect": (MOVED + b"Content-Length: 99999\r\n\r\n", b" ", 0.02),
    "continues for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    "floods the head": (OK + b"X: ", b"y" * 65_536, 0),
    "floods with headers": (OK, b"X: y\r\n" * 10_000, 0),
    "floods with going on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, 0),
    "floods the body": (OK + b"\r\n", b" " * 65_536, 0),
    "floods a redirect": (MOVED + b"\r\n", b" " * 65_536, 0),
    "floods the length of a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65_536, 0),
    "floods after the last chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 5_000, 0),
    "unpacks twice to much": (OK + b"Content-Encoding: gzip, gzip\r\n\r\n" + BOMB, b"", 0.05),
}


@pytest.mark.parametrize("line", ENDLESS)
def test_a_line_without_an_end_costs_neither_time_nor_memory(pi: Wire, line: str) -> None:
    head, piece, every = ENDLESS[line]
    pi.goes_on(head, piece, every=every)
    tracemalloc.start()
    started = time.monotonic()

    shown = outcome(lambda: PiClient(seconds=0.3).get_payment(ID))

    took, (_, peak) = time.monotonic() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "PiUnclear" in shown
    assert took < 5
    assert peak < 20_000_000
