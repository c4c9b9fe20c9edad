"""The shop's own settings, for a run of `tests.proofs.chaos`: many buyers come from one address here.

The addresses of the simulator are plain http, which only DEBUG lets pass; the shop itself runs without.
"""

from __future__ import annotations

import os

from pistore.settings import *  # noqa: F403
from pistore.settings import LOGGING, REST_FRAMEWORK, STORAGES

DEBUG = False

# Where `stocked` puts the files that are sold.
DOWNLOADS_ROOT = os.environ["DOWNLOADS_ROOT"]
STORAGES |= {"downloads": STORAGES["downloads"] | {"OPTIONS": {"location": DOWNLOADS_ROOT, "base_url": None}}}

RATES = "DEFAULT_THROTTLE_RATES"
REST_FRAMEWORK |= {RATES: dict.fromkeys(REST_FRAMEWORK[RATES], "60000/min")}
# Every call would be a line.
LOGGING["loggers"] = {"urllib3": {"level": "ERROR"}}
