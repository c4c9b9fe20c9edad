"""The pace of commands that make many calls to Pi or its chain in a row."""

from __future__ import annotations

import time

# At most five calls a second: the buyers' payments come first.
SECONDS_BETWEEN_CALLS = 0.2


def pause() -> None:
    """Wait before the next call."""
    time.sleep(SECONDS_BETWEEN_CALLS)
