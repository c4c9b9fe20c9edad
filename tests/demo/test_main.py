"""`make run`: what it prepares, what it starts, and when it refuses to start."""

from __future__ import annotations

import socket
import sys

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from demo import __main__ as demo
from demo.supervisor import Program


def test_a_real_shop_is_refused() -> None:
    with pytest.raises(SystemExit) as refusal:
        demo.main()

    assert refusal.value.code == (
        "This would add the demo's products and accounts to a real shop:"
        " set DEBUG=true in .env, or see docs/going-live.md."
    )


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(demo.NotStarted) as refusal:
            demo.refuse_a_taken_port("PI_PORT", "localhost", port)

    assert str(refusal.value) == (
        f"Port {port} is in use: stop the program that listens there, or choose another port, as in:"
        f" make run PI_PORT={port + 1}"
    )


def test_a_free_port_is_not_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    demo.refuse_a_taken_port("PORT", "127.0.0.1", port)


def test_a_port_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")

    with pytest.raises(SystemExit) as refusal:
        demo.main()

    assert refusal.value.code == "PORT is no such number: set it to a whole one, at least 1."


def log_in(name: str, password: str) -> str:
    """Log in, and return where the answer redirects to."""
    words = {"username": name, "password": password, "next": "/admin/"}
    return Client().post("/admin/login/", words).headers.get("Location", "nowhere")


@pytest.mark.django_db
def test_the_staff_can_log_in_with_the_password_that_is_shown() -> None:
    demo.open_accounts()

    for name in demo.STAFF:
        assert log_in(name, demo.STAFF_PASSWORD) == "/admin/"
        assert name in demo.banner(8000, 8314)
    assert f"the password {demo.STAFF_PASSWORD})" in demo.banner(8000, 8314)


@pytest.mark.django_db
def test_an_account_keeps_its_changed_password() -> None:
    demo.open_accounts()
    staff = get_user_model().objects.get(username="staff")
    staff.set_password("my own password")
    staff.save()

    demo.open_accounts()

    assert log_in("staff", "my own password") == "/admin/"


def test_the_shop_and_the_simulator_know_each_others_address() -> None:
    wallet = "GB4ZUXDJKHCGXPBGLLAP3RWJVSVNFPJM2HKNGA3S6AM3IGMSCJZAMX5D"
    simulator = [
        *("-m", "pi_simulator", "--host", "localhost", "--port", "9314"),
        *("--shop", "http://127.0.0.1:9000/", "--network", "Pi Testnet"),
        *("--api-key", "example-api-key-for-the-tests-only", "--wallet", wallet),
    ]

    assert demo.programs(9000, 9314) == [
        Program("simulator", [sys.executable, *simulator], 9314),
        Program("shop", [sys.executable, "manage.py", "runserver", "127.0.0.1:9000"], 9000),
        Program("reconciliation", [sys.executable, "manage.py", "reconcile_payments", "--loop", "15"]),
    ]
    assert demo.addresses(9314) == {
        "PI_API_URL": "http://localhost:9314/v2",
        "PI_SDK_URL": "http://localhost:9314/pi-sdk.js",
        "PI_HORIZON_URL": "http://localhost:9314/horizon",
    }
