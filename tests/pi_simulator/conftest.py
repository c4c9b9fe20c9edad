"""A simulated Pi, a pioneer, and a shop's server that calls Pi through `requests`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests

from pi_simulator import Pioneer, Simulator

Answer = tuple[int, Any]


class Shop:
    """Asks the simulator as a shop's server does, and reads amounts as Decimals."""

    def __init__(self, pi: Simulator) -> None:
        self.base = pi.url
        self.session = requests.Session()
        self.session.mount("http://pi.simulated", pi.adapter())
        self.session.headers["Authorization"] = f"Key {pi.api_key}"

    def get(self, path: str, **options: Any) -> Answer:
        return self._read(self.session.get(self.base + path, **options))

    def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        return self._read(self.session.post(self.base + path, json=json, **options))

    def payment(self, identifier: str) -> Answer:
        return self.get(f"/payments/{identifier}")

    def approve(self, identifier: str, **options: Any) -> Answer:
        return self.post(f"/payments/{identifier}/approve", **options)

    def complete(self, identifier: str, txid: str) -> Answer:
        return self.post(f"/payments/{identifier}/complete", {"txid": txid})

    def cancel(self, identifier: str) -> Answer:
        return self.post(f"/payments/{identifier}/cancel")

    def code_of(self, answer: Answer) -> tuple[int, str]:
        """Return status and error code of a refusal."""
        return answer[0], answer[1]["error"]

    def _read(self, response: requests.Response) -> Answer:
        return response.status_code, response.json(parse_float=Decimal)


@pytest.fixture
def pi() -> Simulator:
    return Simulator()


@pytest.fixture
def alice(pi: Simulator) -> Pioneer:
    return pi.pioneer("alice")


@pytest.fixture
def shop(pi: Simulator) -> Shop:
    return Shop(pi)


@pytest.fixture
def opened(pi: Simulator, alice: Pioneer) -> str:
    """Return a payment that waits for approval."""
    return pi.create_payment(alice, amount="1.5", memo="Tea", metadata={"order": "A1"})


@pytest.fixture
def approved(pi: Simulator, opened: str) -> str:
    """Return a payment that waits for the buyer."""
    pi.approve(opened)
    return opened
