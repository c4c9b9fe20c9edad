"""Settings for the tests: those of the demo, with every variable named here, so that no `.env` leaks in.

DEBUG is read as true, because only then a plain http:// address is taken for Pi's servers; while the tests
run it is false, as in a real shop. `TEST_DATABASE` chooses `sqlite` (the default) or `postgres`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="pistore-tests-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

TEST_DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
# In the form scheme://user@//folder/name the host is a folder, the one with PostgreSQL's socket.
DATABASE_URLS = {
    "sqlite": f"sqlite:///{FOLDER}/pistore.sqlite3",
    "postgres": f"postgres://pistore@/{FOLDER}/postgres/pistore",
}

ENVIRONMENT = {
    "DEBUG": "true",
    "SECRET_KEY": "example-secret-key-for-the-tests-only",
    "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
    "ALLOWED_ORIGINS": "https://frontend.example",
    "PROXY_COUNT": "0",
    "DATABASE_URL": DATABASE_URLS[TEST_DATABASE],
    "CACHE_URL": "locmemcache://",
    "PI_API_URL": "http://pi.simulated/v2",
    "PI_SDK_URL": "http://localhost:8314/pi-sdk.js",
    "PI_SDK_SANDBOX": "true",
    "PI_HORIZON_URL": "http://pi.simulated/horizon",
    "PI_API_KEY": "example-api-key-for-the-tests-only",
    "PI_NETWORK": "Pi Testnet",
    "PI_WALLET_ADDRESS": "GB4ZUXDJKHCGXPBGLLAP3RWJVSVNFPJM2HKNGA3S6AM3IGMSCJZAMX5D",
    "PI_VALIDATION_KEY": "",
    "ORDER_HOLD_MINUTES": "15",
}
os.environ.update(ENVIRONMENT)

from pistore.settings import *  # noqa: E402, F403  (only now does it see the variables above)
from pistore.settings import DATABASES, LOGGING, STORAGES  # noqa: E402

DEBUG = False

if TEST_DATABASE == "sqlite":
    # A file, because threads that race cannot share a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": FOLDER / "test_pistore.sqlite3"}
else:
    # The pool of production, with room for 50 buyers at once.
    DATABASES["default"]["OPTIONS"]["pool"] |= {"max_size": 60}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

STATIC_ROOT = FOLDER / "static"
STATIC_ROOT.mkdir()  # whitenoise warns of a missing one
MEDIA_ROOT = FOLDER / "media"
DOWNLOADS_ROOT = FOLDER / "downloads"
STORAGES = STORAGES | {
    "downloads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DOWNLOADS_ROOT, "base_url": None},
    }
}

# pytest shows what was logged beside the test that failed; a passing run is silent.
LOGGING["root"] = {"handlers": [], "level": "INFO"}
