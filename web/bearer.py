"""The token in `Authorization: Bearer <token>`, read the same way for pages and for the API."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.request import Request


def bearer_token(request: Request | HttpRequest) -> str:
    """Return the token as it was sent, in whatever case the scheme is spelled; empty when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
