"""The staff's log-in: few wrong passwords for one account from one place, and what is told then."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from rest_framework.throttling import SimpleRateThrottle

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
RIGHT = "the right one, and long"
INSIDE = "/admin/"


@pytest.fixture(autouse=True)
def staff() -> None:
    cache.clear()
    for name in ("carol", "dora"):
        User.objects.create_superuser(name, password=RIGHT)


def log_in(name: str = "carol", password: str = "wrong", *, at: str = HERE, **more: Any) -> HttpResponse:
    words = {"username": name, "password": password, "next": INSIDE}
    return Client().post("/admin/login/", words, REMOTE_ADDR=at, **more)


def guess(times: int = 5, **more: Any) -> HttpResponse:
    return [log_in(**more) for _ in range(times)][-1]


def may_log_in(name: str = "carol", *, at: str = HERE) -> bool:
    return log_in(name, RIGHT, at=at).headers.get("Location") == INSIDE


# The lock ----------------------------------------------------------------------------------------------


def test_after_five_wrong_passwords_not_even_the_right_one_opens() -> None:
    assert [guess(4).status_code, may_log_in()] == [200, True]

    assert guess(5).status_code == 429
    assert not may_log_in()


def test_the_page_says_what_to_do_and_when_to_come_back() -> None:
    answer = guess(5)

    page = answer.content.decode()
    assert "Too many wrong passwords for this account from your address." in page
    assert "for 30 minutes, not even with the right password" in page
    assert "The people who run the server can unlock the account at once" in page
    assert (answer["Retry-After"], answer["X-Frame-Options"]) == ("1801", "DENY")
    assert "no-store" in answer["Cache-Control"]
    assert not answer.has_header("Access-Control-Allow-Origin")


def test_a_script_is_told_the_same_and_no_other_origin_may_read_it() -> None:
    answer = guess(5, headers={"X-Requested-With": "XMLHttpRequest", "Origin": "https://evil.example"})

    assert (answer.status_code, answer["Content-Type"]) == (429, "text/html; charset=utf-8")
    assert not answer.has_header("Access-Control-Allow-Origin")


def test_an_account_that_does_not_exist_is_locked_alike_and_told_nothing() -> None:
    known, unknown = guess(5, name="carol"), guess(5, name="nobody")

    assert (unknown.status_code, unknown.content) == (known.status_code, known.content)


def test_nobody_elsewhere_locks_a_colleague_out() -> None:
    guess(8, at=ELSEWHERE)

    assert not may_log_in(at=ELSEWHERE)
    assert may_log_in(at=HERE)


def test_a_colleague_who_mistypes_does_not_lock_out_the_office() -> None:
    guess(8, name="dora")

    assert may_log_in("carol")


def test_the_lock_ends_by_itself_even_while_somebody_goes_on_guessing() -> None:
    guess(5)
    moment = AccessAttempt.objects.get().attempt_time
    guess(5)
    assert AccessAttempt.objects.get().attempt_time == moment

    AccessAttempt.objects.update(attempt_time=moment - timedelta(minutes=31))

    assert may_log_in()


def test_the_right_password_forgets_the_wrong_ones() -> None:
    guess(4)
    assert may_log_in()

    assert guess(4).status_code == 200


def test_changing_browser_cookies_or_spelling_is_no_way_around() -> None:
    for number in range(5):
        log_in(" carol " if number % 2 else "carol", headers={"User-Agent": f"browser {number}"})

    assert not may_log_in()


@pytest.mark.parametrize("command", ["axes_reset", f"axes_reset_ip_username {HERE} carol"])
def test_an_operator_can_unlock_an_account(command: str) -> None:
    guess(5)

    call_command(*command.split(), verbosity=0)

    assert may_log_in()


# From where --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "last"),
    [(0, 429), (1, 200)],
    ids=["made up, and not believed", "told by our own proxy"],
)
def test_an_address_is_believed_as_by_the_throttles(settings: Any, proxies: int, last: int) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}

    answers = [log_in(headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(6)]

    assert answers[-1] == last


def test_one_ipv6_network_counts_as_one_address() -> None:
    for number in range(5):
        log_in(at=f"2001:db8::{number}")

    assert not may_log_in(at="2001:db8::99")


@pytest.mark.parametrize("nowhere", ["", "unknown", "203.0.113.9:80"])
def test_what_is_no_address_is_counted_too(nowhere: str) -> None:
    guess(5, at=nowhere)

    assert not may_log_in(at=nowhere)


# Many names --------------------------------------------------------------------------------------------


def test_a_few_passwords_cannot_be_tried_on_every_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "log-in", "3/min")

    answers = [log_in(f"name-{n}") for n in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "Too many attempts to log in from your address." in answers[-1].content.decode()
    assert 0 < int(answers[-1]["Retry-After"]) <= 61
    assert may_log_in(at=ELSEWHERE)
    assert Client().get("/admin/login/", REMOTE_ADDR=HERE).status_code == 200


# What is kept ------------------------------------------------------------------------------------------


def test_no_password_is_kept_or_logged_not_even_in_the_place_of_a_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    log_in("carol", "a password in its place")
    log_in("a password in the wrong place", "")
    log_in("a password in the wrong place", "x")
    may_log_in()

    rows = [str(row) for model in (AccessAttempt, AccessLog) for row in model.objects.values()]
    told = caplog.text + "".join(rows)
    assert "AXES: New login failure by" in caplog.text
    assert f'ip_address: "{HERE}"' in caplog.text
    assert "a password in its place" not in told
    assert RIGHT not in told
    assert "a password in the wrong place" not in caplog.text


def test_who_logged_in_from_where_is_kept() -> None:
    may_log_in()

    assert [*AccessLog.objects.values_list("username", "ip_address")] == [("carol", HERE)]


# Getting in --------------------------------------------------------------------------------------------


def test_a_session_that_somebody_prepared_is_worth_nothing() -> None:
    client = Client()
    client.cookies["sessionid"] = "prepared-by-somebody"

    client.post("/admin/login/", {"username": "carol", "password": RIGHT, "next": INSIDE})

    assert client.get(INSIDE).status_code == 200
    assert client.cookies["sessionid"].value != "prepared-by-somebody"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", r"/\evil.example/"])
def test_nobody_is_led_away_after_logging_in(elsewhere: str) -> None:
    words = {"username": "carol", "password": RIGHT, "next": elsewhere}

    answer = Client().post("/admin/login/", words)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_the_admin_is_found_without_the_last_slash() -> None:
    answer = Client().get("/admin", follow=True)

    assert answer.redirect_chain == [("/admin/", 302), ("/admin/login/?next=/admin/", 302)]
    assert answer.status_code == 200
