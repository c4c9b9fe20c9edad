"""The supervisor with real processes: stand-ins that hold a lock for as long as they run."""

from __future__ import annotations

import fcntl
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SUPERVISOR = """
import json, sys
from demo.supervisor import Program, ProgramEnded, run

programs = [Program(**each) for each in json.loads(sys.argv[1])]
try:
    run(programs, announce=lambda: print("announced", flush=True), grace_in_seconds=1)
except ProgramEnded as ended:
    sys.exit(str(ended))
"""

LIVE = """
import fcntl, time
lock = open({file!r}, "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("alive", file=lock, flush=True)
time.sleep(60)
"""
WAIT_UNTIL = """
import pathlib, time
while not pathlib.Path({file!r}).exists():
    time.sleep(0.02)
"""
IGNORE_THE_SIGNAL = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
KILL_MYSELF = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
LISTEN = """
import pathlib, socket, time
time.sleep(0.3)
pathlib.Path({file!r}).touch()
server = socket.create_server(("localhost", {port}))
time.sleep(60)
"""

# In seconds; generous, for a busy machine.
TIMEOUT = 30

Supervise = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    supervisors = []

    def start(*programs: dict[str, object]) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SUPERVISOR, json.dumps(programs)]
        pipe = subprocess.PIPE
        supervisors.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return supervisors[-1]

    yield start
    for supervisor in supervisors:
        supervisor.terminate()
        supervisor.communicate(timeout=TIMEOUT)


def program(name: str, code: str, port: int | None = None) -> dict[str, object]:
    return {"name": name, "command": [sys.executable, "-c", code], "port": port}


def live(file: Path, *, first: str = "") -> dict[str, object]:
    return program(file.name, first + LIVE.format(file=str(file)))


def lives(file: Path) -> bool:
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def wait_for(*files: Path) -> None:
    give_up_at = time.monotonic() + TIMEOUT
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_every_program(supervise: Supervise, tmp_path: Path, number: signal.Signals) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    supervisor = supervise(live(one), live(two))
    wait_for(one, two)

    supervisor.send_signal(number)

    assert supervisor.wait(TIMEOUT) == 0
    assert not lives(one)
    assert not lives(two)


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ("raise SystemExit(3)", "The shop ended (3), so the rest was stopped too.\n"),
        ("", "The shop ended (0), so the rest was stopped too.\n"),
        (KILL_MYSELF, "The shop was killed by SIGKILL, so the rest was stopped too.\n"),
    ],
)
def test_a_program_that_ends_stops_the_others(
    supervise: Supervise, tmp_path: Path, end: str, sentence: str
) -> None:
    phone = tmp_path / "phone"

    supervisor = supervise(live(phone), program("shop", WAIT_UNTIL.format(file=str(phone)) + end))

    assert (supervisor.communicate(timeout=TIMEOUT)[1], supervisor.returncode) == (sentence, 1)
    assert not lives(phone)


def test_a_program_that_ignores_the_signal_is_killed(supervise: Supervise, tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn"
    supervisor = supervise(live(stubborn, first=IGNORE_THE_SIGNAL))
    wait_for(stubborn)

    supervisor.terminate()

    assert supervisor.wait(TIMEOUT) == 0
    assert not lives(stubborn)


def test_the_child_of_a_killed_program_is_stopped(supervise: Supervise, tmp_path: Path) -> None:
    child = tmp_path / "child"
    start_a_child = f"import subprocess; subprocess.Popen({live(child)['command']!r})"

    supervisor = supervise(
        program("parent", start_a_child + WAIT_UNTIL.format(file=str(child)) + KILL_MYSELF)
    )

    assert supervisor.wait(TIMEOUT) == 1
    assert not lives(child)


def test_a_program_that_cannot_start_stops_the_others(supervise: Supervise, tmp_path: Path) -> None:
    phone = tmp_path / "phone"

    supervisor = supervise(live(phone), {"name": "shop", "command": ["no-such-program"]})

    assert "no-such-program" in supervisor.communicate(timeout=TIMEOUT)[1]
    assert supervisor.returncode == 1
    assert not phone.exists() or not lives(phone)


def test_the_announcement_waits_until_every_port_is_open(
    supervise: Supervise, tmp_path: Path, free_port: int
) -> None:
    about_to_listen = tmp_path / "about-to-listen"

    supervisor = supervise(
        program("shop", LISTEN.format(file=str(about_to_listen), port=free_port), free_port)
    )

    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "announced\n"
    assert about_to_listen.exists()


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return int(server.getsockname()[1])
