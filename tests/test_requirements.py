"""`make lock` was not forgotten: what requirements*.in ask for is what requirements*.txt pin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent


def asked_for(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pinned(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-mutants"])
def test_everything_asked_for_is_pinned(name: str) -> None:
    pins = pinned(f"{name}.txt")

    forgotten = [
        str(wish) for wish in asked_for(f"{name}.in") if pins.get(wish.name.lower(), "") not in wish.specifier
    ]

    assert forgotten == [], "run `make lock`"


def test_the_tests_run_on_the_versions_of_the_shop() -> None:
    assert pinned("requirements.txt").items() <= pinned("requirements-dev.txt").items()


def test_mutants_are_tried_with_the_versions_of_the_tests() -> None:
    tests, mutants = pinned("requirements-dev.txt"), pinned("requirements-mutants.txt")

    assert {name: mutants[name] for name in mutants.keys() & tests.keys()}.items() <= tests.items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-mutants.txt"])
def test_the_pins_name_no_index_and_no_folder(name: str) -> None:
    assert re.findall(r"^--|://|^\S+ @ ", (ROOT / name).read_text(), flags=re.MULTILINE) == []
