"""Run a few programs side by side and stop them together; nothing here depends on the shop or on Django."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

Process: TypeAlias = "subprocess.Popen[bytes]"

SIGNALS_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Program:
    """A command to run, and the local port on which it will listen, if any."""

    name: str
    command: Sequence[str]
    port: int | None = None


class ProgramEnded(Exception):
    """A program ended on its own; the others have been stopped."""

    def __init__(self, name: str, exit_code: int) -> None:
        how = f"was killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended ({exit_code})"
        super().__init__(f"The {name} {how}, so the rest was stopped too.")


def run(programs: Sequence[Program], *, announce: Callable[[], None], grace_in_seconds: float = 10) -> None:
    """Run the programs until SIGINT, SIGTERM or SIGHUP arrives; none outlives this call.

    Call `announce` once, when every program with a port listens there. Raise ProgramEnded as soon as one
    of them ends. Kill whatever is still running `grace_in_seconds` after it was asked to stop.
    """
    stop = threading.Event()
    for number in SIGNALS_TO_STOP:
        signal.signal(number, lambda *_: stop.set())
    running: dict[str, Process] = {}
    try:
        for program in programs:
            running[program.name] = _start(program)
        _watch(running, [program.port for program in programs if program.port], stop, announce)
    finally:
        _stop(list(running.values()), grace_in_seconds)


def _start(program: Program) -> Process:
    # A session of its own: Ctrl-C reaches only us, and we can stop its children along with it.
    return subprocess.Popen(program.command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603


def _watch(
    running: Mapping[str, Process],
    ports: Sequence[int],
    stop: threading.Event,
    announce: Callable[[], None],
) -> None:
    announced = False
    while not stop.wait(0.1):
        for name, process in running.items():
            exit_code = process.poll()
            if exit_code is not None:
                raise ProgramEnded(name, exit_code)
        if not announced and all(_listens(port) for port in ports):
            announce()
            announced = True


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False


def _stop(processes: Sequence[Process], grace_in_seconds: float) -> None:
    for process in processes:
        _signal(process, signal.SIGTERM)
    give_up_at = time.monotonic() + grace_in_seconds
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, give_up_at - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    """Signal the program and its children, which may have outlived it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
