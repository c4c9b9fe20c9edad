"""Settings for the tests of mutants: SQLite in memory, because two workers run beside each other."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["TEST"] = {"NAME": None}
