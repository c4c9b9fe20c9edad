"""Reading the environment once, and refusing to start on a value that would hurt later."""

from __future__ import annotations

import re
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

EXAMPLE = "example-"
PI_NETWORKS = ("Pi Network", "Pi Testnet")


def secret(env: environ.Env, name: str, *, debug: bool) -> str:
    """Return the secret `name`.

    Raises ImproperlyConfigured when it is missing, or when the published example would guard a real shop.
    """
    value = str(env.str(name, default="")).strip()
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set: put it in the environment or in .env (copy .env.example to start the demo)."
        )
    if value.startswith(EXAMPLE) and not debug:
        raise ImproperlyConfigured(
            f"{name} is still the published example: set a secret of your own before running without DEBUG."
        )
    return value


def one_of(env: environ.Env, name: str, choices: tuple[str, ...], default: str) -> str:
    """Return `name`, which must be one of `choices`. Raises ImproperlyConfigured otherwise."""
    value = str(env.str(name, default=default))
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}: set it to one of {', '.join(choices)}.")
    return value


def address(env: environ.Env, name: str, *, debug: bool, default: str) -> str:
    """Return a Pi wallet address (G and 55 characters of base32); outside DEBUG it must be set by name."""
    value = str(env.str(name, default=default if debug else ""))
    if not re.fullmatch(r"G[A-Z2-7]{55}", value):
        raise ImproperlyConfigured(
            f"{name} is not a Pi wallet address: set it to the public address (G…) of the app's wallet."
        )
    return value


def url(env: environ.Env, name: str, *, debug: bool, default: str) -> str:
    """Return an http(s) address without its trailing slash; outside DEBUG only https is taken."""
    value = str(env.str(name, default=default)).rstrip("/")
    if not value.startswith(("https://", "http://") if debug else "https://"):
        raise ImproperlyConfigured(f"{name} is {value!r}: set it to an address that starts with https://.")
    return value


def positive(env: environ.Env, name: str, default: int) -> int:
    """Return a whole number above zero. Raises ImproperlyConfigured otherwise."""
    text = str(env.str(name, default=str(default)))
    if not text.isdecimal() or int(text) == 0:
        raise ImproperlyConfigured(f"{name} is {text!r}: set it to a whole number above zero.")
    return int(text)


def database(env: environ.Env, default: str) -> dict[str, Any]:
    """Return Django's settings for DATABASE_URL, tuned so that two buyers at once never collide."""
    config: dict[str, Any] = env.db_url("DATABASE_URL", default=default)
    options = config.setdefault("OPTIONS", {})
    if "sqlite" in config["ENGINE"]:
        # A read followed by a write fails at once ("database is locked") unless the write lock is
        # taken first; FULL, because a payment that was answered must survive a power cut.
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    elif "postgresql" in config["ENGINE"]:
        options["pool"] = {"min_size": 1, "max_size": 16, "timeout": 10}
        config["CONN_HEALTH_CHECKS"] = True
    return config
