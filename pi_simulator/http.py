"""Requests and responses as plain values, between WSGI and the code that answers them."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from . import wire

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

JSON = {"Content-Type": "application/json; charset=utf-8"}

MAX_BODY = 64 * 1024
"""Bytes. No real request to Pi's API or the control panel comes near it."""


class BodyTooLong(Exception):
    """The request carries more than `MAX_BODY`; it was not read."""


class Malformed(Exception):
    """The body is not the expected JSON object."""


class HangUp(ConnectionAbortedError):
    """The connection ends without an answer.

    A WSGI server of the standard library closes the socket when it meets this; the in-process
    adapter turns it into the exception that `requests` would raise. `timed_out` distinguishes an
    answer that never comes from a refused connection.
    """

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("no answer")
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Request:
    """What a server or browser asks. `read_timeout` is how many seconds it waits, if known."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    authorization: str
    content_type: str
    host: str
    origin: str
    remote: str
    read_timeout: float | None

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; an empty body is an empty object. Raise `Malformed`."""
        if not self.body:
            return {}
        try:
            value = wire.loads(self.body)
        except wire.NotJson:
            raise Malformed from None
        if not isinstance(value, dict):
            raise Malformed
        return value

    def form(self) -> dict[str, str]:
        """Return the fields of a body that is a submitted form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))


@dataclass(slots=True)
class Response:
    """What is sent back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status_line(self) -> str:
        """The status and its reason phrase, as WSGI wants them."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"{self.status} Unknown"


def json_response(
    status: int, value: object, *, exponents: wire.Exponents = "small", content_type: str = ""
) -> Response:
    """Return a response in JSON, with exact amounts."""
    headers = {"Content-Type": content_type} if content_type else dict(JSON)
    return Response(status, wire.dumps(value, exponents=exponents).encode(), headers)


def html_response(status: int, page: str) -> Response:
    """Return a response that is a page."""
    return Response(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def read_request(environ: WSGIEnvironment) -> Request:
    """Read a WSGI request, including its body. Raise `BodyTooLong`."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise BodyTooLong
    path = environ.get("PATH_INFO") or "/"
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path.encode("latin-1").decode("utf-8", "replace"),
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""))),
        body=environ["wsgi.input"].read(int(length)) if int(length) else b"",
        authorization=environ.get("HTTP_AUTHORIZATION", ""),
        content_type=environ.get("CONTENT_TYPE", ""),
        host=environ.get("HTTP_HOST", ""),
        origin=environ.get("HTTP_ORIGIN", ""),
        remote=environ.get("REMOTE_ADDR", ""),
        read_timeout=environ.get("pi_simulator.read_timeout"),
    )
