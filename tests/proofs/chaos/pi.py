"""The simulated Pi as the witnesses of `tests.proofs.promises` know it, but as a process of its own."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import requests

PAGE_SECONDS = 60


class PiProcess:
    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = self
        self.faults = self

    def move(self, *, seconds: float) -> None:
        """Move Pi's clock forward."""
        self._ask("POST", "/clock", {"seconds": seconds})

    def clear(self) -> None:
        """End all faults."""
        self._ask("POST", "/faults/clear", {})

    def payments(self) -> list[dict[str, Any]]:
        books: list[dict[str, Any]] = self._ask("GET", "/payments")["payments"]
        return books

    def record(self, identifier: str) -> None:
        self._ask("POST", f"/payments/{identifier}/record", {})

    def balance_of_the_shop(self) -> Decimal:
        return Decimal(self._ask("GET", "/state")["app"]["balance"])

    def stock_wallet(self, username: str, balance: str) -> None:
        self._ask("POST", "/pioneers", {"username": username, "balance": balance})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = requests.request(method, f"{self.url}/_control{path}", json=body, timeout=PAGE_SECONDS)
        response.raise_for_status()
        answer: dict[str, Any] = json.loads(response.text, parse_float=Decimal)
        return answer
