"""The shop's own settings, for a run of `tests.chaos`: many buyers come from one address here.

The addresses of the simulator are plain http, which only DEBUG lets pass; the shop itself runs without.
"""

from __future__ import annotations

from pistore.settings import *  # noqa: F403
from pistore.settings import LOGGING, REST_FRAMEWORK

DEBUG = False

RATES = "DEFAULT_THROTTLE_RATES"
REST_FRAMEWORK |= {RATES: dict.fromkeys(REST_FRAMEWORK[RATES], "60000/min")}
# Every call would be a line.
LOGGING["loggers"] = {"urllib3": {"level": "ERROR"}}
