"""Every threat in docs/security.md is told whole, and names tests that exist."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text()
# What the shop is asked to withstand at least.
THREATS = (
    *("Lying browser", "Stolen Pi access token", "Stolen shop token", "Forged callback"),
    *("Another buyer's order", "Replay", "Server-side request forgery (SSRF)", "Price tampering"),
    *("Wrong network or wallet", "Staff without permission", "Clickjacking", "Open redirect"),
    *("Forged memo", "Leaked key", "Denial of inventory", "Host header"),
    *("Cross-site request forgery (CSRF)", "Secrets in logs", "Cross-site scripting (XSS)"),
)


@dataclass(frozen=True)
class Attack:
    """One thing that an attacker does, what stops it, and the tests that show it."""

    what: str
    defence: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Threat:
    """What stands below one heading. Lines that belong to no part of a threat are `odd`."""

    name: str
    who: str
    attacks: tuple[Attack, ...]
    remains: str
    odd: tuple[str, ...]


def threats_in(text: str) -> list[Threat]:
    """Return the threats: every heading of the third level, up to the next heading."""
    sections = re.split(r"^(?=#{1,3} )", text, flags=re.MULTILINE)
    return [_threat(section) for section in sections if section.startswith("### ")]


def _threat(section: str) -> Threat:
    heading, *lines = [line for line in section.splitlines() if line.strip()]
    attacks: list[Attack] = []
    told, odd = {"Who": "", "What remains": ""}, []
    for line in lines:
        if part := re.fullmatch(r"\*\*(Who|What remains):\*\* (.+)", line):
            told[part[1]] = part[2]
        elif attack := re.fullmatch(r"- \*\*(.+?)\*\*(.*)", line):
            attacks.append(Attack(attack[1], attack[2].strip(), ()))
        elif attacks and re.fullmatch(r"  - `tests/[^`]+`", line):
            what, defence, tests = attacks[-1].what, attacks[-1].defence, attacks[-1].tests
            attacks[-1] = Attack(what, defence, (*tests, *named_in(line)))
        else:
            odd.append(line)
    return Threat(heading.removeprefix("### "), told["Who"], tuple(attacks), told["What remains"], tuple(odd))


def named_in(text: str) -> list[str]:
    return re.findall(r"`(tests/[^`]+)`", text)


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and name.startswith("test_") and name in functions_of(ROOT / path)


def what_is_wrong_with(threat: Threat) -> list[str]:
    """Return every hole in a threat: a part that is missing, and tests that do not exist."""
    wrong = [f"not part of a threat: {line}" for line in threat.odd]
    wrong += [] if threat.who else ["nobody attacks"]
    wrong += [] if threat.attacks else ["nothing is attacked"]
    wrong += [] if threat.remains else ["what remains is not said"]
    for attack in threat.attacks:
        wrong += [] if attack.defence else [f"nothing stops: {attack.what}"]
        wrong += [] if attack.tests else [f"no test shows: {attack.what}"]
        wrong += [f"no such test: {test}" for test in attack.tests if not exists(test)]
    return wrong


@pytest.mark.parametrize("threat", threats_in(TEXT), ids=lambda threat: threat.name)
def test_every_threat_is_told_whole_and_shown_to_fail(threat: Threat) -> None:
    assert what_is_wrong_with(threat) == []


def test_no_threat_is_forgotten() -> None:
    assert set(THREATS) - {threat.name for threat in threats_in(TEXT)} == set()


def test_the_one_command_finds_every_test_that_is_named_but_the_one_in_a_browser() -> None:
    [(pattern, without)] = re.findall(r"grep -oE '([^']+)' docs/security.md \| grep -v (\S+)", TEXT)
    found = {test for test in re.findall(pattern, TEXT) if without not in test}

    named = {test for threat in threats_in(TEXT) for attack in threat.attacks for test in attack.tests}
    [left_out] = named - found
    assert left_out.startswith("tests/browser/")
    assert found | {left_out} == named


# What each limit is in the settings, and in the document.
LIMITS = {
    "stranger": ("60/min", "All strangers at one address share 60 requests a minute"),
    "pioneer": ("120/min", "120 requests a minute for each payer and address"),
    "strangers": ("600/min", "600 from one address in all"),
    "sign-in": ("120/min", "120 tries a minute from one address, counting sign-in and approve together"),
    "api": ("240/min", "240 requests a minute for each caller"),
    "log-in": ("20/min", "twenty tries a minute from one address"),
}


def test_the_throttle_limits_are_those_of_the_document() -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]

    assert rates == {scope: rate for scope, (rate, _) in LIMITS.items()}
    assert [words for _, words in LIMITS.values() if words not in TEXT] == []


def test_a_named_test_that_does_not_exist_would_be_noticed() -> None:
    here = "tests/security/test_threats.py"

    assert exists(f"{here}::test_no_threat_is_forgotten")
    assert not exists(f"{here}::test_nothing")
    assert not exists(f"{here}::threats_in")
    assert not exists("tests/nowhere.py::test_nothing")


WHOLE = """### Thief

**Who:** a thief.

- **Steals.** A lock.
  - `tests/security/test_threats.py::test_no_threat_is_forgotten`

**What remains:** the key.
"""


@pytest.mark.parametrize(
    ("part", "instead", "wrong"),
    [
        ("a thief", "a thief", []),
        ("**Who:** a thief.", "", ["nobody attacks"]),
        ("**What remains:** the key.", "", ["what remains is not said"]),
        (" A lock.", "", ["nothing stops: Steals."]),
        (
            "test_no_threat_is_forgotten",
            "test_nothing",
            ["no such test: tests/security/test_threats.py::test_nothing"],
        ),
        (
            "  - `tests/",
            "  - `",
            [
                "not part of a threat:   - `security/test_threats.py::test_no_threat_is_forgotten`",
                "no test shows: Steals.",
            ],
        ),
        (
            "- **Steals.** A lock.",
            "Steals.",
            [
                "not part of a threat: Steals.",
                "not part of a threat:   - `tests/security/test_threats.py::test_no_threat_is_forgotten`",
                "nothing is attacked",
            ],
        ),
    ],
)
def test_a_hole_in_a_threat_would_be_noticed(part: str, instead: str, wrong: list[str]) -> None:
    [threat] = threats_in(f"# Here\n\n## There\n\n{WHOLE.replace(part, instead)}\n## Elsewhere\n\ntext\n")

    assert what_is_wrong_with(threat) == wrong
