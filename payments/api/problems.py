"""Every failure of a view as JSON: `{"error": code, "message": text}` and a status. One table, one place.

What fails outside of the API's views is answered by `web.error_pages`.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from catalog.stock import OutOfStock
from payments.domain.ordering import MESSAGES, Refused
from payments.domain.protocol import NotCompleted, WrongCaller
from payments.domain.settle import UnknownPayment
from payments.moves import IllegalMove, Overtaken
from payments.pi.client import PiMisconfigured, PiRefused, PiUnclear
from web.error_pages import BUSY, RETRY_SECONDS

logger = logging.getLogger(__name__)

UNREACHABLE = "Pi cannot be reached at the moment. Nothing is lost; please try again."

# What went wrong -> status, code, text. None: the exception has its own.
ANSWERS: dict[type[Exception], tuple[int, str | None, str | None]] = {
    Refused: (409, None, None),
    OutOfStock: (409, "out_of_stock", MESSAGES["out_of_stock"]),
    NotCompleted: (409, "not_completed", "Pi has not completed this payment."),
    WrongCaller: (403, "wrong_caller", "This payment belongs to another Pioneer."),
    UnknownPayment: (404, "payment_not_found", "There is no such payment."),
    Overtaken: (503, "try_again", "This changed at the same moment. Please try again."),
    IllegalMove: (409, "order_closed", MESSAGES["order_closed"]),
    PiUnclear: (503, "pi_unreachable", UNREACHABLE),
    PiMisconfigured: (503, "pi_unreachable", UNREACHABLE),
    DatabaseError: BUSY,
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an exception in a view, for DRF; None for an exception that nobody expected.

    The schema and its page refuse in JSON, too.
    """
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
                # When a database refuses, it is a race or our own mistake: only the traceback tells which.
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
