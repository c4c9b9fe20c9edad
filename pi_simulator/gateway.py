"""The entry point of the simulated Pi: every call passes through here, and can be made to fail."""

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
"""Any page may call the Platform API: it authenticates by a token, never by a cookie."""


Routes = Sequence[tuple[str, Callable[[Request], Response]]]
"""What answers the requests that are not for Pi itself, by the beginning of the path."""


class Gateway:
    """The WSGI application: Platform API and Horizon, and the phone and control panel beside them."""

    def __init__(self, world: World, api_key: str, routes: Routes, *, virtual_time: bool) -> None:
        self.calls: list[Call] = []
        self.before_call: Hook | None = None
        self.after_call: Hook | None = None
        self._world = world
        self._virtual_time = virtual_time
        self._platform = PlatformApi(world, api_key)
        self._horizon = Horizon(world)
        self._routes = routes

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
        for prefix, answer in self._routes:
            if request.path.startswith(prefix):
                return answer(request)
        return json_response(404, {"error": "not_found"})

    def _call(self, request: Request, service: PlatformApi | Horizon) -> Response:
        """Let Pi act on a request, with the faults that are armed for it.

        The hooks run without the lock, so that they may act as somebody else meanwhile.
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
        self._travel(strike, request.read_timeout)
        return response

    def _remember(self, call: Call) -> None:
        self.calls.append(call)
        del self.calls[:-MAX_CALLS]

    def _strike(self, request: Request) -> Strike:
        """Return what goes wrong. Calls of a browser, which carry an origin, are spared."""
        return Strike() if request.origin else self._world.faults.strike(request.path)

    def _act(self, request: Request, service: PlatformApi | Horizon) -> Response:
        with self._world.lock:
            return service.answer(request)

    def _travel(self, strike: Strike, read_timeout: float | None) -> None:
        """Send the answer back: slowly, too slowly for the caller, or not at all."""
        if strike.lost:
            self._wait(read_timeout or 0, really=False)
            raise HangUp(timed_out=True)
        if read_timeout is not None and strike.delay > read_timeout:
            self._wait(read_timeout, really=False)
            raise HangUp(timed_out=True)
        self._wait(strike.delay, really=True)

    def _wait(self, seconds: float, *, really: bool) -> None:
        if self._virtual_time:
            self._world.clock.move(seconds=seconds)
        elif really and seconds:
            time.sleep(seconds)


def _log(request: Request, outcome: str) -> None:
    """Log one line per call; keys and tokens travel in headers, which are never logged."""
    log.info("%s %s -> %s", request.method, quote(request.path), outcome)
