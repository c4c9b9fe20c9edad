"""Every failure as JSON: `{"error": code, "message": text}` and a status. One table, one place."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.db import DatabaseError, DataError, OperationalError, ProgrammingError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from catalog.stock import OutOfStock
from payments.moves import IllegalMove, Overtaken
from payments.ordering import MESSAGES, Refused
from payments.pi_client import PiMisconfigured, PiRefused, PiUnclear
from payments.protocol import NotCompleted, UnknownPayment, WrongCaller
from web.framing import framable_by_pi

logger = logging.getLogger(__name__)

RETRY_SECONDS = "10"  # the rhythm in which the SDK repeats its callbacks
API_PATHS = ("/api/", "/payments/", "/pi_payment/", "/user/", "/pinet/")

UNREACHABLE = "Pi cannot be reached at the moment. Nothing is lost; please try again."

# What went wrong -> status, code, text. None: the exception says it itself.
ANSWERS: dict[type[Exception], tuple[int, str | None, str | None]] = {
    Refused: (409, None, None),
    OutOfStock: (409, "out_of_stock", MESSAGES["out_of_stock"]),
    NotCompleted: (409, "not_completed", "Pi has not completed this payment."),
    WrongCaller: (403, "wrong_caller", "This payment belongs to another Pioneer."),
    UnknownPayment: (404, "payment_not_found", "There is no such payment."),
    Overtaken: (503, "try_again", "Somebody else was faster. Please try again."),
    IllegalMove: (409, "order_closed", MESSAGES["order_closed"]),
    PiUnclear: (503, "pi_unreachable", UNREACHABLE),
    PiMisconfigured: (503, "pi_unreachable", UNREACHABLE),
    DatabaseError: (503, "try_again", "The shop is busy. Nothing is lost; please try again."),
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """What DRF calls for every exception of a view. The schema and its page, too, refuse in JSON."""
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PiRefused):
        return _answer_refusal(error)
    if isinstance(error, exceptions.ValidationError):
        return _response(400, "invalid", _first_text(error.detail), details=error.detail)
    if isinstance(error, exceptions.APIException):
        return _answer_api_exception(error)
    for kind, (code, name, text) in ANSWERS.items():
        if isinstance(error, kind):
            if code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
                # What a database refuses is either a race or a mistake of ours: only the traceback tells.
                ours = isinstance(error, DatabaseError)
                logger.warning("%s: %s", type(error).__name__, error, exc_info=error if ours else None)
            return _response(code, name or str(getattr(error, "code", "refused")), text or str(error))
    return None


def _answer_refusal(error: PiRefused) -> Response:
    if error.code == "invalid_token":
        return _response(401, "invalid_token", "Pi does not know this access token. Sign in again.")
    logger.warning("Pi refused: %s", error)
    return _response(409, "pi_refused", "Pi refused this step. Nothing is lost; staff can see why.")


def _answer_api_exception(error: exceptions.APIException) -> Response:
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "invalid"
    response = _response(error.status_code, code, _first_text(error.detail))
    wait, auth_header = getattr(error, "wait", None), getattr(error, "auth_header", None)
    if wait is not None:
        response["Retry-After"] = str(int(wait) + 1)
    if auth_header:
        response["WWW-Authenticate"] = auth_header
    return response


def _response(status_code: int, code: str, text: str, **more: Any) -> Response:
    response = Response({"error": code, "message": text, **more}, status=status_code)
    if status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        response["Retry-After"] = RETRY_SECONDS
    return response


def _first_text(detail: Any) -> str:
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, list):
            detail = next(filter(None, detail), "")
        else:
            name, inner = next(iter(detail.items()))
            text = _first_text(inner)
            return text if name == "non_field_errors" else f"{name}: {text}"
    return str(detail)


# Django's own pages for the same failures -------------------------------------------------------------

# What the admin's lists raise for a year 0, a range of one, a row “x”, a NUL or half a regular expression.
ODD_QUESTIONS = (ValueError, IndexError, DataError, ProgrammingError)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, "bad_request", "This request makes no sense.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "forbidden", "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, "not_found", "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """A database that is away for a moment is no mistake of ours: whoever comes back soon is served."""
    if isinstance(sys.exception(), OperationalError):
        code, name, text = ANSWERS[DatabaseError]
        response = _page(request, code, name or "", text or "")
        response["Retry-After"] = RETRY_SECONDS
        return response
    if isinstance(sys.exception(), OverflowError) and request.path.startswith("/admin/"):
        # Somebody typed it into an address, and SQLite takes no more than 64 bits.
        return _page(request, 400, "bad_request", "That number is larger than any here.")
    if isinstance(sys.exception(), ODD_QUESTIONS) and _asks_a_list(request):
        return _page(request, 400, "bad_request", "This list cannot be asked for that.")
    return _page(request, 500, "server_error", "Something broke on our side. Nothing is lost.")


def _asks_a_list(request: HttpRequest) -> bool:
    """Whether somebody asks one of the admin's lists for something that they may have typed themselves."""
    is_list = request.resolver_match and str(request.resolver_match.url_name).endswith("_changelist")
    return bool(is_list and (request.GET or "_selected_action" in request.POST))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(request, 403, "forbidden", "This form is too old. Please load the page again.")


def _page(request: HttpRequest, status_code: int, code: str, text: str) -> HttpResponse:
    if request.path.startswith(API_PATHS):
        return JsonResponse({"error": code, "message": text}, status=status_code)
    # Nobody frames the admin, not even its errors; a buyer must read ours inside Pi's frame.
    page = _page_for_staff if request.path.startswith("/admin/") else framable_by_pi(_page_for_people)
    return page(request, status_code, text)


def _page_for_people(request: HttpRequest, status_code: int, text: str) -> HttpResponse:
    template = "404.html" if status_code == status.HTTP_404_NOT_FOUND else "500.html"
    return render(request, template, {"message": text}, status=status_code)


def _page_for_staff(request: HttpRequest, status_code: int, text: str) -> HttpResponse:
    """Without a word to buyers, and without Pi's script, which has no business where staff are logged in."""
    return render(request, "admin/problem.html", {"title": text}, status=status_code)
