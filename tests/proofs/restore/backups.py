"""Backing up and restoring the database of the tests with the very commands of docs/going-live.md."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections

from tests.postgres import installation

DOCUMENT = Path(__file__).parents[3] / "docs" / "going-live.md"
# What the examples of the document say, and what this test puts in its place.
MOMENT, CODES = "2026-11-24T02:30", "GIFT-10 25"
# For the server; there is none in this test.
FOR_THE_SERVER = ("systemctl", "install")
FILES = ("tar",)
POSTGRES = ("pg_dump", "pg_restore")
SQLITE = ("python3", "rm", "cp")


@dataclass(frozen=True)
class Told:
    """What a command printed, and the error it ended with."""

    command: str
    lines: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class Commands:
    """The commands of one section, to be run against the database of the tests; files land in `folder`."""

    lines: tuple[str, ...]
    folder: Path

    def run(self, *, moment: str = "", codes: str = "", without: str = "") -> Iterator[Told]:
        """Run the commands one after the other, and yield what each of our own said."""
        for line in self.lines:
            if without and without in line:
                continue
            line = line.replace(MOMENT, moment).replace(CODES, codes)  # noqa: PLW2901
            program, *arguments = shlex.split(line, comments=True)
            if program == ".venv/bin/python" and arguments[0] == "manage.py":
                yield manage(*arguments[1:])
            elif program in (*FILES, *(SQLITE if connection.vendor == "sqlite" else POSTGRES)):
                self._in_a_shell(line)
            elif program not in (*FOR_THE_SERVER, *SQLITE, *POSTGRES):
                raise AssertionError(f"nobody here knows how to do this: {line}")

    def _in_a_shell(self, line: str) -> None:
        """Run the line in a shell, with the database and files of this test in place of the real names."""
        name = str(connection.settings_dict["NAME"])
        line = line.replace("var/pistore.sqlite3", name).replace("/srv/backup", str(self.folder))
        line = line.replace("--dbname=pistore", f"--dbname={name}")
        line = line.replace("/srv/pistore", str(settings.FOLDER)).replace(" var/", " ")
        close_all()
        subprocess.run(line, shell=True, check=True, timeout=120, env=_environment())  # noqa: S602


def commands_of(heading: str, folder: Path) -> Commands:
    """Return the indented lines below a heading of the document, up to the next one."""
    section = DOCUMENT.read_text().split(f"\n{heading}\n")[1]
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    lines = re.findall(r"^(?: {4}| {7})((?:\.venv|[a-z]\w+ ).*)$", section, flags=re.MULTILINE)
    return Commands(tuple(lines), folder)


def manage(*arguments: str) -> Told:
    out, error = io.StringIO(), ""
    try:
        call_command(*arguments, stdout=out, stderr=out)
    except CommandError as problem:
        error = str(problem)
    return Told(" ".join(arguments), tuple(out.getvalue().splitlines()), error)


def close_all() -> None:
    """Close all connections, also those in a pool: none may outlive the database it was opened to."""
    for each in connections.all():
        each.close()
        if each.vendor == "postgresql":
            each.close_pool()


def _environment() -> dict[str, str]:
    if connection.vendor == "sqlite":
        return dict(os.environ)
    to = connection.settings_dict
    path = f"{installation()}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PGHOST": str(to["HOST"]), "PGUSER": str(to["USER"])}
