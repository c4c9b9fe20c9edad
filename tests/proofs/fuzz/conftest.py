"""What every fuzzed shop needs: nobody is throttled, and at the end a line says how much was tried."""

from __future__ import annotations

import pytest
from rest_framework.throttling import SimpleRateThrottle

from tests.proofs.fuzz.effort import TRIED


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the limits; otherwise the answer to nearly everything would be 429."""
    for scope in [*SimpleRateThrottle.THROTTLE_RATES]:
        monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, "1000000/min")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TRIED:
        told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(TRIED.items()))
        terminalreporter.write_line(f"{TRIED.total():,} cases tried: {told}")
