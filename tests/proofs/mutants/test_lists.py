"""What is mutated goes by folder: a new rule is broken, and asked about, from its first day."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.proofs.mutants.own_tests import OWN_TESTS

ROOT = Path(__file__).parents[3]
MUTATED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]


@pytest.mark.parametrize("folder", ["payments/domain", "payments/pi"])
def test_every_module_of_the_folder_is_mutated(folder: str) -> None:
    modules = {f"{folder}/{path.name}" for path in (ROOT / folder).glob("[!_]*.py")}

    assert modules - set(MUTATED) == set()


def test_every_mutated_module_has_tests_of_its_own() -> None:
    dotted = {path.removesuffix(".py").replace("/", ".") for path in MUTATED}

    assert dotted == set(OWN_TESTS)


@pytest.mark.parametrize("module", OWN_TESTS)
def test_the_tests_of_a_mutated_module_exist(module: str) -> None:
    assert [path for path in OWN_TESTS[module] if not (ROOT / path).exists()] == []
