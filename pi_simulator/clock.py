"""The simulator's time: real time plus an offset, which only grows while a story is told."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

MAX_STEP = timedelta(days=3650)


class Clock:
    """Tells UTC. Moving it lets an hour pass at Pi without anybody waiting for it."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The present moment at Pi, as an aware UTC datetime."""
        return datetime.now(UTC) + self._offset

    def move(self, *, seconds: float) -> datetime:
        """Let that many seconds pass and say what time it is then. Only a
        checkpoint brings the old time back."""
        step = timedelta(seconds=seconds)
        if not timedelta() <= step <= MAX_STEP:
            raise ValueError("Pi's clock only moves forward, ten years at most.")
        with self._lock:
            self._offset += step
        return self.now()

    @property
    def offset(self) -> float:
        """How far ahead of real time this clock is, in seconds."""
        return self._offset.total_seconds()

    def reset(self, offset: float) -> None:
        """Go back to where a checkpoint was taken, so many seconds ahead of real time."""
        with self._lock:
            self._offset = timedelta(seconds=offset)
