"""How the log is written: what is logged stands on one line, whatever somebody put into it, and no link that
works for whoever reads it."""

from __future__ import annotations

import logging
import re

# Signed, with colons between its parts. Django names the address of whatever fails, also in tracebacks.
DOWNLOAD_LINK = re.compile(r"(?<=downloads/)[^\s:]*:\S+")


class OneLine(logging.Formatter):
    """Spell out control characters, so that nobody makes up lines of the log; tracebacks keep theirs. Leave
    out the links of downloads."""

    def format(self, record: logging.LogRecord) -> str:
        return DOWNLOAD_LINK.sub("…", super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's word)
        line = super().formatMessage(record)
        return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
