"""Mutants of what stands in functions, by mutmut. It is set up in `pyproject.toml`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

from tests.proofs.mutants.mutant import Mutant

NOTICED = ("killed", "timeout")


def run() -> None:
    """Try every mutant that has not been tried yet. Exit when the tests fail without any mutant."""
    shutil.rmtree("mutants/tests", ignore_errors=True)  # mutmut copies them anew, but would keep old ones
    # Which test reaches which function it would only find out for tests that are new, not for functions.
    Path("mutants/mutmut-stats.json").unlink(missing_ok=True)
    mutmut = Path(sys.executable).with_name("mutmut")
    for command in (
        [sys.executable, "-m", "tests.proofs.mutants.names"],
        [mutmut, "run", "--max-children", str(os.cpu_count() or 2)],
    ):
        done = subprocess.run(command, check=False)
        if done.returncode:
            sys.exit(f"{command} ended with {done.returncode}")


def mutants() -> Iterator[Mutant]:
    for file in _tried():
        for name, exit_code in file.exit_code_by_key.items():
            yield _mutant(file, name, exit_code)


def forget(wanted: Callable[[Mutant], bool]) -> None:
    """Have the survivors that are `wanted` tried again: there may be a test for them by now."""
    for file in _tried():
        for name, exit_code in file.exit_code_by_key.items():
            if exit_code is not None:
                mutant = _mutant(file, name, exit_code)
                if mutant.survived and wanted(mutant):
                    file.exit_code_by_key[name] = None
        file.save()


def _tried() -> Iterator[SourceFileMutationData]:
    for path in config().only_mutate:
        file = SourceFileMutationData(path=path)
        file.load()
        if file.exit_code_by_key:
            yield file


def _mutant(file: SourceFileMutationData, name: str, exit_code: int | None) -> Mutant:
    if status_by_exit_code[exit_code] in NOTICED:
        return Mutant(str(file.path), name, "", "killed")
    with redirect_stdout(StringIO()):
        diff = get_diff_for_mutant(name, path=file.path)
    return Mutant.from_diff(str(file.path), diff.splitlines(), fate="survived")
