"""How Pi and its chain are asked over HTTP: one session, a budget of seconds, no transaction open meanwhile.

Every question ends in time, with a status and at most a million bytes, or with PiUnclear.
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
LARGEST_ANSWER = 1_000_000  # bytes


class PiError(Exception):
    """Pi did not do, or did not confirm, what it was asked."""


class PiUnclear(PiError):
    """No usable answer (timeout, 5xx, HTML, nonsense): it may have happened. Ask again what is true."""


class InsideTransaction(RuntimeError):
    """Pi was about to be asked while a transaction is open: commit the intention first. A mistake of ours."""


class Caller:
    """Speaks HTTP within one budget of seconds for everything that it is asked. Follows no redirect."""

    def __init__(self, *, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def call(
        self, method: str, url: str, *, what: str, auth: AuthBase, body: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """This will return status and content of the answer. PiUnclear, about `what`, if there is none."""
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
        """One limit for all of it, which a pair of numbers would not be. (requests takes it as it is.)"""
        left = self._left()
        return Timeout(connect=min(CONNECT_SECONDS, left), read=left, total=left)

    def _read(self, response: requests.Response) -> bytes:
        content = bytearray()
        with _cut_off(response.raw.shutdown, seconds=self._left()):
            for chunk in response.iter_content(16_384):
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    raise PiUnclear("Pi's answer is too large to be one")
        return bytes(content)


class KeyAuth(AuthBase):
    """Sets the header last, so that a .netrc on the machine cannot replace it; never shows the secret."""

    def __init__(self, scheme: str, secret: str) -> None:
        # Refused here, because the HTTP library would quote the secret in its error.
        if not re.fullmatch("[!-~]+", secret):
            raise ValueError("is empty, or holds what cannot be sent")
        self._header = f"{scheme} {secret}"
        self._secret = secret.encode()

    def hide(self, content: bytes) -> bytes:
        """Return an answer without the secret: who complains of a key may quote it."""
        return content.replace(self._secret, b"(secret)")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class Anonymous(AuthBase):
    """Keeps a .netrc on the machine from sending a password along."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def leave_database() -> None:
    """This will make sure that no transaction is open and no pooled connection is held while Pi is asked.

    Raises InsideTransaction otherwise. The block in which a test case wraps itself is forgiven.
    """
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise InsideTransaction("commit before asking Pi")
    if not connection.in_atomic_block and connection.settings_dict["OPTIONS"].get("pool"):
        connection.close()


def parse(content: bytes, *, what: str) -> Any:
    """Return the JSON, every number in it a Decimal. PiUnclear, about `what`, when it is none."""
    try:
        return json.loads(content, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_such_number)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise PiUnclear(f"{what}: not JSON") from error


def _no_such_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")


@contextmanager
def _cut_off(shut: Callable[[], object], *, seconds: float) -> Iterator[None]:
    """This will end an answer with `shut` after `seconds`. A read timeout does not: a byte starts it anew."""

    def shut_quietly() -> None:
        with suppress(ValueError, RuntimeError, OSError):  # it came to its end at the same moment
            shut()

    timer = threading.Timer(seconds, shut_quietly)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError as error:  # the machine has no thread left
        raise PiUnclear("nobody can watch over the time for asking Pi") from error
    try:
        yield
    finally:
        timer.cancel()


class _InTime(HTTPConnection):
    """Waits for the head of an answer no longer than `timeout`, which by itself every byte starts anew."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        def shut() -> None:
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)

        with _cut_off(shut, seconds=float(self.timeout or 0)):
            return super().getresponse()


class _InTimeAndSecret(_InTime, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _InTime


class _SecretPool(HTTPSConnectionPool):
    ConnectionCls = _InTimeAndSecret


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_our_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_our_pools(manager)
        return manager


def _use_our_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecretPool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere. Told not to follow a redirect, requests still reads all of it and where it leads."""


def _new_session() -> requests.Session:
    pooled = _Session()
    # Never retried here: only whoever asked knows whether repeating is harmless.
    pooled.mount("https://", _Adapter(pool_connections=2, pool_maxsize=32, max_retries=0))
    pooled.mount("http://", _Adapter(pool_connections=2, pool_maxsize=32, max_retries=0))
    pooled.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return pooled


# One for the process: reused connections cost a third of new ones. Threads may share it.
session = _new_session()
