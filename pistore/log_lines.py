"""How the log is written: what is logged stands on one line, whatever somebody put into it."""

from __future__ import annotations

import logging


class OneLine(logging.Formatter):
    """Spells out control characters, so that nobody makes up lines of the log; tracebacks keep theirs."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's word)
        line = super().formatMessage(record)
        return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
