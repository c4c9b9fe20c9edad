"""How the log is written: one line for each entry, whatever somebody put into it, and no links to downloads,
which would work for anybody who reads it."""

from __future__ import annotations

import logging
import re

# Signed, with colons between its parts. Django logs the address of whatever fails, also in tracebacks.
DOWNLOAD_LINK = re.compile(r"(?<=downloads/)[^\s:]*:\S+")


class OneLineFormatter(logging.Formatter):
    """Escapes control characters, so that nobody can forge a line of the log; tracebacks keep their line
    breaks. Download links are left out."""

    def format(self, record: logging.LogRecord) -> str:
        return DOWNLOAD_LINK.sub("…", super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's word)
        line = super().formatMessage(record)
        return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
