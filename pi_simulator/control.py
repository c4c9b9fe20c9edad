"""The control panel's commands, in JSON, for the phone page and for tests of a running simulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .faults import ANYWHERE
from .http import Malformed, Request, Response, json_response
from .records import Pioneer
from .refusal import SimulatorRefusal

if TYPE_CHECKING:
    from .simulator import Simulator

Answer = dict[str, Any]

ONE_DAY = 24 * 3600
"""Seconds. A sign-in on the phone lasts that long, so that moving the clock does not end it at once."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Control:
    """Controls the simulator for programs and pages on this machine."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def answer(self, request: Request) -> Response:
        """Run the command of a page or program on this machine; refuse everybody else."""
        if not _from_this_machine(request):
            return json_response(403, {"error": "not_from_this_machine"})
        for method, pattern, command in COMMANDS:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return self._run(command, request, match.groupdict().get("id", ""))
        return json_response(404, {"error": "not_found"})

    def _run(self, command: Command, request: Request, identifier: str) -> Response:
        try:
            fields = request.json()
            return json_response(200, command(self, fields, identifier))
        except SimulatorRefusal as refusal:
            return json_response(409, refusal.body())
        except (Malformed, KeyError, TypeError, ValueError, ArithmeticError) as problem:
            return json_response(400, {"error": "invalid_arguments", "error_message": str(problem)})

    def state(self, fields: Answer, identifier: str) -> Answer:
        """Return all data that the page shows"""
        return self._simulator.state()

    def add_pioneer(self, fields: Answer, identifier: str) -> Answer:
        """`{"username", "balance"?}`: create a pioneer, or set a balance"""
        return _pioneer_answer(self._simulator.pioneer(_username(fields), balance=fields.get("balance")))

    def sign_in(self, fields: Answer, identifier: str) -> Answer:
        """`{"username", "scopes", "lifetime"?}`: grant the scopes, and return an access token"""
        pioneer = self._simulator.pioneer(_username(fields))
        scopes = tuple(str(scope) for scope in fields.get("scopes", ()))
        lifetime = float(fields.get("lifetime", ONE_DAY))
        token = self._simulator.sign_in(pioneer, scopes=scopes, lifetime=lifetime)
        return _pioneer_answer(pioneer) | {"accessToken": token}

    def incomplete(self, fields: Answer, identifier: str) -> Answer:
        """`{"username"}`: return the payment that still waits for something, or null"""
        pioneer = self._simulator.pioneer(_username(fields))
        return {"payment": self._simulator.incomplete_payment_of(pioneer)}

    def add_fault(self, fields: Answer, identifier: str) -> Answer:
        """`{"kind", "path"?, "times"?, "seconds"?, "status"?, "body"?}`: arm a fault"""
        times = fields.get("times")
        self._simulator.faults.add(
            fields["kind"],
            path=str(fields.get("path", ANYWHERE)),
            times=None if times is None else int(times),
            seconds=float(fields.get("seconds", 0)),
            status=int(fields.get("status", 500)),
            body=fields.get("body"),
        )
        return {}

    def clear_faults(self, fields: Answer, identifier: str) -> Answer:
        """`{"kind"?}`: disarm one kind of fault, or all"""
        if "kind" in fields:
            self._simulator.faults.remove(fields["kind"])
        else:
            self._simulator.faults.clear()
        return {}

    def move_clock(self, fields: Answer, identifier: str) -> Answer:
        """`{"seconds"}`: let time pass at Pi"""
        return {"now": self._simulator.clock.move(seconds=float(fields["seconds"])).isoformat()}

    def reset(self, fields: Answer, identifier: str) -> Answer:
        """Forget everything"""
        self._simulator.reset()
        return {}

    def payments(self, fields: Answer, identifier: str) -> Answer:
        """Return every payment of the app, with the hash of its transaction on the chain, or null"""
        shown = self._simulator.payments()
        return {
            "payments": [p | {"on_chain": self._simulator.txid_of(p["identifier"])} for p in shown],
        }

    def payment(self, fields: Answer, identifier: str) -> Answer:
        """Return one payment as the API would send it"""
        return self._simulator.payment(identifier)

    def sign(self, fields: Answer, identifier: str) -> Answer:
        """Pay as the buyer (`{"recorded"?, "verified"?}`); return the txid, and whether the app closes"""
        txid = self._simulator.sign(
            identifier,
            recorded=fields.get("recorded"),
            verified=fields.get("verified", True),
        )
        return {"txid": txid, "close_app": self._simulator.faults.take("close_after_paying")}

    def record(self, fields: Answer, identifier: str) -> Answer:
        """Let Pi learn of the signed transaction"""
        self._simulator.record_transaction(identifier)
        return self._simulator.payment(identifier)

    def cancel(self, fields: Answer, identifier: str) -> Answer:
        """Cancel as the buyer"""
        self._simulator.cancel_by_user(identifier)
        return self._simulator.payment(identifier)

    def expire(self, fields: Answer, identifier: str) -> Answer:
        """Let the approval window elapse"""
        self._simulator.expire_approval(identifier)
        return self._simulator.payment(identifier)


def _from_this_machine(request: Request) -> bool:
    """Return whether a loopback address asks for a loopback host, from no page or a loopback page.

    The host is checked because a foreign page may let its own name resolve to this machine (DNS
    rebinding); a POST must be JSON because a foreign form cannot send it.
    """
    if request.method == "POST" and not request.content_type.startswith("application/json"):
        return False
    names = [urlsplit(f"//{request.host}").hostname]
    if request.origin:
        names.append(urlsplit(request.origin).hostname)
    return request.remote in LOOPBACK and all(name in LOOPBACK for name in names)


def _username(fields: Answer) -> str:
    username = fields["username"]
    if not isinstance(username, str) or not re.fullmatch(r"[\w.-]{1,40}", username):
        raise ValueError("a username has 1 to 40 letters, digits, dots or dashes")
    return username


def _pioneer_answer(pioneer: Pioneer) -> Answer:
    return {"username": pioneer.username, "uid": pioneer.uid, "wallet": pioneer.wallet}


Command = Callable[[Control, Answer, str], Answer]

_PAYMENT = "/payments/(?P<id>[^/]+)"
_TABLE: list[tuple[str, str, Command]] = [
    ("GET", "/state", Control.state),
    ("POST", "/pioneers", Control.add_pioneer),
    ("POST", "/sign_in", Control.sign_in),
    ("POST", "/incomplete", Control.incomplete),
    ("POST", "/faults", Control.add_fault),
    ("POST", "/faults/clear", Control.clear_faults),
    ("POST", "/clock", Control.move_clock),
    ("POST", "/reset", Control.reset),
    ("GET", "/payments", Control.payments),
    ("GET", _PAYMENT, Control.payment),
    ("POST", f"{_PAYMENT}/sign", Control.sign),
    ("POST", f"{_PAYMENT}/record", Control.record),
    ("POST", f"{_PAYMENT}/cancel", Control.cancel),
    ("POST", f"{_PAYMENT}/expire", Control.expire),
]
COMMANDS = [(method, re.compile("/_control" + path), command) for method, path, command in _TABLE]
