"""Cookies exist for the admin alone, and nothing that staff are told travels in one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.payments.page import Page
from tests.payments.staff import action_url

pytestmark = pytest.mark.django_db


def test_the_admins_cookies_go_to_the_admin_alone(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    client = Client()
    User.objects.create_superuser("carol", password="tells nobody")

    client.get("/admin/login/")
    client.post("/admin/login/", {"username": "carol", "password": "tells nobody"})
    client.post(action_url(order, "ask_pi"))

    paths = {name: cookie["path"] for name, cookie in client.cookies.items()}
    assert paths == {"csrftoken": "/admin/", "sessionid": "/admin/"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "key", ['"\\000aaaaaaaa"', '"' + "\\000" * 32 + '"', "x" * 9_000, "A" * 32, "é" * 32]
)
def test_a_made_up_session_key_is_ignored(key: str) -> None:
    client = Client(raise_request_exception=False)

    response = client.get("/admin/", HTTP_COOKIE=f"sessionid={key}")

    assert (response.status_code, response["Location"]) == (302, "/admin/login/?next=/admin/")
