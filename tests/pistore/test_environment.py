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
NO_URL = "{} is {!r}: set it to an address that starts with https://."
NO_NUMBER = "{} is {!r}: set it to a whole number, at least {}."
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
        (ENVIRONMENT, "PI_NETWORK", "π", "PI_NETWORK is 'π': set it to one of Pi Network, Pi Testnet."),
        (ENVIRONMENT, "PI_NETWORK", "", "PI_NETWORK is '': set it to one of Pi Network, Pi Testnet."),
        (ENVIRONMENT, "PI_WALLET_ADDRESS", "G123", NO_ADDRESS),
        (ENVIRONMENT, "PI_WALLET_ADDRESS", f"S{'A' * 55}", NO_ADDRESS),
        (REAL_SHOP, "PI_WALLET_ADDRESS", "", NO_ADDRESS),
        (ENVIRONMENT, "PI_API_URL", "api.minepi.com/v2", NO_URL.format("PI_API_URL", "api.minepi.com/v2")),
        (ENVIRONMENT, "PI_API_URL", "https://", NO_URL.format("PI_API_URL", "https:")),
        (REAL_SHOP, "PI_API_URL", "http://pi.example", NO_URL.format("PI_API_URL", "http://pi.example")),
        (REAL_SHOP, "PI_SDK_URL", "http://pi.example", NO_URL.format("PI_SDK_URL", "http://pi.example")),
        (REAL_SHOP, "PI_HORIZON_URL", "ftp://pi.it", NO_URL.format("PI_HORIZON_URL", "ftp://pi.it")),
        (ENVIRONMENT, "ORDER_HOLD_MINUTES", "0", NO_NUMBER.format("ORDER_HOLD_MINUTES", "0", 1)),
        (ENVIRONMENT, "ORDER_HOLD_MINUTES", "1.5", NO_NUMBER.format("ORDER_HOLD_MINUTES", "1.5", 1)),
        (ENVIRONMENT, "ORDER_HOLD_MINUTES", "", NO_NUMBER.format("ORDER_HOLD_MINUTES", "", 1)),
        (ENVIRONMENT, "PROXY_COUNT", "-1", NO_NUMBER.format("PROXY_COUNT", "-1", 0)),
        (ENVIRONMENT, "DATABASE_URL", "mysql://shop:secret@database.example/shop", NO_DATABASE),
        (ENVIRONMENT, "DATABASE_URL", "secret", NO_DATABASE),
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
