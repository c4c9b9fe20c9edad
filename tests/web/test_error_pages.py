"""What Django answers when no view does: in kind, without our insides, and with when to come back."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path
from django.utils.functional import SimpleLazyObject
from pytest_django import Settings

from tests.payments.staff import member
from web.error_pages import BUSY, server_error

SECRET = "a detail that is nobody else's business"

FAILURES: dict[str, tuple[Exception, int]] = {
    "not found": (Http404(SECRET), 404),
    "forbidden": (PermissionDenied(SECRET), 403),
    "suspicious": (SuspiciousOperation(SECRET), 400),
    "a mistake": (ZeroDivisionError(SECRET), 500),
    "database race": (IntegrityError(SECRET), 500),
    "database busy": (OperationalError(SECRET), 503),
}
STATUSES = {name: status for name, (_, status) in FAILURES.items()}


def fail(request: HttpRequest, name: str) -> HttpResponse:
    raise FAILURES[name][0]


urlpatterns = [
    path("api/plain/<str:name>", fail),
    path("plain/<str:name>", fail),
    path("", include("storefront.urls")),
]
handler400 = "web.error_pages.bad_request"
handler403 = "web.error_pages.permission_denied"
handler404 = "web.error_pages.not_found"
handler500 = "web.error_pages.server_error"


@pytest.fixture
def raising(settings: Any) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
def test_programs_get_json(raising: Client, name: str, status: int) -> None:
    response = raising.get(f"/api/plain/{name}")

    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert response.json().keys() == {"error", "message"}
    assert SECRET not in response.content.decode()


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
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
    assert BUSY[2] in response.content.decode()


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

    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()
