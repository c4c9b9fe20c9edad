"""Pi's Platform API: one typed method per endpoint, frozen answers, three kinds of error. Decides nothing.

    PiUnclear        no usable answer: it may have happened. Ask what is true before doing anything else.
    PiRefused        Pi said no and gave a code. Some codes mean that things are already further on.
    PiMisconfigured  our key or permission is wrong. Asking again is of no use until staff have acted.

Pi answers with JSON, sometimes with an HTML page, sometimes with an amount in exponent form, sometimes with
keys that nobody has seen before; all of that ends in one of these errors or in a clean record.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from django.conf import settings
from django.db import connection
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

from payments.pi.formats import IDENTIFIER

CONNECT_SECONDS = 3.0
SUCCESS = range(200, 300)
LARGEST_ANSWER = 1_000_000  # bytes
LARGEST_AMOUNT = Decimal(10) ** 8  # what our columns hold: 15 digits, 7 of them decimals
SMALLEST_AMOUNT = Decimal("0.0000001")
LATEST_TIMESTAMP = 10**11  # seconds: the year 5138


class PiError(Exception):
    """Pi did not do, or did not confirm, what it was asked."""


class PiUnclear(PiError):
    """No usable answer (timeout, 5xx, HTML, nonsense): it may have happened. Ask again what is true."""


class PiRefused(PiError):
    """Pi refused and said why in `code`. Nothing was done by this call."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class PiMisconfigured(PiError):
    """Pi does not accept our key, or our app may not do this. Staff must act (`manage.py pi_doctor`)."""


class InsideTransaction(RuntimeError):
    """Pi was about to be asked while a transaction is open: commit the intention first. A mistake of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRecord:
    """A payment as Pi's own record shows it. `amount` is Pi with at most 7 places; `txid` is None while Pi
    knows of no transaction; `from_address` is empty until the buyer has signed."""

    identifier: str
    user_uid: str
    amount: Decimal
    memo: str
    metadata: Mapping[str, Any]
    direction: str
    network: str
    from_address: str
    to_address: str
    txid: str | None
    developer_approved: bool
    transaction_verified: bool
    developer_completed: bool
    cancelled: bool

    @property
    def completed(self) -> bool:
        """True when Pi says developer_completed and has verified the transaction: the money is ours."""
        return self.developer_completed and self.transaction_verified and self.txid is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class PiUser:
    """Whose access token it is. `uid` belongs to this app alone; `valid_until` (UTC) is the token's end."""

    uid: str
    username: str
    valid_until: datetime


class _KeyAuth(AuthBase):
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


class PiClient(Caller):
    """Speaks to Pi's Platform API."""

    def get_payment(self, identifier: str) -> PaymentRecord:
        """This will return Pi's record of the payment. PiRefused `payment_not_found` if there is none, or
        if it belongs to another app."""
        return self._payment("GET", identifier)

    def approve(self, identifier: str) -> PaymentRecord:
        """This will let the buyer sign. Harmless to repeat: Pi then refuses with `already_approved`."""
        return self._payment("POST", identifier, "/approve")

    def complete(self, identifier: str, txid: str) -> PaymentRecord:
        """This will have Pi verify the transaction and close the payment. Harmless to repeat."""
        return self._payment("POST", identifier, "/complete", {"txid": txid})

    def cancel(self, identifier: str) -> PaymentRecord:
        """This will close a payment without a transaction; with one, PiRefused `payment_tx_present`."""
        return self._payment("POST", identifier, "/cancel")

    def incomplete_server_payments(self) -> list[PaymentRecord]:
        """This will return the payments from this app to a pioneer that wait for something: Pi shows the
        latest one, or none."""
        path = "/payments/incomplete_server_payments"
        answer = self._ask("GET", path, _app_key())
        shown = answer.get("incomplete_server_payments") if isinstance(answer, dict) else None
        if not isinstance(shown, list):
            raise PiUnclear(f"GET {path}: Pi's answer is not a list of payments")
        return [as_record(payment) for payment in shown]

    def me(self, access_token: str) -> PiUser:
        """This will return whose token it is. PiRefused `invalid_token` if Pi does not know it."""
        try:
            auth = _KeyAuth("Bearer", access_token)
        except ValueError as error:
            raise PiRefused("invalid_token", "GET /me: this is no access token") from error
        return _as_user(self._ask("GET", "/me", auth))

    def _payment(
        self, method: str, identifier: str, action: str = "", body: dict[str, str] | None = None
    ) -> PaymentRecord:
        if not re.fullmatch(IDENTIFIER, identifier):
            raise ValueError("not an identifier")
        path = f"/payments/{identifier}{action}"
        record = as_record(self._ask(method, path, _app_key(), body))
        if record.identifier != identifier:
            raise PiUnclear(f"{method} {path}: Pi answered about another payment")
        return record

    def _ask(self, method: str, path: str, auth: _KeyAuth, body: dict[str, str] | None = None) -> Any:
        url = settings.PI_API_URL + path
        status, content = self.call(method, url, what=f"{method} {path}", auth=auth, body=body)
        what = f"{method} {path}: HTTP {status}"
        if path == "/me" and status == HTTPStatus.UNAUTHORIZED:
            raise PiRefused("invalid_token", f"{what}: Pi does not know this access token")
        answer = parse(auth.hide(content), what=what)
        if status not in SUCCESS:
            raise _refusal(f"{method} {path}", status, answer, bearer=path == "/me")
        return answer


