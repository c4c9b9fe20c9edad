"""System checks: settings that start, but would hurt a shop."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.core.checks import run_checks

from payments.checks import TAG
from tests.pistore.test_environment import REAL_SHOP, manage

KEY = "0123456789abcdef" * 8
POSTGRES = {"ENGINE": "django.db.backends.postgresql"}
SQLITE = {"ENGINE": "django.db.backends.sqlite3"}
SHARED = {"BACKEND": "django.core.cache.backends.db.DatabaseCache"}


GOOD_SHOP: dict[str, object] = {
    "DEBUG": False,
    "DATABASES": {"default": POSTGRES},
    "CACHES": {"default": SHARED},
    "ALLOWED_HOSTS": ["shop.example"],
    "ALLOWED_ORIGINS": ["https://frontend.example"],
    "PI_VALIDATION_KEY": KEY,
    "PI_NETWORK": "Pi Network",
    "PI_SDK_SANDBOX": False,
    "ORDER_HOLD_MINUTES": 15,
}

Found = Callable[..., list[str | None]]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """Return what the checks say about a good shop with these changes."""

    def run(*, deploy: bool = True, **changes: object) -> list[str | None]:
        monkeypatch.setattr("payments.checks.settings", SimpleNamespace(**GOOD_SHOP | changes))
        return [message.id for message in run_checks(tags=[TAG], include_deployment_checks=deploy)]

    return run


def test_a_good_shop_has_nothing_to_be_told(found: Found) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("setting", "value", "identifier"),
    [
        ("DATABASES", {"default": POSTGRES | {"ATOMIC_REQUESTS": True}}, "payments.E001"),
        ("DATABASES", {"default": POSTGRES, "other": {"ATOMIC_REQUESTS": True}}, "payments.E001"),
        ("ALLOWED_ORIGINS", ["https://frontend.example/"], "payments.E002"),
        ("ALLOWED_ORIGINS", ["https://frontend.example/shop"], "payments.E002"),
        ("ALLOWED_ORIGINS", ["frontend.example"], "payments.E002"),
        ("ALLOWED_ORIGINS", ["//frontend.example"], "payments.E002"),
        ("ALLOWED_ORIGINS", ["*"], "payments.E002"),
        ("ALLOWED_ORIGINS", [" https://frontend.example"], "payments.E002"),
        ("ALLOWED_ORIGINS", ["https://a.example", ""], "payments.E002"),
        ("ALLOWED_ORIGINS", ["http://frontend.example"], "payments.W006"),
        (
            "CACHES",
            {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
            "payments.W001",
        ),
        ("CACHES", {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}, "payments.W001"),
        ("PI_VALIDATION_KEY", KEY[1:], "payments.W002"),
        ("PI_VALIDATION_KEY", KEY + "0", "payments.W002"),
        ("PI_VALIDATION_KEY", "g" + KEY[1:], "payments.W002"),
        ("PI_VALIDATION_KEY", KEY + "\n", "payments.W002"),
        ("PI_SDK_SANDBOX", True, "payments.W003"),
        ("DATABASES", {"default": SQLITE}, "payments.W004"),
        ("ALLOWED_HOSTS", ["shop.example", "*"], "payments.W007"),
        ("ORDER_HOLD_MINUTES", 4, "payments.W005"),
        ("ORDER_HOLD_MINUTES", 121, "payments.W005"),
    ],
)
def test_what_would_hurt_is_told(found: Found, setting: str, value: object, identifier: str) -> None:
    assert found(**{setting: value}) == [identifier]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PI_VALIDATION_KEY", ""),
        ("PI_VALIDATION_KEY", KEY.upper()),
        ("ALLOWED_ORIGINS", []),
        ("ALLOWED_HOSTS", [".shop.example"]),
        ("ALLOWED_ORIGINS", ["https://a.example", "https://b.example:8443"]),
        ("ORDER_HOLD_MINUTES", 5),
        ("ORDER_HOLD_MINUTES", 120),
        ("CACHES", {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}),
        ("CACHES", {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache"}}),
        ("DATABASES", {"default": POSTGRES | {"ATOMIC_REQUESTS": False}}),
    ],
)
def test_what_does_not_hurt_is_not_told(found: Found, setting: str, value: object) -> None:
    assert found(**{setting: value}) == []


def test_the_sandbox_is_right_for_the_test_network(found: Found) -> None:
    assert found(PI_NETWORK="Pi Testnet", PI_SDK_SANDBOX=True) == []


def test_a_developers_frontend_needs_no_https(found: Found) -> None:
    assert found(DEBUG=True, ALLOWED_ORIGINS=["http://localhost:3314"]) == []


def test_the_demo_is_not_told_what_only_a_shop_needs(found: Found) -> None:
    unshared = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}

    demo = {"DATABASES": {"default": SQLITE}, "CACHES": {"default": unshared}, "ALLOWED_HOSTS": ["*"]}

    assert found(deploy=False, **demo) == []


def test_a_right_shop_passes_every_check_of_all_apps() -> None:
    shop = REAL_SHOP | {"CACHE_URL": "dbcache://pistore_cache", "PI_NETWORK": "Pi Network"}

    checked = manage("check --deploy --fail-level WARNING", shop)

    assert (checked.returncode, checked.stdout) == (0, "System check identified no issues (2 silenced).\n")
