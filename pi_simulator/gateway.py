"""The door of the simulated Pi: every call passes here, and here it may go wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from . import api, horizon
from .api import PlatformApi
from .calls import MAX_CALLS, Call, Hook, call_of
from .faults import Strike
from .horizon import Horizon
from .http import (
    BodyTooLong,
    HangUp,
    Request,
    Response,
    json_response,
    read_request,
)
from .world import World

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger("pi_simulator")

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "GET, POST",
}
"""Any page may call the Platform API; it proves itself by a token, never by a cookie."""


Rooms = Sequence[tuple[str, Callable[[Request], Response]]]
"""Who answers what does not belong to Pi itself, by the beginning of the path."""


class Gateway:
    """The WSGI application: Platform API and Horizon, and the rooms beside them."""

    def __init__(self, world: World, api_key: str, rooms: Rooms, *, virtual_time: bool) -> None:
        self.calls: list[Call] = []
        self.before_call: Hook | None = None
        self.after_call: Hook | None = None
        self._world = world
        self._virtual_time = virtual_time
        self._platform = PlatformApi(world, api_key)
        self._horizon = Horizon(world)
        self._rooms = rooms

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            response = self._answer(read_request(environ))
        except BodyTooLong:
            response = json_response(413, {"error": "body_too_long"})
        response.headers["Content-Length"] = str(len(response.body))
        start_response(response.status_line, list(response.headers.items()))
        return [response.body]

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(api.PREFIX + "/"):
            if request.method == "OPTIONS":
                return Response(204, b"", dict(CORS))
            response = self._call(request, self._platform)
            response.headers |= CORS
            return response
        if request.path.startswith(horizon.PREFIX):
            return self._call(request, self._horizon)
        for prefix, answer in self._rooms:
            if request.path.startswith(prefix):
                return answer(request)
        return json_response(404, {"error": "not_found"})

    def _call(self, request: Request, service: PlatformApi | Horizon) -> Response:
        """Let Pi act on a request, with whatever is armed against it.

        The hooks run with the lock free, so that they may act as somebody else meanwhile.
        """
        strike = self._strike(request)
        if strike.down:
            _log(request, "refused: Pi is down")
            raise HangUp(timed_out=False)
        call = call_of(request.method, request.path)
        self._remember(call)
        if self.before_call is not None:
            self.before_call(call)
        response = strike.instead or self._act(request, service)
        response = strike.afterwards or response
        call.status = response.status
        if self.after_call is not None:
            self.after_call(call)
        _log(request, f"{call.status}{', answer lost' if strike.lost else ''}")
        self._travel(strike, request.patience)
        return response

    def _remember(self, call: Call) -> None:
        self.calls.append(call)
        del self.calls[:-MAX_CALLS]

    def _strike(self, request: Request) -> Strike:
        """What goes wrong; a browser's own calls carry an origin and are spared."""
        return Strike() if request.origin else self._world.faults.strike(request.path)

    def _act(self, request: Request, service: PlatformApi | Horizon) -> Response:
        with self._world.lock:
            return service.answer(request)

    def _travel(self, strike: Strike, patience: float | None) -> None:
        """The answer's way back: slow, or too slow for the caller, or lost."""
        if strike.lost:
            self._wait(patience or 0, really=False)
            raise HangUp(timed_out=True)
        if patience is not None and strike.delay > patience:
            self._wait(patience, really=False)
            raise HangUp(timed_out=True)
        self._wait(strike.delay, really=True)

    def _wait(self, seconds: float, *, really: bool) -> None:
        if self._virtual_time:
            self._world.clock.move(seconds=seconds)
        elif really and seconds:
            time.sleep(seconds)


def _log(request: Request, outcome: str) -> None:
    """One line per call; keys and tokens travel in headers, which are never logged."""
    log.info("%s %s -> %s", request.method, quote(request.path), outcome)
