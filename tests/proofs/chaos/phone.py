"""A buyer's phone: the shop's page in it speaks to the shop, the wallet and the SDK speak to Pi.

Whatever the shop answers is remembered: an answer is a promise, and must be true in the end.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

# What the SDK waits for an answer before it calls again, and a little more.
SECONDS_TO_ANSWER = 12

NO_ANSWER = 0
EXPECTED = frozenset({NO_ANSWER, 200, 201, 404, 409, 503})

Answer = tuple[int, dict[str, Any]]


@dataclass
class Memory:
    """What all buyers together have been told."""

    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    orders: dict[str, str] = field(default_factory=dict)  # the key of the tap -> the reference answered
    completed: set[str] = field(default_factory=set)  # identifiers
    sold_out: int = 0
    payments_begun: int = 0
    slowest: tuple[float, str] = (0, "none")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, status: int, answer: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        with self.lock:
            self.answers[status] += 1
            if status not in EXPECTED:
                self.wrong.append(f"{what} was answered {status}: {answer}")
            if status == 503 and "Retry-After" not in headers:
                self.wrong.append(f"{what} was answered 503 without Retry-After")
            self.sold_out += answer.get("error") == "out_of_stock"

    def ordered(self, tap: str, reference: str) -> None:
        with self.lock:
            before = self.orders.setdefault(tap, reference)
            if before != reference:
                self.wrong.append(f"one tap was answered with two orders, {before} and {reference}")

    def told_completed(self, identifier: str) -> None:
        with self.lock:
            self.completed.add(identifier)


class Phone:
    """Speaks as the page and as the SDK do, and gets no exception: no answer is the status 0."""

    def __init__(self, username: str, *, shop_url: str, pi_url: str, memory: Memory) -> None:
        self.username, self.memory = username, memory
        self.shop_url, self.pi_url = shop_url, pi_url
        self.token = self.access_token = ""

    # The page and the shop

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> Answer:
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self._shop("POST", path, body, headers)

    def get(self, path: str) -> Answer:
        return self._shop("GET", path, None, {"Authorization": f"Bearer {self.token}"} if self.token else {})

    def look_at(self, page: str) -> None:
        """Load a page for people; only the status is remembered."""
        try:
            response = requests.get(self.shop_url + page, timeout=SECONDS_TO_ANSWER)
        except requests.RequestException:
            self.memory.note(f"GET {page}", NO_ANSWER, {}, {})
        else:
            self.memory.note(f"GET {page}", response.status_code, {}, response.headers)

    def _shop(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> Answer:
        try:
            response = requests.request(
                method, self.shop_url + path, json=body, headers=headers, timeout=SECONDS_TO_ANSWER
            )
        except requests.RequestException:
            self.memory.note(f"{method} {path}", NO_ANSWER, {}, {})
            return NO_ANSWER, {}
        answer = parse(response.text)
        self.memory.note(f"{method} {path}", response.status_code, answer, response.headers)
        took = (response.elapsed.total_seconds(), f"{method} {path}: {response.status_code}")
        with self.memory.lock:
            self.memory.slowest = max(self.memory.slowest, took)
        return response.status_code, answer

    # The SDK and the wallet

    def pi(self, path: str, body: Mapping[str, Any] | None = None, *, method: str = "POST") -> Answer:
        """Send what the SDK asks of Pi. Pi's faults spare it, as they spare every browser."""
        headers = {"Origin": "http://localhost", "Authorization": f"Bearer {self.access_token}"}
        return self._ask(method, "/v2" + path, body, headers)

    def wallet(self, path: str, body: Mapping[str, Any] | None = None, *, method: str = "POST") -> Answer:
        """Send what the buyer does in the wallet."""
        return self._ask(method, "/_control" + path, body or {}, {})

    def record_of(self, identifier: str) -> dict[str, bool]:
        """Return the flags of the payment at Pi, as the SDK sees them; empty when Pi does not answer."""
        _, shown = self.wallet(f"/payments/{identifier}", method="GET")
        flags: dict[str, bool] = shown.get("status", {})
        return flags

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, headers: dict[str, str]) -> Answer:
        try:
            response = requests.request(
                method, self.pi_url + path, json=body, headers=headers, timeout=SECONDS_TO_ANSWER
            )
        except requests.RequestException:
            return NO_ANSWER, {}
        return response.status_code, parse(response.text)


def parse(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {"error": f"not JSON: {text[:200]!r}"}
    return answer if isinstance(answer, dict) else {"error": f"not an object: {text[:200]!r}"}
