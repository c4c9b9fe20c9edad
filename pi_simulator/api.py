"""The Platform API: its endpoints, who may call them, and what they answer."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from . import lifecycle, wire
from .dto import user_dto
from .http import Malformed, Request, Response, json_response
from .records import OUR_APP, Pioneer, Token
from .refusal import SimulatorRefusal
from .world import World

Answer = dict[str, Any]

BAD_KEY = {"error": "Invalid/missing API key"}
BAD_TOKEN = {"error": "Invalid access token"}
"""The first text was seen in a log; the second is a guess."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One permitted request: the payment named in its path, and the token it came with."""

    request: Request
    identifier: str
    token: Token | None

    @property
    def bearer(self) -> Token:
        """The access token of a request that was authorized by one."""
        if self.token is None:
            raise RuntimeError("this endpoint is not for pioneers")
        return self.token

    @property
    def pioneer(self) -> Pioneer:
        """The pioneer whose token it is."""
        return self.bearer.pioneer


class PlatformApi:
    """Answers one request at a time; the caller must hold the world's lock."""

    def __init__(self, world: World, api_key: str) -> None:
        self.world = world
        self.api_key = api_key

    def answer(self, request: Request) -> Response:
        """Do what the request asks, and return the answer or Pi's refusal."""
        for method, pattern, proof, endpoint in ENDPOINTS:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return self._authorize(request, proof, endpoint, match.groupdict().get("id", ""))
        return json_response(404, {"error": "not_found"})

    def _authorize(self, request: Request, proof: Proof, endpoint: Endpoint, identifier: str) -> Response:
        quirks = self.world.quirks
        token = self._token(request)
        if proof == "key" and not self._has_key(request):
            return json_response(quirks.status_of("invalid_api_key"), BAD_KEY)
        if proof == "token" and token is None:
            return json_response(quirks.status_of("invalid_token"), BAD_TOKEN)
        status, body = self._outcome(endpoint, Ask(request, identifier, token))
        return json_response(status, body, exponents=quirks.exponent_amounts)

    def _outcome(self, endpoint: Endpoint, ask: Ask) -> tuple[int, Answer]:
        try:
            return 200, endpoint(self, ask)
        except SimulatorRefusal as refusal:
            return self.world.quirks.status_of(refusal.code), refusal.body()
        except Malformed:
            return self.world.quirks.status_of("invalid_arguments"), {"error": "invalid_arguments"}

    def _has_key(self, request: Request) -> bool:
        expected = f"Key {self.api_key}"
        return hmac.compare_digest(request.authorization.encode(), expected.encode())

    def _token(self, request: Request) -> Token | None:
        scheme, _, text = request.authorization.partition(" ")
        return self.world.token(text) if scheme == "Bearer" else None

    # Endpoints for the app's key

    def get(self, ask: Ask) -> Answer:
        """`GET /payments/{id}`"""
        payment = self.world.payment(ask.identifier)
        if payment.app != OUR_APP:
            raise SimulatorRefusal("payment_not_found", "Payment not found")
        return self.world.dto(payment)

    def approve(self, ask: Ask) -> Answer:
        """`POST /payments/{id}/approve`"""
        payment = self.world.payment(ask.identifier)
        lifecycle.approve(self.world, payment)
        return self.world.dto(payment)

    def complete(self, ask: Ask) -> Answer:
        """`POST /payments/{id}/complete` with a txid, in JSON or as a form"""
        form = ask.request.content_type.startswith("application/x-www-form-urlencoded")
        txid = (ask.request.form() if form else ask.request.json()).get("txid")
        payment = self.world.payment(ask.identifier)
        lifecycle.complete(self.world, payment, txid if isinstance(txid, str) else "")
        return self.world.dto(payment)

    def cancel(self, ask: Ask) -> Answer:
        """`POST /payments/{id}/cancel`"""
        payment = self.world.payment(ask.identifier)
        lifecycle.cancel(self.world, payment)
        return self.world.dto(payment)

    def create_outgoing(self, ask: Ask) -> Answer:
        """`POST /payments`, a payment of the app to a pioneer"""
        wanted = ask.request.json().get("payment")
        if not isinstance(wanted, dict):
            raise Malformed
        terms = _terms(wanted)
        if not terms["metadata"]:
            raise SimulatorRefusal("invalid_metadata", "Metadata can't be empty.")
        pioneer = self.world.pioneer_with_uid(wanted.get("uid"))
        return self.world.dto(lifecycle.create_outgoing(self.world, pioneer, **terms))

    def incomplete_outgoing(self, ask: Ask) -> Answer:
        """`GET /payments/incomplete_server_payments`: the latest one, or none"""
        found = lifecycle.unfinished_outgoing(self.world)[:1]
        return {"incomplete_server_payments": [self.world.dto(payment) for payment in found]}

    # Endpoints for a pioneer's access token

    def me(self, ask: Ask) -> Answer:
        """`GET /me`"""
        return user_dto(ask.bearer, self.world.quirks)

    def create_incoming(self, ask: Ask) -> Answer:
        """`POST /payments/user_to_app`, as the SDK does"""
        if "payments" not in ask.bearer.scopes:
            raise SimulatorRefusal("missing_scope", 'The "payments" scope was not granted.')
        terms = _terms(ask.request.json())
        return self.world.dto(lifecycle.create_incoming(self.world, ask.pioneer, **terms))

    def incomplete_incoming(self, ask: Ask) -> Answer:
        """`GET /payments/incomplete`, as the SDK does"""
        found = lifecycle.unfinished_incoming(self.world, ask.pioneer)
        return {"exists": bool(found), "payment": self.world.dto(found[0]) if found else None}

    def verify(self, ask: Ask) -> Answer:
        """`POST /payments/{id}/verify_transaction`, as the SDK does"""
        payment = self.world.payment(ask.identifier)
        if payment.pioneer != ask.pioneer:
            raise SimulatorRefusal("payment_not_found", "Payment not found")
        lifecycle.record(payment)
        return self.world.dto(payment)

    def ignore(self, ask: Ask) -> Answer:
        """Ignore what the SDK reports about itself"""
        return {}


