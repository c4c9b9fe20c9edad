"""Every failure has one answer: a status, a code for programs, a text for people, and when to come back."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path
from django.utils.functional import SimpleLazyObject
from pytest_django import Settings
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.stock import OutOfStock
from payments.models import PiPayment
from payments.moves import IllegalMove, Overtaken
from payments.ordering import MESSAGES, Refused
from payments.pi_client import InsideTransaction, PiMisconfigured, PiRefused, PiUnclear
from payments.problems import ANSWERS, server_error
from payments.protocol import NotCompleted, UnknownPayment, WrongCaller
from tests.payments.staff_room import member

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


def raise_plainly(request: HttpRequest, name: str) -> HttpResponse:
    raise PROBLEMS[name][0]


urlpatterns = [
    path("api/raise/<str:name>", Raise.as_view()),
    path("api/plain/<str:name>", raise_plainly),
    path("plain/<str:name>", raise_plainly),
    path("", include("payments.pages_urls")),
]
handler400 = "payments.problems.bad_request"
handler403 = "payments.problems.permission_denied"
handler404 = "payments.problems.not_found"
handler500 = "payments.problems.server_error"


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

    assert [r.getMessage() for r in caplog.records if r.name == "payments.problems"] == [
        f"PiUnclear: {SECRET}"
    ]
    assert "Traceback" not in caplog.text


# Django's own failures ---------------------------------------------------------------------------------

OF_DJANGO = {
    "not found": 404,
    "forbidden by Django": 403,
    "suspicious": 400,
    "a mistake": 500,
    "database race": 500,
    "database busy": 503,
}


@pytest.mark.parametrize(("name", "status"), OF_DJANGO.items())
def test_djangos_own_pages_are_json_on_the_routes_of_programs(
    raising: Client, name: str, status: int
) -> None:
    response = raising.get(f"/api/plain/{name}")

    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert response.json().keys() == {"error", "message"}
    assert SECRET not in response.content.decode()


@pytest.mark.parametrize(("name", "status"), OF_DJANGO.items())
def test_people_get_a_page(raising: Client, name: str, status: int) -> None:
    response = raising.get(f"/plain/{name}")

    assert (response.status_code, response["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert SECRET not in response.content.decode()


@pytest.mark.parametrize("path", ["/api/plain", "/plain"])
def test_while_the_database_is_away_people_and_programs_are_told_when_to_come_back(
    raising: Client, path: str
) -> None:
    response = raising.get(f"{path}/database busy")

    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert ANSWERS[DatabaseError][2] in response.content.decode()


@pytest.mark.parametrize(
    ("path", "content_type"), [("/api/plain/x", "application/json"), ("/plain/x", "text/html; charset=utf-8")]
)
def test_a_form_without_its_csrf_token_is_refused_in_kind(
    raising: Client, path: str, content_type: str
) -> None:
    response = raising.post(path)

    assert (response.status_code, response["Content-Type"]) == (403, content_type)


@pytest.mark.parametrize(
    "path", ["/api/orders/", "/payments/approve", "/pi_payment/approve", "/user/signin", "/pinet/meta"]
)
@pytest.mark.parametrize("host", ["elsewhere.example", "testserver:80:80", "a b", ""])
def test_a_host_that_is_not_ours_is_refused_in_json(path: str, host: str) -> None:
    response = Client(raise_request_exception=False).post(path, HTTP_HOST=host)

    assert (response.status_code, response["Content-Type"]) == (400, "application/json")
    assert response.json()["error"] == "bad_request"


@pytest.mark.django_db
def test_staff_read_no_word_to_buyers_and_no_script_of_pi(settings: Settings) -> None:
    client = member("victor")

    for address, status, text in (
        ("/admin/catalog/product/", 403, "This is not allowed."),
        ("/admin/nothing/", 404, "There is nothing here."),
    ):
        response = client.get(address)
        page = response.content.decode()
        assert (response.status_code, response["X-Frame-Options"]) == (status, "DENY")
        assert text in page
        assert "paying" not in page
        assert settings.PI_SDK_URL not in page


def test_staff_are_told_of_a_mistake_also_without_a_database(rf: RequestFactory) -> None:
    request = rf.get("/admin/")
    request.user = request._messages = SimpleLazyObject(lambda: pytest.fail("the database is asked"))

    response = server_error(request)

    assert (response.status_code, "Something broke on our side" in response.content.decode()) == (500, True)
