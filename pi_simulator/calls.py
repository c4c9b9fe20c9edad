"""A record of the calls that servers and browsers made to Pi."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_CALLS = 10_000
"""Older calls are forgotten, so that a long demonstration does not fill the memory."""

_PAYMENT = re.compile(r"/v2/payments/(?P<id>[^/]+)")
_NOT_AN_IDENTIFIER = {"user_to_app", "incomplete", "incomplete_server_payments"}


@dataclass(slots=True)
class Call:
    """One request that reached Pi.

    `status` is None until Pi has answered, and stays what Pi answered when the answer was lost.
    `identifier` is empty where the path names no payment.
    """

    method: str
    path: str
    status: int | None = None
    identifier: str = ""


Hook = Callable[[Call], object]


def call_of(method: str, path: str) -> Call:
    """Return the record of a request that has just arrived."""
    match = _PAYMENT.match(path)
    identifier = match.group("id") if match else ""
    return Call(method, path, None, "" if identifier in _NOT_AN_IDENTIFIER else identifier)