def _terms(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return amount, memo and metadata of a payment to be created, or raise Pi's refusal of them."""
    amount, memo, metadata = wanted.get("amount"), wanted.get("memo"), wanted.get("metadata")
    if not isinstance(memo, str) or not memo:
        raise SimulatorRefusal("invalid_arguments", "Memo can't be empty.")
    if not isinstance(metadata, dict):
        raise SimulatorRefusal("invalid_metadata", "Metadata must be an object.")
    if isinstance(amount, str):
        raise SimulatorRefusal("invalid_amount", "Amount must be a number.")
    try:
        return {"amount": wire.exact_amount(amount), "memo": memo, "metadata": metadata}
    except ValueError:
        raise SimulatorRefusal("invalid_amount", "Amount is invalid.") from None


Proof = Literal["key", "token", "none"]
Endpoint = Callable[[PlatformApi, Ask], Answer]

_ID = "(?P<id>[^/]+)"
_TABLE: list[tuple[str, str, Proof, Endpoint]] = [
    ("GET", "/me", "token", PlatformApi.me),
    ("POST", "/payments/user_to_app", "token", PlatformApi.create_incoming),
    ("GET", "/payments/incomplete", "token", PlatformApi.incomplete_incoming),
    ("GET", "/payments/incomplete_server_payments", "key", PlatformApi.incomplete_outgoing),
    ("POST", "/payments", "key", PlatformApi.create_outgoing),
    ("GET", f"/payments/{_ID}", "key", PlatformApi.get),
    ("POST", f"/payments/{_ID}/approve", "key", PlatformApi.approve),
    ("POST", f"/payments/{_ID}/complete", "key", PlatformApi.complete),
    ("POST", f"/payments/{_ID}/cancel", "key", PlatformApi.cancel),
    ("POST", f"/payments/{_ID}/verify_transaction", "token", PlatformApi.verify),
    ("POST", "/usage/track", "none", PlatformApi.ignore),
    ("POST", "/network/error", "none", PlatformApi.ignore),
]
PREFIX = "/v2"
ENDPOINTS = [(method, re.compile(PREFIX + path), proof, endpoint) for method, path, proof, endpoint in _TABLE]
