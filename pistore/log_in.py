"""How staff log in. Wrong passwords are counted by django-axes, per account and address.

Both at once, because either alone would be a weapon: whoever types wrong passwords for `carol` from
elsewhere must not lock Carol out, and a colleague who mistypes must not lock out the whole office.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from rest_framework.request import Request
from rest_framework.views import APIView

from payments.api.throttles import LogInThrottle
from web.callers import address_of


def log_in(request: HttpRequest) -> HttpResponseBase:
    """Log staff in as Django does, but limit the tries per minute from one address, whatever the account."""
    throttle = LogInThrottle()
    if request.method == "POST" and not throttle.allow_request(Request(request), APIView()):
        return _answer_wait(request, seconds=throttle.wait() or 60, why="tries")
    return admin.site.login(request)


def address(request: HttpRequest) -> str | None:
    """Return the address by which django-axes counts: the same as for the throttles."""
    return address_of(request) or None


def locked_out(request: HttpRequest, refused: HttpResponse, credentials: dict[str, Any]) -> HttpResponse:
    """Return the answer that django-axes sends instead of `refused`, even to the right password."""
    return _answer_wait(request, seconds=settings.AXES_COOLOFF_TIME.total_seconds(), why="passwords")


def _answer_wait(request: HttpRequest, *, seconds: float, why: str) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Please wait",
        "why": why,
        "minutes": max(1, round(seconds / 60)),
    }
    answer = render(request, "admin/log_in_later.html", context, status=429)
    answer["Retry-After"] = str(int(seconds) + 1)
    add_never_cache_headers(answer)
    return answer
