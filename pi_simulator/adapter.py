"""An adapter through which `requests` reaches the simulator in the same process, without a socket."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from wsgiref.types import WSGIApplication

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.util import Timeout

from .http import HangUp

Headers = list[tuple[str, str]]


class InProcessAdapter(HTTPAdapter):
    """Mount it on a `requests.Session`: `session.mount(pi.url, pi.adapter())`.

    Behaves like a network: raises `ConnectionError` where Pi is down and `ReadTimeout` where the
    answer is lost or would take longer than the request's read timeout.
    """

    def __init__(self, application: WSGIApplication) -> None:
        super().__init__()
        self._application = application

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | Timeout | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Answer the request by calling the application."""
        read_timeout = _read_timeout(timeout)
        try:
            status, reason, headers, body = _call(self._application, _environ(request, read_timeout))
        except HangUp as problem:
            raise _network_error(problem, request, read_timeout) from None
        raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=headers,
            status=status,
            reason=reason,
            preload_content=False,
        )
        return self.build_response(request, raw)


def _environ(request: requests.PreparedRequest, read_timeout: float | None) -> dict[str, Any]:
    parts = urlsplit(request.url or "")
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else bytes(body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method or "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path, "latin-1"),
        "QUERY_STRING": parts.query,
        "CONTENT_LENGTH": str(len(content)),
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": parts.netloc,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "pi_simulator.read_timeout": read_timeout,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = value
    return environ


def _call(application: WSGIApplication, environ: dict[str, Any]) -> tuple[int, str, dict[str, str], bytes]:
    started: list[tuple[str, Headers]] = []

    def start_response(
        status: str, headers: Headers, exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda _: None

    chunks: Iterable[bytes] = application(environ, start_response)
    body = b"".join(chunks)
    status, headers = started[-1]
    code, _, reason = status.partition(" ")
    return int(code), reason, dict(headers), body


def _read_timeout(timeout: object) -> float | None:
    if isinstance(timeout, tuple):
        timeout = timeout[1]
    if isinstance(timeout, Timeout):
        timeout = timeout.read_timeout
    return float(timeout) if isinstance(timeout, (int, float)) else None


def _network_error(
    problem: HangUp, request: requests.PreparedRequest, read_timeout: float | None
) -> requests.RequestException:
    if problem.timed_out:
        return requests.ReadTimeout(f"Read timed out. (read timeout={read_timeout})", request=request)
    return requests.ConnectionError("Connection refused.", request=request)
