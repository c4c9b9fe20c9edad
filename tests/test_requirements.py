"""`make lock` was not forgotten: what requirements*.in ask for is what requirements*.txt pin, by hash.

And their licences let a shop be run and handed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
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
def test_every_requirement_is_pinned(name: str) -> None:
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


def without_a_hash(text: str) -> list[str]:
    """Return the pins that pip would take from anybody."""
    pins = re.split(r"\n(?=\S)", "\n" + re.sub(r"^ *#.*$", "", text, flags=re.MULTILINE))
    return [
        pin.split()[0] for pin in pins if pin.strip() and not re.search(r"--hash=sha256:[0-9a-f]{64}\b", pin)
    ]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-mutants.txt"])
def test_every_pin_names_the_files_that_it_takes(name: str) -> None:
    text = (ROOT / name).read_text()

    assert without_a_hash(text) == []
    assert len(re.findall(r"^\S+==", text, flags=re.MULTILINE)) > 20


def test_a_pin_that_takes_any_file_would_be_found() -> None:
    pinned = f"a==1 \\\n    --hash=sha256:{'0' * 64}\n    # via b\n"

    assert without_a_hash(pinned + "b==2\n    # via -r requirements.in\n" + pinned) == ["b==2"]
    assert without_a_hash("c>=1\n") == ["c>=1"]


# Licences ------------------------------------------------------------------------------------------------

# What a shop under the MIT licence may be run with and handed on with. LGPL and MPL ask for something only of
# whoever changes the library itself.
FREE = r"MIT|MIT-CMU|BSD|[23]-Clause|BSD-[23]-Clause|Apache-2\.0|PSF-2\.0|MPL-2\.0|LGPL-3\.0-only|ISC"
ONE_OF_THEM = rf"(?:{FREE})(?:(?: OR | )(?:{FREE}))*"


def licence_of(name: str) -> str:
    """Return what the package says of itself, in the newest way that it knows."""
    about = metadata(name)
    named = about.get("License-Expression") or about.get("License")
    classifiers = about.get_all("Classifier") or []
    told = [
        each.rpartition(" :: ")[2].removesuffix(" License") for each in classifiers if "License ::" in each
    ]
    return str(named or " ".join(told))


def licences() -> Iterator[tuple[str, str]]:
    for name in pinned("requirements.txt"):
        try:
            yield name, licence_of(name)
        except PackageNotFoundError:
            assert name == "tzdata", "only what other systems need may be missing"


def test_every_licence_lets_a_shop_be_run_and_handed_on() -> None:
    found = dict(licences())

    assert {name: text for name, text in found.items() if not re.fullmatch(ONE_OF_THEM, text)} == {}
    assert len(found) > 20


@pytest.mark.parametrize("text", ["AGPL-3.0-only", "GPL-3.0-or-later", "MIT AND GPL-2.0-only", "", "UNKNOWN"])
def test_another_licence_would_be_found(text: str) -> None:
    assert not re.fullmatch(ONE_OF_THEM, text)