def _app_key() -> _KeyAuth:
    try:
        return _KeyAuth("Key", settings.PI_API_KEY)
    except ValueError as error:
        raise PiMisconfigured(f"PI_API_KEY {error}") from error


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


def leave_database() -> None:
    """This will make sure that no transaction is open and no pooled connection is held while Pi is asked.

    Raises InsideTransaction otherwise. The block in which a test case wraps itself is forgiven.
    """
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise InsideTransaction("commit before asking Pi")
    if not connection.in_atomic_block and connection.settings_dict["OPTIONS"].get("pool"):
        connection.close()


def as_record(answer: Any) -> PaymentRecord:
    """Return the frozen record of a PaymentDTO. Raises PiUnclear when it is not one."""
    try:
        status, transaction = answer["status"], answer["transaction"]
        return PaymentRecord(
            identifier=as_text(answer["identifier"], most=64),
            user_uid=as_text(answer["user_uid"], most=64),
            amount=as_amount(answer["amount"]),
            memo=as_words(answer.get("memo") or "")[:200],
            metadata=answer["metadata"] if isinstance(answer.get("metadata"), dict) else {},
            direction=as_text(answer["direction"], most=20),
            network=as_text(answer["network"], most=20),
            from_address=as_text(answer.get("from_address") or "", least=0, most=80),
            to_address=as_text(answer.get("to_address") or "", least=0, most=80),
            txid=as_text(transaction["txid"], most=64) if transaction is not None else None,
            developer_approved=_flag(status["developer_approved"]),
            transaction_verified=_flag(status["transaction_verified"]),
            developer_completed=_flag(status["developer_completed"]),
            cancelled=_flag(status["cancelled"]) or _flag(status["user_cancelled"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PiUnclear(f"Pi's answer is not a payment: {error!r}") from error


def _as_user(answer: Any) -> PiUser:
    try:
        return PiUser(
            uid=as_text(answer["uid"], most=64),
            username=as_text(as_words(answer.get("username") or ""), least=0, most=150),
            valid_until=_until(answer.get("credentials", {}).get("valid_until", {}).get("timestamp")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PiUnclear("Pi's answer is not a user") from error


def _until(timestamp: Any) -> datetime:
    if timestamp is None:
        # Pi always says how long a token lives; should it not, an hour is short enough.
        return datetime.now(UTC) + timedelta(hours=1)
    # Checked before it becomes an int: 1e999999999 would take all memory there is.
    if not isinstance(timestamp, Decimal) or not 0 <= timestamp < LATEST_TIMESTAMP:
        raise ValueError("not a time")
    return datetime.fromtimestamp(int(timestamp), UTC)


def parse(content: bytes, *, what: str) -> Any:
    """Return the JSON, every number in it a Decimal. PiUnclear, about `what`, when it is none."""
    try:
        return json.loads(content, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_such_number)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise PiUnclear(f"{what}: not JSON") from error


def _no_such_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _refusal(what: str, status: int, answer: Any, *, bearer: bool) -> PiError:
    """Classify by the code in the body, not by the exact 4xx: many of those were never seen for certain."""
    code = answer.get("error") if isinstance(answer, dict) else None
    code = as_words(code) if isinstance(code, str) else None
    unclear = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    if unclear or not code:
        if isinstance(answer, dict) and "stellar.org" in str(answer.get("type")):
            return PiMisconfigured(f"{what}: PI_API_URL is a blockchain server, not Pi's API")
        return PiUnclear(f"{what}: HTTP {status}")
    if bearer:
        return PiRefused("invalid_token", f"{what}: Pi does not know this access token")
    # A bad key is told by a sentence where others have a code; `forbidden`: the payment of another app.
    if "api key" in code.lower() or code == "forbidden":
        return PiMisconfigured(f"{what}: {code}"[:200])
    detail = answer.get("verification_error") or answer.get("error_message") or ""
    return PiRefused(code[:64], as_words(f"{what}: {code} {detail}")[:300])


def as_text(value: Any, *, most: int, least: int = 1) -> str:
    """A name of something: taken to the letter, or not at all."""
    if not isinstance(value, str) or not least <= len(value) <= most or as_words(value) != value:
        raise ValueError("not a text of the expected length")
    return value


def as_words(value: Any) -> str:
    """Words for people: what the database cannot hold is left out."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not true or false")
    return value


def as_amount(value: Any) -> Decimal:
    if not isinstance(value, Decimal) or not SMALLEST_AMOUNT <= value < LARGEST_AMOUNT:
        raise ValueError("not an amount of Pi")
    amount = value.quantize(SMALLEST_AMOUNT)
    if amount != value:
        raise ValueError("an amount with more than 7 places")
    return amount
