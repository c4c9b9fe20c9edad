"""The simulator's time: real time plus an offset that can only grow."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

MAX_STEP = timedelta(days=3650)


class Clock:
    """A clock in UTC. Moving it lets an hour pass at Pi without anybody waiting."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the current time at Pi, as an aware UTC datetime."""
        return datetime.now(UTC) + self._offset

    def move(self, *, seconds: float) -> datetime:
        """Let that many seconds pass, and return the new time. Only a checkpoint can go back.

        Raise ValueError for a negative number of seconds, or more than ten years.
        """
        step = timedelta(seconds=seconds)
        if not timedelta() <= step <= MAX_STEP:
            raise ValueError("Pi's clock only moves forward, ten years at most.")
        with self._lock:
            self._offset += step
        return self.now()

    @property
    def offset(self) -> float:
        """How far this clock is ahead of real time, in seconds."""
        return self._offset.total_seconds()

    def reset(self, offset: float) -> None:
        """Set the offset in seconds, as a checkpoint has saved it."""
        with self._lock:
            self._offset = timedelta(seconds=offset)
