"""Runs a few programs side by side and stops them together; knows nothing of the shop or of Django."""

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
    """What to run, and the port of this machine on which it will listen, if it does."""

    name: str
    command: Sequence[str]
    port: int | None = None


class ProgramEnded(Exception):
    """A program ended by itself; the others have been stopped."""

    def __init__(self, name: str, exit_code: int) -> None:
        how = f"was killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended ({exit_code})"
        super().__init__(f"The {name} {how}, so the rest was stopped too.")


def run(
    programs: Sequence[Program], *, announce: Callable[[], None], patience_in_seconds: float = 10
) -> None:
    """Run the programs until a signal (Ctrl-C, or a polite kill) asks to stop; none outlives this call.

    Calls `announce` once, when every program with a port listens there. Raises ProgramEnded as soon as one
    of them ends. What does not stop when asked is killed after `patience_in_seconds`.
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
        _stop(list(running.values()), patience_in_seconds)


def _start(program: Program) -> Process:
    # A session of its own, so that Ctrl-C reaches us alone, and so that we can stop its children with it.
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


def _stop(processes: Sequence[Process], patience_in_seconds: float) -> None:
    for process in processes:
        _signal(process, signal.SIGTERM)
    give_up_at = time.monotonic() + patience_in_seconds
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, give_up_at - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    """Send the signal to the program and to its children, which may have outlived it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
