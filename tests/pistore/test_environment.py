"""A wrong setting stops the start with one sentence; the settings of a real shop pass Django's own check."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.settings import ENVIRONMENT

ROOT = Path(__file__).parent.parent.parent

REAL_SHOP = ENVIRONMENT | {
    "DEBUG": "false",
    "SECRET_KEY": "k7!fV2p-9sQx@wLr4#tYb8zDn1&hGj6mC3uEa5oRiW0yKqTvXs",
    "ALLOWED_HOSTS": "shop.example",
    "DATABASE_URL": "postgres://pistore:secret@database.example/pistore",
    "PI_API_URL": "https://api.minepi.com/v2",
    "PI_SDK_URL": "https://sdk.minepi.com/pi-sdk.js",
    "PI_SDK_SANDBOX": "false",
    "PI_HORIZON_URL": "https://api.testnet.minepi.com",
    "PI_API_KEY": "a-key-from-the-developer-portal",
}

A_SECRET_IS_MISSING = (
    "{} is not set: put it in the environment or in .env (copy .env.example to start the demo)."
)
A_SECRET_IS_PUBLIC = (
    "{} is still the published example: set a secret of your own before running without DEBUG."
)
NO_ADDRESS = (
    "PI_WALLET_ADDRESS is not a Pi wallet address: set it to the public address (G…) of the app's wallet."
)
NO_URL = "{} is no such address: set it to one that starts with https://."
NO_NUMBER = "{} is no such number: set it to a whole one, at least {}."
NO_NETWORK = "PI_NETWORK has an unknown value: set it to one of Pi Network, Pi Testnet."
NO_FLAG = "{} is neither on nor off: set it to true or false."
NO_HOST = "ALLOWED_HOSTS lists host names alone: leave out https://, ports and paths."
NO_CACHE = "CACHE_URL names no cache that we know: set it to dbcache://table or redis://host:6379/0."
UNREADABLE_DATABASE = "DATABASE_URL cannot be read: write special characters of user and password as %XX."
NO_DATABASE = (
    "DATABASE_URL names no database that we know: set it to sqlite:///folder/file or"
    " postgres://user:password@host/name."
)


def settings_with(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> dict[str, Any]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "pistore" / "settings.py"))


def manage(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *command.split(), "--settings", "pistore.settings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("shop", "name", "value", "sentence"),
    [
        (ENVIRONMENT, "SECRET_KEY", "", A_SECRET_IS_MISSING.format("SECRET_KEY")),
        (ENVIRONMENT, "SECRET_KEY", "  ", A_SECRET_IS_MISSING.format("SECRET_KEY")),
        (ENVIRONMENT, "PI_API_KEY", "", A_SECRET_IS_MISSING.format("PI_API_KEY")),
        (REAL_SHOP, "PI_API_KEY", "", A_SECRET_IS_MISSING.format("PI_API_KEY")),
        (REAL_SHOP, "SECRET_KEY", "example-secret", A_SECRET_IS_PUBLIC.format("SECRET_KEY")),
        (REAL_SHOP, "PI_API_KEY", "example-key", A_SECRET_IS_PUBLIC.format("PI_API_KEY")),
        (ENVIRONMENT, "PI_NETWORK", "π", NO_NETWORK),
        (ENVIRONMENT, "PI_NETWORK", "", NO_NETWORK),
        (ENVIRONMENT, "PI_WALLET_ADDRESS", "G123", NO_ADDRESS),
        (ENVIRONMENT, "PI_WALLET_ADDRESS", f"S{'A' * 55}", NO_ADDRESS),
        (REAL_SHOP, "PI_WALLET_ADDRESS", "", NO_ADDRESS),
        (ENVIRONMENT, "PI_API_URL", "api.minepi.com/v2", NO_URL.format("PI_API_URL")),
        (ENVIRONMENT, "PI_API_URL", "https://", NO_URL.format("PI_API_URL")),
        (REAL_SHOP, "PI_API_URL", "http://pi.example", NO_URL.format("PI_API_URL")),
        (REAL_SHOP, "PI_SDK_URL", "http://pi.example", NO_URL.format("PI_SDK_URL")),
        (REAL_SHOP, "PI_HORIZON_URL", "ftp://pi.it", NO_URL.format("PI_HORIZON_URL")),
        (ENVIRONMENT, "ORDER_HOLD_MINUTES", "0", NO_NUMBER.format("ORDER_HOLD_MINUTES", 1)),
        (ENVIRONMENT, "ORDER_HOLD_MINUTES", "1.5", NO_NUMBER.format("ORDER_HOLD_MINUTES", 1)),
        (ENVIRONMENT, "ORDER_HOLD_MINUTES", "", NO_NUMBER.format("ORDER_HOLD_MINUTES", 1)),
        (ENVIRONMENT, "PROXY_COUNT", "-1", NO_NUMBER.format("PROXY_COUNT", 0)),
        (ENVIRONMENT, "DATABASE_URL", "mysql://shop:secret@database.example/shop", NO_DATABASE),
        (ENVIRONMENT, "DATABASE_URL", "secret", NO_DATABASE),
        (ENVIRONMENT, "DATABASE_URL", "postgres://shop:secret@host:secret/shop", UNREADABLE_DATABASE),
        (ENVIRONMENT, "DEBUG", "ture", NO_FLAG.format("DEBUG")),
        (ENVIRONMENT, "PI_SDK_SANDBOX", "", NO_FLAG.format("PI_SDK_SANDBOX")),
        (ENVIRONMENT, "ALLOWED_HOSTS", "https://shop.example", NO_HOST),
        (ENVIRONMENT, "ALLOWED_HOSTS", "shop.example, shop.example:8443", NO_HOST),
        (ENVIRONMENT, "CACHE_URL", "reddis://:secret@host", NO_CACHE),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, shop: dict[str, str], name: str, value: str, sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as problem:
        settings_with(monkeypatch, shop | {name: value})

    assert str(problem.value) == sentence


@pytest.mark.parametrize("command", ["check", "migrate", "runserver --noreload"])
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", "", A_SECRET_IS_MISSING.format("SECRET_KEY")),
        ("PI_API_KEY", "example-api-key", A_SECRET_IS_PUBLIC.format("PI_API_KEY")),
    ],
)
def test_a_command_ends_with_the_sentence_and_no_traceback(
    command: str, name: str, value: str, sentence: str
) -> None:
    ended = manage(command, REAL_SHOP | {name: value})

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{sentence}\n")
