"""What we sign is valid for one purpose only, and only while our key is the one that signed it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client

from payments.domain import sign_in
from payments.models import OrderLine, Pioneer
from storefront import downloads
from tests.payments.page import Page

pytestmark = pytest.mark.django_db


def link_of(alice: Page) -> str:
    order = alice.buy({"book": 1})
    token = {"Authorization": f"Bearer {alice.token}"}
    page = alice.client.get(f"/fragments/orders/{order.reference}/", headers=token).content.decode()
    return re.findall(r"/downloads/([^/]+)/", page)[0]


def me(token: str) -> int:
    return Client().get("/user/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_link_is_no_token_and_a_token_is_no_link(alice: Page) -> None:
    link = link_of(alice)

    assert (me(alice.token), me(link)) == (200, 401)
    assert Client().get(f"/downloads/{alice.token}/").status_code == 404


def test_no_two_purposes_share_a_salt() -> None:
    assert (
        len({sign_in.SALT, downloads.SALT, "django.core.signing", "django.contrib.sessions.SessionStore"})
        == 4
    )


@pytest.mark.parametrize("salt", ["", "django.core.signing", "django.contrib.sessions.SessionStore"])
def test_a_signature_that_django_made_for_itself_opens_nothing(alice: Page, salt: str) -> None:
    link_of(alice)
    until = 2**33

    assert me(signing.dumps({"uid": alice.pioneer.uid, "until": until}, salt=salt)) == 401
    forged = signing.dumps(OrderLine.objects.get().pk, salt=salt)
    assert Client().get(f"/downloads/{forged}/").status_code == 404


def test_a_new_key_ends_everything_that_the_old_one_signed(alice: Page, settings: Any) -> None:
    link = link_of(alice)
    staff = Client()
    staff.force_login(User.objects.create_superuser("carol"))
    assert (me(alice.token), staff.get("/admin/").status_code) == (200, 200)

    settings.SECRET_KEY = "another key, after the old one got out"

    assert me(alice.token) == 401
    assert Client().get(f"/downloads/{link}/").status_code == 404
    assert staff.get("/admin/").status_code == 302
    assert me(Page(alice.pi, "alice").sign_in().token) == 200


def test_a_pioneer_who_is_gone_is_nobody_however_good_the_token(alice: Page) -> None:
    Pioneer.objects.filter(uid=alice.pioneer.uid).delete()

    assert me(alice.token) == 401


def test_a_buyers_token_opens_nothing_of_the_staffs(alice: Page) -> None:
    client = Client(headers={"Authorization": f"Bearer {alice.token}"})

    assert client.get("/admin/").status_code == 302
    assert client.get("/admin/payments/order/").status_code == 302


def test_a_session_of_the_staff_opens_nothing_of_a_buyers(alice: Page) -> None:
    order = alice.buy({"book": 1})
    staff = Client()
    staff.force_login(User.objects.create_superuser("carol"))

    for path in ("/user/me", "/api/orders/", "/fragments/orders/", f"/fragments/orders/{order.reference}/"):
        assert staff.get(path).status_code == 401, path


def test_a_name_like_a_colleagues_gives_no_rights_and_no_authorship(alice: Page) -> None:
    Page(alice.pi, "staff carol").sign_in().buy({"voucher": 1})

    authors = set(
        Pioneer.objects.get(username="staff carol").orders.get().events.values_list("actor", flat=True)
    )
    assert authors == {"pioneer staff carol"}
