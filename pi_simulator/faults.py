"""What can go wrong between a shop and Pi, switched on and off at will."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, get_args

from .http import JSON, Response, html_response, json_response

Kind = Literal[
    "latency",
    "refuse",
    "lose_answer",
    "html",
    "html_after",
    "malformed",
    "nonsense",
    "down",
    "close_after_paying",
    "approval_elapses",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

OFF_THE_WIRE = ("close_after_paying", "approval_elapses")
"""Faults of the buyer's phone, not of calls."""

ANYWHERE = "any"
MAX_DELAY = 600
MAX_STATUS = 599

HTML_PAGE = """<!DOCTYPE html>
<html><head><title>We're sorry, but something went wrong (500)</title></head>
<body><h1>We're sorry, but something went wrong.</h1></body></html>
"""


@dataclass(slots=True)
class Fault:
    """One fault, armed for calls whose path contains `path`, `left` more times (None: always)."""

    kind: Kind
    path: str = ANYWHERE
    left: int | None = None
    seconds: float = 0
    status: int = 500
    body: Any = None

    def hits(self, path: str) -> bool:
        """Return whether the fault applies to a call to that path."""
        return self.left != 0 and (self.path == ANYWHERE or self.path in path)


@dataclass(slots=True)
class Strike:
    """All that goes wrong with one call."""

    delay: float = 0
    down: bool = False
    lost: bool = False
    instead: Response | None = None
    afterwards: Response | None = None


@dataclass(slots=True)
class Faults:
    """The armed faults, in the order they were added."""

    armed: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        kind: Kind,
        *,
        path: str = ANYWHERE,
        times: int | None = None,
        seconds: float = 0,
        status: int = 500,
        body: Any = None,
    ) -> Fault:
        """Arm a fault, for the first `times` calls that it hits or until it is removed.

        - `latency`: Pi acts at once and answers `seconds` later
        - `refuse`: nothing happens; `status` and `body` are answered
        - `lose_answer`: Pi acts, and the answer never arrives
        - `html`: nothing happens, and a 500 page is answered; `html_after`: Pi acts first
        - `malformed`: nothing happens; 200 with broken JSON
        - `nonsense`: nothing happens; 200 with JSON of another shape
        - `down`: the connection is refused, and Pi hears nothing
        - `close_after_paying`: the phone closes the app as soon as the buyer has signed
        - `approval_elapses`: the approval window of new payments is over at once

        They apply to calls of servers, not to those of the buyer's browser. Raise ValueError for an
        unknown kind or a value out of range.
        """
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind!r}; there are {', '.join(KINDS)}")
        if times is not None and times < 1:
            raise ValueError("a fault happens once at least")
        if not 0 <= seconds <= MAX_DELAY or not HTTPStatus.OK <= status <= MAX_STATUS:
            raise ValueError("a delay has up to 600 seconds, a status three digits from 200 on")
        fault = Fault(kind, path, times, seconds, status, body)
        with self._lock:
            self.armed.append(fault)
        return fault

    def remove(self, kind: Kind) -> None:
        """Disarm every fault of that kind."""
        with self._lock:
            self.armed = [fault for fault in self.armed if fault.kind != kind]

    def clear(self) -> None:
        """Disarm all faults."""
        with self._lock:
            self.armed = []

    def take(self, kind: Kind) -> bool:
        """Return whether a fault of that kind is armed, and use up one of its times."""
        with self._lock:
            return bool(self._use(lambda fault: fault.kind == kind and fault.left != 0))

    def strike(self, path: str) -> Strike:
        """Return the combined faults for a call to that path, and use up one of their times."""
        with self._lock:
            hitting = self._use(lambda fault: fault.kind not in OFF_THE_WIRE and fault.hits(path))
        strike = Strike()
        for fault in hitting:
            _apply(fault, strike)
        return strike

    def _use(self, chosen: Callable[[Fault], bool]) -> list[Fault]:
        using = [fault for fault in self.armed if chosen(fault)]
        for fault in using:
            if fault.left is not None:
                fault.left -= 1
        self.armed = [fault for fault in self.armed if fault.left != 0]
        return using


def _apply(fault: Fault, strike: Strike) -> None:
    match fault.kind:
        case "latency":
            strike.delay += fault.seconds
        case "refuse":
            body = {"error": "internal_error"} if fault.body is None else fault.body
            strike.instead = json_response(fault.status, body)
        case "lose_answer":
            strike.lost = True
        case "html":
            strike.instead = html_response(500, HTML_PAGE)
        case "html_after":
            strike.afterwards = html_response(500, HTML_PAGE)
        case "malformed":
            strike.instead = Response(200, b'{"identifier":"', dict(JSON))
        case "nonsense":
            strike.instead = json_response(200, ["all", {"is": "well"}, None])
        case "down":
            strike.down = True
