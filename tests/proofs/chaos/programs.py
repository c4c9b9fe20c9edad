"""Every program of a real shop, as real processes on this machine: started, killed, and all ended at last."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import requests

from pi_simulator.simulator import DEMO_WALLET, TESTNET
from tests.postgres import USER, Server

API_KEY = "example-api-key-for-chaos-only"
PYTHON = sys.executable
THREADS, RECONCILERS = 8, 2
PATIENCE_IN_SECONDS = 60

# Kills the groups of processes that it has been told of, once nobody holds the other end of its input any
# more: then this run has ended, and be it by a SIGKILL.
REAPER = 'all=; while read -r group; do all="$all -$group"; done; kill -s KILL -- $all 2>/dev/null'


class Program:
    """One program, in a group of its own. What ends unasked is started again, as systemd would."""

    def __init__(self, name: str, command: Sequence[str], crew: Crew) -> None:
        self.name, self.command, self.crew = name, command, crew
        self.ended_by_itself = 0
        self.wanted = False
        self.lock = threading.RLock()

    def start(self) -> None:
        with self.lock, (self.crew.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.crew.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self.crew.reap(self.process.pid)
            self.wanted = True

    def kill(self) -> None:
        """Kill the program and all its children at once, and start it again."""
        with self.lock:
            self.end()
            self.start()

    def freeze(self, seconds: float) -> None:
        """Suspend the program for a while, so that it answers nobody."""
        self._signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self._signal(signal.SIGCONT)

    def watch(self) -> None:
        """Start the program again if it has ended unasked."""
        with self.lock:
            if self.wanted and self.process.poll() is not None:
                self.ended_by_itself += 1
                self.kill()

    def stop(self) -> int:
        """Ask the program to end, and return its exit code."""
        with self.lock:
            self.wanted = False
            self.process.terminate()
            try:
                return self.process.wait(PATIENCE_IN_SECONDS)
            finally:
                self.end()

    def end(self) -> None:
        with self.lock:
            self.wanted = False
            if hasattr(self, "process"):
                self._signal(signal.SIGKILL)
                self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Crew:
    """Some programs with one environment, their logs in one folder; `with` ends all of them."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.workers = folder / "workers"
        self.workers.mkdir()
        self.environment = os.environ | environment | {"CHAOS_WORKERS": str(self.workers)}
        self.programs: list[Program] = []
        self.reaper = subprocess.Popen(
            ["sh", "-c", REAPER], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def add(self, name: str, *command: str) -> Program:
        program = Program(name, [PYTHON, *command], self)
        self.programs.append(program)
        return program

    def add_gunicorn(self, port: int, *, workers: int) -> Program:
        """Add gunicorn as docs/going-live.md says, with as many workers as one wants to lose."""
        return self.add(
            "shop",
            *("-m", "gunicorn", "pistore.wsgi", "--config", "tests/proofs/chaos/gunicorn.py"),
            *("--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--threads", str(THREADS)),
            *("--timeout", "30", "--graceful-timeout", "20", "--no-control-socket"),
        )

    def worker_pids(self) -> list[int]:
        return sorted(int(path.name) for path in self.workers.iterdir())

    def reap(self, group: int) -> None:
        """Make sure that the process group does not outlive this run."""
        assert self.reaper.stdin is not None
        print(group, file=self.reaper.stdin, flush=True)

    def command(self, *words: str) -> str:
        """Run a command of `manage.py` and return what it printed; it may fail."""
        done = subprocess.run(
            [PYTHON, "manage.py", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return done.stdout + done.stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for program in self.programs:
            program.end()
        self.reaper.kill()
        self.reaper.communicate()


class World(Crew):
    """The database, the simulated Pi, the shop and its reconcilers."""

    def __init__(self, folder: Path, *, forgetful: bool, workers: int = 3) -> None:
        shop, pi = free_port(), free_port()
        self.shop_url, self.pi_url = f"http://127.0.0.1:{shop}", f"http://localhost:{pi}"
        database = f"postgres://{USER}@/{folder}/postgres/pistore"
        super().__init__(folder, settings_for(database, pi_url=self.pi_url, downloads=folder / "downloads"))
        self.database = Server(folder / "postgres", durable=True)
        if forgetful:
            self.database.options["synchronous_commit"] = "off"
        self.pi = self.add("pi", "-m", "pi_simulator", "--port", str(pi), "--api-key", API_KEY)
        self.shop = self.add_gunicorn(shop, workers=workers)
        self.reconcilers = [
            self.add(f"reconciler{n}", "manage.py", "reconcile_payments", "--loop", "2")
            for n in range(RECONCILERS)
        ]

    def start_database(self) -> None:
        self.database.start()
        self.database.create("pistore")

    def start_programs(self) -> None:
        for program in self.programs:
            program.start()
        wait_for(f"{self.pi_url}/_control/state")
        wait_for(f"{self.shop_url}/readyz")

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        if self.database.running:
            self.database.stop()


def settings_for(
    database_url: str, *, pi_url: str, downloads: Path, api_key: str = API_KEY
) -> dict[str, str]:
    """Return every variable the shop reads, so that no `.env` leaks in, and one of `chaos/settings.py`."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.proofs.chaos.settings",
        "DOWNLOADS_ROOT": str(downloads),
        "PYTHONUNBUFFERED": "1",
        "DEBUG": "true",
        "SECRET_KEY": "example-secret-key-for-chaos-only",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
        "ALLOWED_ORIGINS": "",
        "PROXY_COUNT": "0",
        "DATABASE_URL": database_url,
        # Shared by all workers, as in a real shop.
        "CACHE_URL": "dbcache://pistore_cache?max_entries=100000",
        "PI_API_URL": f"{pi_url}/v2",
        "PI_SDK_URL": f"{pi_url}/pi-sdk.js",
        "PI_SDK_SANDBOX": "true",
        "PI_HORIZON_URL": f"{pi_url}/horizon",
        "PI_API_KEY": api_key,
        "PI_NETWORK": TESTNET,
        "PI_WALLET_ADDRESS": DEMO_WALLET,
        "PI_VALIDATION_KEY": "",
        # The shortest there is: holds run out while the run lasts.
        "ORDER_HOLD_MINUTES": "1",
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(url: str) -> None:
    """Return as soon as somebody answers there with 200."""
    give_up_at = time.monotonic() + PATIENCE_IN_SECONDS
    while True:
        with suppress(requests.RequestException):
            if requests.get(url, timeout=10).status_code == 200:
                return
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"nobody answers at {url}")
        time.sleep(0.1)
