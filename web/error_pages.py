"""What Django answers if no view does: a page for people, JSON where programs ask (API_PATHS)."""

from __future__ import annotations

import sys

from django.conf import settings
from django.db import DataError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import status

from web.framing import framable_by_pi

RETRY_SECONDS = "10"  # the SDK repeats its callbacks at this interval
# Status, code for programs and text for people while the database is down.
BUSY = (503, "try_again", "The shop is busy. Nothing is lost; please try again.")

# What the admin's lists raise for a year 0, a range of one, a row “x”, a NUL or half a regular expression.
ODD_QUESTIONS = (ValueError, IndexError, DataError, ProgrammingError)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, "bad_request", "We could not understand this request.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "forbidden", "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, "not_found", "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 to what nobody expected; 503 if the database is down, 400 to malformed admin queries."""
    if isinstance(sys.exception(), OperationalError):
        # A database that is down for a moment is no bug of ours: a retry will be served.
        response = _page(request, *BUSY)
        response["Retry-After"] = RETRY_SECONDS
        return response
    if isinstance(sys.exception(), OverflowError) and request.path.startswith("/admin/"):
        # Somebody typed it into an address, and SQLite's integers have 64 bits.
        return _page(request, 400, "bad_request", "That number is too large.")
    if isinstance(sys.exception(), ODD_QUESTIONS) and _asks_a_list(request):
        return _page(request, 400, "bad_request", "This list cannot be filtered like that.")
    return _page(request, 500, "server_error", "Something went wrong on our side. Nothing is lost.")


def _asks_a_list(request: HttpRequest) -> bool:
    """Return whether this is one of the admin's lists, with a query that somebody may have typed."""
    is_list = request.resolver_match and str(request.resolver_match.url_name).endswith("_changelist")
    return bool(is_list and (request.GET or "_selected_action" in request.POST))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(request, 403, "forbidden", "This form has expired. Please reload the page.")


def _page(request: HttpRequest, status_code: int, code: str, text: str) -> HttpResponse:
    if request.path.startswith(settings.API_PATHS):
        return JsonResponse({"error": code, "message": text}, status=status_code)
    # Nobody may frame the admin, not even its errors; a buyer must read ours inside Pi's frame.
    page = _page_for_staff if request.path.startswith("/admin/") else framable_by_pi(_page_for_people)
    return page(request, status_code, text)


def _page_for_people(request: HttpRequest, status_code: int, text: str) -> HttpResponse:
    template = "404.html" if status_code == status.HTTP_404_NOT_FOUND else "500.html"
    return render(request, template, {"message": text}, status=status_code)


def _page_for_staff(request: HttpRequest, status_code: int, text: str) -> HttpResponse:
    """Render a page of the admin, without Pi's script, which must not run where staff log in."""
    return render(request, "admin/problem.html", {"title": text}, status=status_code)
