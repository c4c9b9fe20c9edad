"""Read the environment, and refuse to start with a value that would cause trouble later."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from payments.pi.formats import WALLET

EXAMPLE = "example-"
DATABASES = ("sqlite:///", "postgres://", "postgresql://")
PI_NETWORKS = ("Pi Network", "Pi Testnet")
FLAGS = {
    "true": True,
    "on": True,
    "yes": True,
    "1": True,
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}


def secret(env: environ.Env, name: str, *, debug: bool) -> str:
    """Return the secret `name`.

    Raise ImproperlyConfigured if it is missing, or if a real shop still has the published example.
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
    """Return `name`, which must be one of `choices`. Raise ImproperlyConfigured otherwise."""
    value = str(env.str(name, default=default))
    if value not in choices:
        raise ImproperlyConfigured(f"{name} has an unknown value: set it to one of {', '.join(choices)}.")
    return value


def address(env: environ.Env, name: str, *, debug: bool, default: str) -> str:
    """Return a Pi wallet address (G and 55 characters of base32); outside DEBUG it has no default."""
    value = str(env.str(name, default=default if debug else ""))
    if not re.fullmatch(WALLET, value):
        raise ImproperlyConfigured(
            f"{name} is not a Pi wallet address: set it to the public address (G…) of the app's wallet."
        )
    return value


def url(env: environ.Env, name: str, *, debug: bool, default: str) -> str:
    """Return an http(s) address without its trailing slash; outside DEBUG only https is accepted."""
    value = str(env.str(name, default=default)).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in ({"https", "http"} if debug else {"https"}) or not parts.hostname:
        raise ImproperlyConfigured(f"{name} is no such address: set it to one that starts with https://.")
    return value


def number(env: environ.Env, name: str, *, default: int, at_least: int = 1) -> int:
    """Return a whole number. Raise ImproperlyConfigured for anything else, or if it is too small."""
    text = str(env.str(name, default=str(default)))
    if not text.isdecimal() or int(text) < at_least:
        raise ImproperlyConfigured(f"{name} is no such number: set it to a whole one, at least {at_least}.")
    return int(text)


def flag(env: environ.Env, name: str, *, default: bool) -> bool:
    """Return whether `name` is switched on. Raise ImproperlyConfigured for what is neither on nor off."""
    text = str(env.str(name, default=str(default))).lower()
    if text not in FLAGS:
        raise ImproperlyConfigured(f"{name} is neither on nor off: set it to true or false.")
    return FLAGS[text]


def hosts(env: environ.Env, name: str, *, default: str) -> list[str]:
    """Return host names from a list with commas. Raise ImproperlyConfigured for addresses and ports."""
    names = [host.strip() for host in str(env.str(name, default=default)).split(",") if host.strip()]
    if any(re.search(r"[/\s]|:\d*$", host) for host in names):
        raise ImproperlyConfigured(f"{name} lists host names alone: leave out https://, ports and paths.")
    return names


def cache(env: environ.Env, *, default: str) -> dict[str, Any]:
    """Return Django's settings for CACHE_URL. Raise ImproperlyConfigured for a kind that we do not know."""
    try:
        config: dict[str, Any] = env.cache_url("CACHE_URL", default=default)
    except (ImproperlyConfigured, ValueError):  # whose text may quote a password
        raise ImproperlyConfigured(
            "CACHE_URL names no cache that we know: set it to dbcache://table or redis://host:6379/0."
        ) from None
    return config


def database(env: environ.Env, *, default: str, base: Path) -> dict[str, Any]:
    """Return Django's settings for DATABASE_URL, tuned so that two buyers at once never collide.

    A relative path to a SQLite file starts at `base`: a command that cron starts elsewhere must not open
    another, empty database.
    """
    location = str(env.str("DATABASE_URL", default=default))
    if not location.startswith(DATABASES):
        raise ImproperlyConfigured(
            "DATABASE_URL names no database that we know: set it to sqlite:///folder/file or"
            " postgres://user:password@host/name."
        )
    try:
        config: dict[str, Any] = environ.Env.db_url_config(location)
    except ValueError:  # its text may quote the password
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read: write special characters of user and password as %XX."
        ) from None
    options = config.setdefault("OPTIONS", {})
    if "sqlite" in config["ENGINE"]:
        config["NAME"] = base / config["NAME"]
        config["NAME"].parent.mkdir(parents=True, exist_ok=True)
        # A read followed by a write fails at once ("database is locked") unless the write lock is
        # taken first; FULL, because a payment that was answered must survive a power cut.
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    else:
        # By default the pool doubles its pauses for minutes while the database is down, and would keep the
        # shop down for as long again. Once it has given up, the next request tries at once.
        options["pool"] = {"min_size": 1, "max_size": 16, "timeout": 3, "reconnect_timeout": 3}
        config["CONN_HEALTH_CHECKS"] = True
    return config
