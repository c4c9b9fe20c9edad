"""Every failure has one answer: a status, a code for programs, a text for people, and when to come back."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404
from django.test import Client
from django.urls import path
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.stock import OutOfStock
from payments.api.problems import ANSWERS
from payments.domain.ordering import MESSAGES, Refused
from payments.domain.protocol import NotCompleted, WrongCaller
from payments.domain.settle import UnknownPayment
from payments.models import PiPayment
from payments.moves import IllegalMove, Overtaken
from payments.pi.client import PiMisconfigured, PiRefused, PiUnclear
from payments.pi.http import InsideTransaction

SECRET = "a detail that is nobody else's business"

PROBLEMS: dict[str, tuple[Exception, int, str]] = {
    "refused": (Refused("amount_mismatch"), 409, "amount_mismatch"),
    "sold out": (OutOfStock(7), 409, "out_of_stock"),
    "not completed": (NotCompleted(PiPayment(identifier="x", status="failed")), 409, "not_completed"),
    "wrong caller": (WrongCaller(), 403, "wrong_caller"),
    "unknown": (UnknownPayment("x"), 404, "payment_not_found"),
    "overtaken": (Overtaken(SECRET), 503, "try_again"),
    "illegal": (IllegalMove(SECRET), 409, "order_closed"),
    "unclear": (PiUnclear(SECRET), 503, "pi_unreachable"),
    "misconfigured": (PiMisconfigured(SECRET), 503, "pi_unreachable"),
    "Pi refused": (PiRefused("not_verified", SECRET), 409, "pi_refused"),
    "invalid token": (PiRefused("invalid_token", SECRET), 401, "invalid_token"),
    "database busy": (OperationalError(SECRET), 503, "try_again"),
    "database race": (IntegrityError(SECRET), 503, "try_again"),
    "database data": (DataError(SECRET), 503, "try_again"),
    "not found": (Http404(SECRET), 404, "not_found"),
    "signed out": (exceptions.NotAuthenticated(), 401, "not_authenticated"),
    "forbidden": (exceptions.PermissionDenied(), 403, "permission_denied"),
    "forbidden by Django": (PermissionDenied(SECRET), 403, "forbidden"),
    "suspicious": (SuspiciousOperation(SECRET), 400, "bad_request"),
    "throttled": (exceptions.Throttled(wait=41.5), 429, "throttled"),
    "invalid": (exceptions.ValidationError({"lines": [{}, {"sku": ["No."]}]}), 400, "invalid"),
    "malformed": (exceptions.ParseError(code="malformed"), 400, "malformed"),
    "a mistake": (ZeroDivisionError(SECRET), 500, "server_error"),
    "inside a transaction": (InsideTransaction(SECRET), 500, "server_error"),
}


class Raise(APIView):
    def get(self, request: Request, name: str) -> None:
        raise PROBLEMS[name][0]


urlpatterns = [
    path("api/raise/<str:name>", Raise.as_view()),
]
handler400 = "web.error_pages.bad_request"
handler403 = "web.error_pages.permission_denied"
handler404 = "web.error_pages.not_found"
handler500 = "web.error_pages.server_error"


@pytest.fixture
def raising(settings: Any) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_failure_of_a_view_is_answered_in_json(raising: Client, name: str) -> None:
    _, status, code = PROBLEMS[name]

    response = raising.get(f"/api/raise/{name}")

    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert response.json()["error"] == code
    assert len(response.json()["message"]) >= 10


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_failure_tells_a_stranger_what_is_inside(raising: Client, name: str) -> None:
    text = raising.get(f"/api/raise/{name}").content.decode()

    assert SECRET not in text
    assert "Traceback" not in text
    assert __file__ not in text


@pytest.mark.parametrize("name", [name for name, (_, status, _) in PROBLEMS.items() if status in (429, 503)])
def test_who_should_come_back_is_told_when(raising: Client, name: str) -> None:
    response = raising.get(f"/api/raise/{name}")

    assert response["Retry-After"] == ("43" if name == "throttled" else "10")


@pytest.mark.parametrize(
    "name", [name for name, (_, status, _) in PROBLEMS.items() if status not in (429, 503)]
)
def test_nobody_else_is_told_to_come_back(raising: Client, name: str) -> None:
    assert not raising.get(f"/api/raise/{name}").has_header("Retry-After")


def test_no_kind_of_failure_is_left_out_of_this_table() -> None:
    tried = [type(problem) for problem, _, _ in PROBLEMS.values()]

    assert not [kind for kind in ANSWERS if not any(issubclass(one, kind) for one in tried)]


@pytest.mark.parametrize("code", MESSAGES)
def test_every_code_of_a_refusal_has_words_for_the_buyer(raising: Client, code: str) -> None:
    PROBLEMS["one"] = (Refused(code), 409, code)

    answer = raising.get("/api/raise/one").json()
    del PROBLEMS["one"]

    assert answer == {"error": code, "message": MESSAGES[code]}


def test_a_field_is_named_in_the_message(raising: Client) -> None:
    assert raising.get("/api/raise/invalid").json()["message"] == "lines: sku: No."


@pytest.mark.parametrize("name", ["a mistake", "database race"])
def test_a_mistake_of_ours_leaves_its_traceback_in_the_log(
    raising: Client, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    raising.get(f"/api/raise/{name}")

    assert "Traceback" in caplog.text
    assert SECRET in caplog.text


def test_that_pi_is_down_is_one_line_in_the_log(raising: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="payments")

    raising.get("/api/raise/unclear")

    assert [r.getMessage() for r in caplog.records if r.name == "payments.api.problems"] == [
        f"PiUnclear: {SECRET}"
    ]
    assert "Traceback" not in caplog.text
