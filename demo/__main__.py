"""`make run`: prepare the demo, then run the shop beside a simulated Pi until Ctrl-C.

The shop runs under `runserver`, not gunicorn: it serves each request in its own thread, takes static files
straight from the source tree, and shows an edited page or template on the next reload.
"""

from __future__ import annotations

import os
import socket
import sys

import django
import environ
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections

from demo.supervisor import Program, ProgramEnded, run
from pistore import environment

# Two, because one requests a refund and another approves it.
STAFF = ("staff", "colleague")
STAFF_PASSWORD = "pistore-demo"  # noqa: S105  (only the demo's, and shown to whoever starts it)

BANNER = """
  The phone  http://localhost:{pi_port}/   (a Pi Browser, with test-Pi to spend)
  The shop   http://127.0.0.1:{port}/
  The admin  http://127.0.0.1:{port}/admin/   (log in as {staff} with the password {password})

  Ctrl-C stops everything.
"""


class NotStarted(Exception):
    """The demo cannot start; the message says in one sentence what to do about it."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pistore.settings")
    try:
        start()
    except (ImproperlyConfigured, NotStarted, ProgramEnded) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("Stopped before the demo was ready.")


def start() -> None:
    """Prepare the demo and run it until a signal asks to stop."""
    port = environment.number(environ.Env(), "PORT", default=8000)
    pi_port = environment.number(environ.Env(), "PI_PORT", default=8314)
    refuse_a_real_shop()
    refuse_a_taken_port("PORT", "127.0.0.1", port)
    refuse_a_taken_port("PI_PORT", "localhost", pi_port)
    prepare()
    os.environ.update(addresses(pi_port), PYTHONUNBUFFERED="1", DJANGO_RUNSERVER_HIDE_WARNING="true")
    run(programs(port, pi_port), announce=lambda: print(banner(port, pi_port), flush=True))


def refuse_a_real_shop() -> None:
    if not settings.DEBUG:
        raise NotStarted(
            "This would add the demo's products and accounts to a real shop:"
            " set DEBUG=true in .env, or see docs/going-live.md."
        )


def refuse_a_taken_port(name: str, host: str, port: int) -> None:
    """Raise NotStarted if something listens on the port, on any address that `host` resolves to."""
    for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            if probe.connect_ex(address) == 0:
                raise NotStarted(
                    f"Port {port} is in use: stop the program that listens there, or choose another port,"
                    f" as in: make run {name}={port + 1}"
                )


def prepare() -> None:
    """Migrate the database, then add the products and accounts that are missing; leave the rest as it is."""
    print("Preparing the database …", flush=True)
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_demo_catalogue", verbosity=0)
    open_accounts()
    connections.close_all()


def open_accounts() -> None:
    users = get_user_model().objects
    for name in STAFF:
        if not users.filter(username=name).exists():
            users.create_superuser(name, password=STAFF_PASSWORD)


def addresses(pi_port: int) -> dict[str, str]:
    """Return the settings that point the shop at the simulator, whatever `.env` says."""
    pi = f"http://localhost:{pi_port}"
    return {"PI_API_URL": f"{pi}/v2", "PI_SDK_URL": f"{pi}/pi-sdk.js", "PI_HORIZON_URL": f"{pi}/horizon"}


def programs(port: int, pi_port: int) -> list[Program]:
    simulator = [
        *("-m", "pi_simulator", "--host", "localhost", "--port", str(pi_port)),
        *("--shop", f"http://127.0.0.1:{port}/", "--network", settings.PI_NETWORK),
        *("--api-key", settings.PI_API_KEY, "--wallet", settings.PI_WALLET_ADDRESS),
    ]
    return [
        Program("simulator", [sys.executable, *simulator], pi_port),
        Program("shop", [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}"], port),
        Program("reconciliation", [sys.executable, "manage.py", "reconcile_payments", "--loop", "15"]),
    ]


def banner(port: int, pi_port: int) -> str:
    return BANNER.format(port=port, pi_port=pi_port, staff=" or ".join(STAFF), password=STAFF_PASSWORD)


if __name__ == "__main__":
    main()
