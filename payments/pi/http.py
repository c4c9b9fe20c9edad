"""HTTP calls to Pi and its chain: one session, a time budget, and never inside a database transaction.

Every call ends in time, either with a status and at most a million bytes or with PiUnclear.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal, InvalidOperation
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from django.db import connection
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_SECONDS = 3.0
MAX_ANSWER_BYTES = 1_000_000


class PiError(Exception):
    """Pi did not do what it was asked, or did not confirm it."""


class PiUnclear(PiError):
    """No usable answer (timeout, 5xx, HTML, nonsense): it may have happened. Look at the payment again."""


class InsideTransaction(RuntimeError):
    """A call to Pi while a database transaction is open: a bug of ours. Commit the intention first."""


class Caller:
    """Makes HTTP calls that share one time budget of `seconds`. Follows no redirects."""

    def __init__(self, *, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def call(
        self, method: str, url: str, *, what: str, auth: AuthBase, body: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return status and content of the answer. Raise PiUnclear, naming `what`, if there is none."""
        leave_database()
        try:
            with session.request(
                method,
                url,
                json=body,
                auth=auth,
                timeout=self._timeout(),  # type: ignore[arg-type]
                stream=True,
                allow_redirects=False,
            ) as response:
                return response.status_code, self._read(response)
        except requests.RequestException as error:
            raise PiUnclear(f"{what}: {type(error).__name__}") from error

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise PiUnclear("the time for asking Pi is used up")
        return left

    def _timeout(self) -> Timeout:
        """Return one limit for the whole call, which a (connect, read) pair is not. requests passes it on."""
        left = self._left()
        return Timeout(connect=min(CONNECT_SECONDS, left), read=left, total=left)

    def _read(self, response: requests.Response) -> bytes:
        content = bytearray()
        with _cut_off(response.raw.shutdown, seconds=self._left()):
            for chunk in response.iter_content(16_384):
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise PiUnclear("Pi's answer is too large to be one")
        return bytes(content)


class KeyAuth(AuthBase):
    """An Authorization header that a .netrc on the machine cannot replace. Never shows its secret."""

    def __init__(self, scheme: str, secret: str) -> None:
        # Refused here, because the HTTP library would quote the secret in its error.
        if not re.fullmatch("[!-~]+", secret):
            raise ValueError("is empty, or holds what cannot be sent")
        self._header = f"{scheme} {secret}"
        self._secret = secret.encode()

    def hide(self, content: bytes) -> bytes:
        """Return an answer without the secret: a server that complains about a key may quote it."""
        return content.replace(self._secret, b"(secret)")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class Anonymous(AuthBase):
    """No Authorization header, not even the one that a .netrc on the machine would add."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def leave_database() -> None:
    """Give the pooled connection back before a call. Raise InsideTransaction if a transaction is open.

    The block in which Django's TestCase wraps a test does not count.
    """
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise InsideTransaction("commit before asking Pi")
    if not connection.in_atomic_block and connection.settings_dict["OPTIONS"].get("pool"):
        connection.close()


def parse(content: bytes, *, what: str) -> Any:
    """Return the parsed JSON, every number a Decimal. Raise PiUnclear, naming `what`, if it is not JSON."""
    try:
        return json.loads(content, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_such_number)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise PiUnclear(f"{what}: not JSON") from error


def _no_such_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")


@contextmanager
def _cut_off(shut: Callable[[], object], *, seconds: float) -> Iterator[None]:
    """Call `shut` after `seconds`, to end an answer. A read timeout does not: every byte restarts it."""

    def shut_quietly() -> None:
        with suppress(ValueError, RuntimeError, OSError):  # the answer ended at the same moment
            shut()

    timer = threading.Timer(seconds, shut_quietly)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError as error:  # the machine has no thread left
        raise PiUnclear("no thread is left to enforce the time limit for asking Pi") from error
    try:
        yield
    finally:
        timer.cancel()


class _TimedConnection(HTTPConnection):
    """Waits at most `timeout` for the whole head of an answer; by itself every byte would restart it."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        def shut() -> None:
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)

        with _cut_off(shut, seconds=float(self.timeout or 0)):
            return super().getresponse()


class _TimedSecureConnection(_TimedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _TimedSecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_our_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_our_pools(manager)
        return manager


def _use_our_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. Told not to follow redirects, requests still reads their body and their target."""


def _new_session() -> requests.Session:
    pooled = _Session()
    # Never retried here: only the caller knows whether repeating is harmless.
    pooled.mount("https://", _Adapter(pool_connections=2, pool_maxsize=32, max_retries=0))
    pooled.mount("http://", _Adapter(pool_connections=2, pool_maxsize=32, max_retries=0))
    pooled.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return pooled


# One per process, shared by its threads: a reused connection costs a third of a new one.
session = _new_session()
