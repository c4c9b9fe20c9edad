"""The phone page, the SDK and their static files, read from the package's folder."""

from __future__ import annotations

from importlib import resources

from .http import Request, Response, json_response

TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The phone may frame any shop, and nothing may frame the phone."""


class Pages:
    """Answers `/`, `/pi-sdk.js` and `/static/...`."""

    def __init__(self) -> None:
        folder = resources.files(__package__) / "static"
        self._files = {
            entry.name: entry for entry in folder.iterdir() if entry.name.rpartition(".")[2] in TYPES
        }

    def answer(self, request: Request) -> Response:
        """Return the file at the path."""
        name = _file_name(request.path)
        if request.method != "GET" or name not in self._files:
            return json_response(404, {"error": "not_found"})
        headers = {
            "Content-Type": TYPES[name.rpartition(".")[2]],
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        if name.endswith(".html"):
            headers["Content-Security-Policy"] = PAGE_POLICY
        return Response(200, self._files[name].read_bytes(), headers)


def _file_name(path: str) -> str:
    if path == "/":
        return "phone.html"
    if path == "/pi-sdk.js":
        return "pi-sdk.js"
    return path.removeprefix("/static/")
