"""System checks: settings that work, but would harm a shop. `manage.py check --deploy` runs them all.

    payments.E001  ATOMIC_REQUESTS is on           Pi would be asked inside a transaction
    payments.E002  ALLOWED_ORIGINS is malformed    no frontend could call the API
    payments.W001  the cache is not shared         each process would throttle by itself
    payments.W002  PI_VALIDATION_KEY is malformed  Pi would not believe that the domain is ours
    payments.W003  mainnet in the sandbox          pages would talk to the sandbox, not to the Pi Browser
    payments.W004  SQLite                          one writer at a time
    payments.W005  ORDER_HOLD_MINUTES is odd       holds that are too short, or that block the stock
    payments.W006  ALLOWED_ORIGINS without https   access tokens could be read on the way
    payments.W007  ALLOWED_HOSTS holds a star      any visitor could choose the shop's name in links

Only Pi can say whether the settings are right: `manage.py pi_doctor` asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

TAG = "payments"
# Each process has its own.
UNSHARED_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
# In minutes. Buyers take one to three to sign; beyond two hours the stock is blocked for nothing.
SENSIBLE_HOLD = range(5, 121)


@register(TAG)
def check_transactions(**kwargs: Any) -> list[CheckMessage]:
    """Report ATOMIC_REQUESTS as an error, because every callback would fail with it."""
    return [
        Error(
            f"ATOMIC_REQUESTS is on for the database “{alias}”.",
            hint="Turn it off: Pi is never asked while a transaction is open.",
            id="payments.E001",
        )
        for alias, database in settings.DATABASES.items()
        if database.get("ATOMIC_REQUESTS")
    ]


@register(TAG)
def check_origins(**kwargs: Any) -> list[CheckMessage]:
    return list(_wrong_origins(settings.ALLOWED_ORIGINS))


@register(TAG)
def check_pi(**kwargs: Any) -> list[CheckMessage]:
    """Warn about odd settings for Pi, wherever the shop runs."""
    return [
        *_if(
            settings.PI_VALIDATION_KEY and not re.fullmatch("[0-9a-fA-F]{128}", settings.PI_VALIDATION_KEY),
            "PI_VALIDATION_KEY is not what Pi's developer portal shows.",
            "Copy the 128 characters, 0-9 and a-f, with nothing around them.",
            "payments.W002",
        ),
        *_if(
            settings.PI_NETWORK == "Pi Network" and settings.PI_SDK_SANDBOX,
            "PI_SDK_SANDBOX is on for a shop on mainnet.",
            "Turn it off: in the Pi Browser, pages would wait for the sandbox and do nothing.",
            "payments.W003",
        ),
        *_if(
            settings.ORDER_HOLD_MINUTES not in SENSIBLE_HOLD,
            f"ORDER_HOLD_MINUTES is {settings.ORDER_HOLD_MINUTES}.",
            f"Set {SENSIBLE_HOLD[0]} to {SENSIBLE_HOLD[-1]}: buyers need a few minutes to sign, and long "
            "holds block your stock.",
            "payments.W005",
        ),
    ]


@register(TAG, deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Warn about what is fine for a demo, but not for a shop."""
    return [
        *_if(
            settings.CACHES["default"]["BACKEND"].endswith(UNSHARED_CACHES),
            "The cache is not shared between processes.",
            "Set CACHE_URL to a shared one, like dbcache://pistore_cache: requests are counted there.",
            "payments.W001",
        ),
        *_if(
            settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"),
            "The database is SQLite.",
            "Set DATABASE_URL to PostgreSQL for a shop that more than a few people use at once.",
            "payments.W004",
        ),
        *_if(
            "*" in settings.ALLOWED_HOSTS,
            "ALLOWED_HOSTS allows every name.",
            "Name the shop's own, like shop.example,www.shop.example: links use the requested name.",
            "payments.W007",
        ),
    ]


def _wrong_origins(origins: list[str]) -> Iterator[CheckMessage]:
    for origin in origins:
        parts = urlsplit(origin)
        if not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            yield Error(
                f"ALLOWED_ORIGINS holds {origin!r}, which is not an origin.",
                hint="Write https://frontend.example: no path, no slash at the end, no star.",
                id="payments.E002",
            )
        elif parts.scheme != "https" and not settings.DEBUG:
            yield checks.Warning(
                f"ALLOWED_ORIGINS holds {origin!r}, which is not https.",
                hint="Buyers' access tokens would travel where others can read them.",
                id="payments.W006",
            )


def _if(wrong: Any, text: str, hint: str, identifier: str) -> Iterator[CheckMessage]:
    if wrong:
        yield checks.Warning(text, hint=hint, id=identifier)
