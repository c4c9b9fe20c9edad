"""The simulator behind a socket, and its command line."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pi_simulator import Simulator
from pi_simulator.server import running


@pytest.fixture
def base(pi: Simulator) -> Iterator[str]:
    with running(pi) as address:
        yield address


def approve(pi: Simulator, identifier: str) -> requests.Response:
    headers = {"Authorization": f"Key {pi.api_key}"}
    return requests.post(f"{pi.url}/payments/{identifier}/approve", headers=headers, timeout=5)


def test_a_served_simulator_names_its_own_address(pi: Simulator, base: str, approved: str) -> None:
    txid = pi.sign(approved)

    link = pi.payment(approved)["transaction"]["_link"]

    assert (pi.url, link) == (f"{base}/v2", f"{base}/horizon/transactions/{txid}")
    assert requests.get(link, timeout=5).json()["memo"] == approved


@pytest.mark.parametrize(("kind", "done"), [("lose_answer", True), ("down", False)])
def test_a_lost_answer_closes_the_connection(
    pi: Simulator, base: str, opened: str, kind: str, done: bool
) -> None:
    pi.faults.add(kind)  # type: ignore[arg-type]

    with pytest.raises(requests.ConnectionError):
        approve(pi, opened)

    assert pi.payment(opened)["status"]["developer_approved"] is done


def test_each_call_is_one_log_line_without_the_key(
    pi: Simulator, base: str, opened: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pi_simulator")

    approve(pi, opened)

    assert caplog.messages == [f"POST /v2/payments/{opened}/approve -> 200"]


def test_a_page_of_the_shop_may_call_the_api_from_another_origin(base: str) -> None:
    answer = requests.options(f"{base}/v2/payments/user_to_app", timeout=5)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 200, "text/html; charset=utf-8"),
        ("/pi-sdk.js", 200, "text/javascript; charset=utf-8"),
        ("/static/phone.css", 200, "text/css; charset=utf-8"),
        ("/static/nothing.js", 404, "application/json; charset=utf-8"),
        ("/static/%2e%2e/simulator.py", 404, "application/json; charset=utf-8"),
    ],
)
def test_the_server_serves_its_pages_and_no_other_files(base: str, path: str, status: int, kind: str) -> None:
    answer = requests.get(base + path, timeout=5)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, kind)


def test_the_phones_policy_allows_no_other_origins(base: str) -> None:
    policy = requests.get(base, timeout=5).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_stopped(stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "pi_simulator", "--port", "0", "--api-key", "secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        base = first.split()[4].rstrip("/")
        assert requests.get(f"{base}/_control/state", timeout=5).status_code == 200

        process.send_signal(stop)
        rest = process.stdout.read()

    assert process.returncode == 0
    assert rest.endswith("The simulator has stopped; what it remembered is gone.\n")
    assert "secret" not in first + rest


def test_the_simulator_starts_without_requests() -> None:
    """A bare Python has it not: only the adapter for tests in the same process needs it."""
    without = "import sys; sys.modules['requests'] = None; import pi_simulator.__main__"

    subprocess.run([sys.executable, "-c", without], check=True, cwd=Path(__file__).parents[2], timeout=30)
