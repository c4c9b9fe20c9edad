"""A run in miniature, and what becomes of the programs when the run itself is killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proofs.chaos.programs import PYTHON, free_port

# The run starts a PostgreSQL of its own.
pytestmark = pytest.mark.postgres
MAX_SECONDS = 400


def test_a_short_run_loses_nothing_and_doubles_nothing() -> None:
    run = subprocess.run(
        [PYTHON, "-m", "tests.proofs.chaos", "--seconds", "8", "--seed", "7", "--buyers", "6"],
        capture_output=True,
        text=True,
        check=False,
        timeout=MAX_SECONDS,
    )

    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert run.stdout.endswith("seed 7: no problems\n")


ONE_PROGRAM = '''
import sys, time
from pathlib import Path
from tests.proofs.chaos.programs import Crew
folder, port = sys.argv[1:]
LISTENS = f"""
import socket
server = socket.create_server(("127.0.0.1", {port}))
while True:
    server.accept()
"""
with Crew(Path(folder), {}) as crew:
    crew.add("program", "-c", LISTENS).start()
    time.sleep(600)
'''


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_program_outlives_the_run_however_it_ends(tmp_path: Path, how: signal.Signals) -> None:
    port = free_port()
    run = subprocess.Popen([PYTHON, "-c", ONE_PROGRAM, str(tmp_path), str(port)], stderr=subprocess.DEVNULL)
    wait_until(lambda: is_served(port))

    run.send_signal(how)
    run.wait(timeout=60)

    wait_until(lambda: not is_served(port))


def is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
