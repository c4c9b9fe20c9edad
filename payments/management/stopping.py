"""Stopping a command cleanly: it finishes what it has begun, and begins nothing new."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Remembers that somebody asked us to stop. Check `wanted` between two pieces of work."""

    def __init__(self) -> None:
        self.wanted = False

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`, or until it is time to stop."""
        until = time.monotonic() + seconds
        while not self.wanted and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.wanted = True


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn SIGTERM and SIGINT (Ctrl-C) into a request to stop, inside the block."""
    stop = Stop()
    before = {number: signal.signal(number, stop._ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
