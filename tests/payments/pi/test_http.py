"""The HTTP half of the client: what it sends, how long it waits, what it holds meanwhile."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import responses
from django.conf import settings
from django.db import connection, transaction

from payments.pi import http as pi_http
from payments.pi.client import PiUnclear
from payments.pi.http import InsideTransaction
from tests.payments.pi.test_client import APPROVED, GET_PAYMENT, ID, ME, PAYMENT_URL, RECORD, Ask, client, get


def test_a_netrc_on_the_machine_does_not_replace_our_key(
    http: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    get(http, APPROVED)

    assert http.calls[0].request.headers["Authorization"] == f"Key {settings.PI_API_KEY}"


def test_a_redirect_is_not_followed(http: responses.RequestsMock) -> None:
    with pytest.raises(PiUnclear):
        get(http, APPROVED, status=302, headers={"Location": "https://elsewhere.example/"})

    assert len(http.calls) == 1


@pytest.mark.parametrize("location", [b"http://[::1", b"http://\xff\xfe/", b"//x:1e9", b""])
def test_the_target_of_a_redirect_is_not_even_read(settings: Any, location: bytes) -> None:
    moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    with (
        server(lambda connected: connected.sendall(moved)) as settings.PI_API_URL,
        pytest.raises(PiUnclear),
    ):
        client().get_payment(ID)


def test_a_cookie_is_not_kept(http: responses.RequestsMock) -> None:
    get(http, APPROVED, headers={"Set-Cookie": "session=1; Path=/"})

    client().get_payment(ID)

    assert "Cookie" not in http.calls[1].request.headers


@pytest.mark.parametrize(
    "problem",
    [
        requests.ConnectionError("refused"),
        requests.ConnectTimeout("slow"),
        requests.ReadTimeout("slow"),
        requests.exceptions.SSLError("bad certificate"),
        requests.exceptions.ChunkedEncodingError("broken"),
        requests.exceptions.ContentDecodingError("not gzip"),
        requests.exceptions.ProxyError("no proxy"),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_a_broken_connection_is_unclear(http: responses.RequestsMock, problem: Exception) -> None:
    with pytest.raises(PiUnclear):
        get(http, problem)  # type: ignore[arg-type]


def test_a_small_answer_that_unpacks_to_a_large_one_is_unclear(http: responses.RequestsMock) -> None:
    bomb = gzip.compress(b" " * 20_000_000)

    with pytest.raises(PiUnclear, match="too large"):
        get(http, bomb, headers={"Content-Encoding": "gzip"})


def test_the_last_second_is_used_too(http: responses.RequestsMock) -> None:
    http.get(PAYMENT_URL, body=APPROVED)

    assert client(seconds=0.9).get_payment(ID).identifier == ID


def test_pi_is_not_asked_any_more_when_the_time_is_used_up(http: responses.RequestsMock) -> None:
    with pytest.raises(PiUnclear, match="used up"):
        client(seconds=0).get_payment(ID)

    assert not http.calls


def test_an_answer_of_a_million_bytes_is_read(http: responses.RequestsMock) -> None:
    assert get(http, APPROVED + " " * (1_000_000 - len(APPROVED))).identifier == ID


# The same with a real server, which can be slow in ways that a recorded answer cannot ------------------


@contextmanager
def server(answer: Callable[[socket.socket], None] = socket.socket.close) -> Iterator[str]:
    """Run a server on this machine that answers every connection with `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connected, _ = listening.accept()
                    with connected, suppress(OSError):
                        connected.recv(65_536)
                        answer(connected)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def drip(connected: socket.socket, head: bytes, piece: bytes) -> None:
    """Send a piece now and then, for as long as anybody listens (two seconds at most)."""
    connected.sendall(head)
    connected.settimeout(0.02)
    for _ in range(100):
        with suppress(TimeoutError):
            if not connected.recv(1):
                return
        connected.sendall(piece)


SLOW = {
    "says nothing": (b"", b""),
    "drips in the head": (HEAD + b"X: ", b"y"),
    "is about to go on for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "drips in a redirect": (MOVED + b"Content-Length: 99999\r\n\r\n", b" "),
    "stops after the head": (HEAD + b"Content-Length: 999\r\n\r\n", b""),
    "drips": (HEAD + b"Content-Length: 99999\r\n\r\n", b" "),
    "drips without an end": (HEAD + b"Connection: close\r\n\r\n", b" "),
    "drips chunks": (CHUNKED, b"1\r\n \r\n"),
    "drips one chunk": (CHUNKED + b"8000\r\n", b" "),
}


@pytest.mark.parametrize(("head", "piece"), SLOW.values(), ids=SLOW)
def test_a_slow_server_holds_us_no_longer_than_the_budget(settings: Any, head: bytes, piece: bytes) -> None:
    with server(lambda connected: drip(connected, head, piece)) as settings.PI_API_URL:
        started = time.monotonic()
        with pytest.raises(PiUnclear):
            client(seconds=0.3).get_payment(ID)
        took = time.monotonic() - started

    assert took < 1.5


def test_on_a_machine_without_a_thread_left_it_is_unclear_what_pi_did(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    with server(lambda connected: connected.sendall(HEAD)) as settings.PI_API_URL:
        monkeypatch.setattr(threading.Timer, "start", no_thread)
        with pytest.raises(PiUnclear, match="no thread is left"):
            client().approve(ID)


def test_what_comes_slowly_but_in_time_is_read(settings: Any) -> None:
    def answer(connected: socket.socket) -> None:
        time.sleep(0.2)
        for piece in (HEAD, f"Content-Length: {len(APPROVED)}\r\n\r\n".encode(), APPROVED.encode()):
            connected.sendall(piece)

    with server(answer) as settings.PI_API_URL:
        assert client().get_payment(ID) == RECORD


BROKEN = {
    "hangs up": b"",
    "hangs up in the head": HEAD,
    "hangs up in the body": HEAD + b"Content-Length: 9999\r\n\r\n" + APPROVED.encode(),
    "hangs up in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n9999\r\n" + APPROVED.encode(),
    "is no web server": b"220 mail.example ESMTP\r\n",
    "lies about gzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_unclear(settings: Any, content: bytes) -> None:
    with (
        server(lambda connected: connected.sendall(content)) as settings.PI_API_URL,
        pytest.raises(PiUnclear),
    ):
        client().get_payment(ID)


@pytest.mark.parametrize("ask", [GET_PAYMENT, ME, lambda pi: pi.approve(ID)], ids=["get", "me", "approve"])
def test_a_call_that_fails_is_not_repeated_by_itself(settings: Any, ask: Ask) -> None:
    connections: list[socket.socket] = []
    with server(connections.append) as settings.PI_API_URL, pytest.raises(PiUnclear):
        ask(client())

    assert len(connections) == 1


def test_a_server_that_is_not_there_is_unclear(settings: Any) -> None:
    with server() as settings.PI_API_URL:
        pass

    with pytest.raises(PiUnclear):
        client().get_payment(ID)


def test_one_budget_serves_several_calls(
    http: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(pi_http, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def after_five_seconds(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        clock.now += 5
        return 200, {}, APPROVED

    http.add_callback("GET", PAYMENT_URL, after_five_seconds)
    pi = client(seconds=9)

    assert pi.get_payment(ID) == RECORD
    for _ in range(2):
        with pytest.raises(PiUnclear, match="used up"):
            pi.get_payment(ID)
    limits = [call.request.req_kwargs["timeout"] for call in http.calls]
    assert [(limit.connect_timeout, limit.total) for limit in limits] == [(3.0, 9.0), (3.0, 4.0)]


def test_the_timer_keeps_no_process_alive() -> None:
    with pi_http._cut_off(lambda: None, seconds=9):
        timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]

    assert {timer.daemon for timer in timers} == {True}


@pytest.mark.parametrize(
    "answer", [APPROVED.encode(), b"{}", b"<html>"], ids=["a payment", "nonsense", "html"]
)
def test_no_log_shows_the_key_not_even_at_debug(
    settings: Any, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    reply = HEAD + f"Content-Length: {len(answer)}\r\n\r\n".encode() + answer
    with server(lambda connected: connected.sendall(reply)) as settings.PI_API_URL, suppress(PiUnclear):
        client().get_payment(ID)

    assert f"/payments/{ID}" in caplog.text
    assert settings.PI_API_KEY not in caplog.text


# Never inside a transaction ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrapped",
    [
        pytest.param(False, marks=pytest.mark.django_db(transaction=True)),
        pytest.param(True, marks=pytest.mark.django_db),
    ],
)
def test_pi_is_not_asked_inside_a_transaction(http: responses.RequestsMock, wrapped: bool) -> None:
    """In a test case's own transaction (`wrapped`) as in none: ours is what counts."""
    with transaction.atomic(), pytest.raises(InsideTransaction):
        client().get_payment(ID)

    assert connection.in_atomic_block is wrapped
    assert not http.calls


@pytest.mark.django_db(transaction=True)
def test_an_open_transaction_is_named() -> None:
    with transaction.atomic(), pytest.raises(InsideTransaction, match=r"^commit before asking Pi$"):
        client().get_payment(ID)


@pytest.mark.django_db
def test_the_transaction_of_a_test_case_is_forgiven(http: responses.RequestsMock) -> None:
    assert connection.in_atomic_block

    assert get(http, APPROVED) == RECORD


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_no_pooled_connection_is_held_while_pi_is_asked(http: responses.RequestsMock) -> None:
    held: list[object] = []

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        held.append(connection.connection)
        return 200, {}, APPROVED

    connection.ensure_connection()
    http.add_callback("GET", PAYMENT_URL, answer)

    client().get_payment(ID)

    assert held == [None]


# The session -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http://", "https://"])
def test_a_session_repeats_nothing_and_has_room_for_many_threads(scheme: str) -> None:
    adapter = pi_http._new_session().adapters[scheme]

    assert adapter.max_retries.total == 0
    assert (adapter._pool_connections, adapter._pool_maxsize) == (2, 32)


def test_every_connection_waits_for_a_head_in_time() -> None:
    adapter = pi_http._Adapter()
    adapter.init_poolmanager(1, 2, block=True)
    proxied = adapter.proxy_manager_for("http://proxy.example:3128", headers={"X-Name": "shop"})

    ours = {"http": pi_http._Pool, "https": pi_http._SecurePool}
    assert (adapter.poolmanager.pool_classes_by_scheme, proxied.pool_classes_by_scheme) == (ours, ours)
    assert (adapter._pool_block, proxied.headers) == (True, {"X-Name": "shop"})


def test_a_session_takes_no_cookie_from_anybody(http: responses.RequestsMock) -> None:
    http.get(PAYMENT_URL, headers={"Set-Cookie": "session=1; Path=/"})
    session = pi_http._new_session()

    session.get(PAYMENT_URL, timeout=9)

    assert list(session.cookies) == []
