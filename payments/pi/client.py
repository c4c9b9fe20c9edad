"""Pi's Platform API: one typed method per endpoint, frozen answers, three kinds of error. Decides nothing.

    PiUnclear        no usable answer: it may have happened. Look at the payment before doing anything else.
    PiRefused        Pi said no and gave a code. Some codes mean that the payment is already further along.
    PiMisconfigured  our key or permission is wrong. Retrying is useless until staff have acted.

Pi answers with JSON, sometimes with an HTML page, sometimes with an amount in exponent form, sometimes with
keys that nobody has seen before; all of it becomes one of these errors or a clean record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.conf import settings

from payments.pi.formats import IDENTIFIER, as_amount, as_text, as_words
from payments.pi.http import Caller, KeyAuth, PiError, PiUnclear, parse

__all__ = [
    "PaymentRecord",
    "PiClient",
    "PiError",
    "PiMisconfigured",
    "PiRefused",
    "PiUnclear",
    "PiUser",
]

SUCCESS = range(200, 300)
LATEST_TIMESTAMP = 10**11  # seconds: the year 5138


class PiRefused(PiError):
    """Pi refused and said why in `code`. Nothing was done by this call."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class PiMisconfigured(PiError):
    """Pi does not accept our key, or our app may not do this. Staff must act (`manage.py pi_doctor`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRecord:
    """A payment as Pi's own record shows it. `amount` is Pi with 7 places; `txid` is None while Pi knows of
    no transaction; `from_address` is empty until the buyer has signed."""

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
        """Whether the money is ours: Pi has verified the transaction and calls the payment completed."""
        return self.developer_completed and self.transaction_verified and self.txid is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class PiUser:
    """The owner of an access token. `uid` is unique to this app; the token expires at `valid_until` (UTC)."""

    uid: str
    username: str
    valid_until: datetime


class PiClient(Caller):
    """Calls Pi's Platform API. Every method may raise PiUnclear, PiRefused or PiMisconfigured."""

    def get_payment(self, identifier: str) -> PaymentRecord:
        """Return Pi's record of the payment.

        Raise PiRefused `payment_not_found` if there is none, or if it belongs to another app.
        """
        return self._payment("GET", identifier)

    def approve(self, identifier: str) -> PaymentRecord:
        """Allow the buyer to sign. Harmless to repeat: Pi then refuses with `already_approved`."""
        return self._payment("POST", identifier, "/approve")

    def complete(self, identifier: str, txid: str) -> PaymentRecord:
        """Have Pi verify the transaction and close the payment. Harmless to repeat."""
        return self._payment("POST", identifier, "/complete", {"txid": txid})

    def cancel(self, identifier: str) -> PaymentRecord:
        """Close a payment that has no transaction. Raise PiRefused `payment_tx_present` if it has one."""
        return self._payment("POST", identifier, "/cancel")

    def incomplete_server_payments(self) -> list[PaymentRecord]:
        """Return the unfinished payments from this app to pioneers. Pi shows the latest one, or none."""
        path = "/payments/incomplete_server_payments"
        answer = self._ask("GET", path, _app_key())
        shown = answer.get("incomplete_server_payments") if isinstance(answer, dict) else None
        if not isinstance(shown, list):
            raise PiUnclear(f"GET {path}: Pi's answer is not a list of payments")
        return [as_record(payment) for payment in shown]

    def me(self, access_token: str) -> PiUser:
        """Return the owner of the token. Raise PiRefused `invalid_token` if Pi does not know it."""
        try:
            auth = KeyAuth("Bearer", access_token)
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

    def _ask(self, method: str, path: str, auth: KeyAuth, body: dict[str, str] | None = None) -> Any:
        url = settings.PI_API_URL + path
        status, content = self.call(method, url, what=f"{method} {path}", auth=auth, body=body)
        what = f"{method} {path}: HTTP {status}"
        if path == "/me" and status == HTTPStatus.UNAUTHORIZED:
            raise PiRefused("invalid_token", f"{what}: Pi does not know this access token")
        answer = parse(auth.hide(content), what=what)
        if status not in SUCCESS:
            raise _refusal(f"{method} {path}", status, answer, bearer=path == "/me")
        return answer


def _app_key() -> KeyAuth:
    try:
        return KeyAuth("Key", settings.PI_API_KEY)
    except ValueError as error:
        raise PiMisconfigured(f"PI_API_KEY {error}") from error


def as_record(answer: Any) -> PaymentRecord:
    """Return Pi's PaymentDTO as a frozen record. Raise PiUnclear if it is not one."""
    try:
        status, transaction = answer["status"], answer["transaction"]
        return PaymentRecord(
            identifier=as_text(answer["identifier"], max_length=64),
            user_uid=as_text(answer["user_uid"], max_length=64),
            amount=as_amount(answer["amount"]),
            memo=as_words(answer.get("memo") or "")[:200],
            metadata=answer["metadata"] if isinstance(answer.get("metadata"), dict) else {},
            direction=as_text(answer["direction"], max_length=20),
            network=as_text(answer["network"], max_length=20),
            from_address=as_text(answer.get("from_address") or "", min_length=0, max_length=80),
            to_address=as_text(answer.get("to_address") or "", min_length=0, max_length=80),
            txid=as_text(transaction["txid"], max_length=64) if transaction is not None else None,
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
            uid=as_text(answer["uid"], max_length=64),
            username=as_text(as_words(answer.get("username") or ""), min_length=0, max_length=150),
            valid_until=_until(answer.get("credentials", {}).get("valid_until", {}).get("timestamp")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PiUnclear("Pi's answer is not a user") from error


def _until(timestamp: Any) -> datetime:
    if timestamp is None:
        # Pi always says when a token expires; if it ever does not, an hour is short enough.
        return datetime.now(UTC) + timedelta(hours=1)
    # Checked before it becomes an int: 1e999999999 would take all our memory.
    if not isinstance(timestamp, Decimal) or not 0 <= timestamp < LATEST_TIMESTAMP:
        raise ValueError("not a time")
    return datetime.fromtimestamp(int(timestamp), UTC)


def _refusal(what: str, status: int, answer: Any, *, bearer: bool) -> PiError:
    """Return the error that an answer stands for.

    The code in the body decides, not the exact 4xx status: many of those were never confirmed.
    """
    code = answer.get("error") if isinstance(answer, dict) else None
    code = as_words(code) if isinstance(code, str) else None
    unclear = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    if unclear or not code:
        if isinstance(answer, dict) and "stellar.org" in str(answer.get("type")):
            return PiMisconfigured(f"{what}: PI_API_URL is a blockchain server, not Pi's API")
        return PiUnclear(f"{what}: HTTP {status}")
    if bearer:
        return PiRefused("invalid_token", f"{what}: Pi does not know this access token")
    # For a bad key Pi sends a sentence in place of a code; `forbidden` means the payment of another app.
    if "api key" in code.lower() or code == "forbidden":
        return PiMisconfigured(f"{what}: {code}"[:200])
    detail = answer.get("verification_error") or answer.get("error_message") or ""
    return PiRefused(code[:64], as_words(f"{what}: {code} {detail}")[:300])


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not true or false")
    return value
