"""Every threat in docs/security.md names tests that exist, and no table has a hole."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text()
HEADING = ["Threat", "What somebody does", "What stops it", "Shown by"]
# What the shop is asked to withstand at least.
THREATS = (
    *(
        "Lying browser",
        "Stolen token of Pi's",
        "Stolen token of ours",
        "Forged callback",
        "Other buyer's order",
    ),
    *("Replay", "Server as a puppet (SSRF)", "Price", "Currency", "Staff without the right", "Framing"),
    *("Forged memo", "Known key", "Blocked stock"),
    *("Forged form (CSRF)", "Secrets in logs", "Script in a text (XSS)", "Host header", "Open redirect"),
)


def rows_in(text: str) -> list[list[str]]:
    """The rows of the tables of threats; those of other tables are not ours."""
    rows, ours = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        ours = cells == HEADING or (ours and bool(cells))
        if ours and cells != HEADING and not line.startswith("|---"):
            rows.append(cells)
    return rows


def named_in(text: str) -> list[str]:
    return re.findall(r"`(tests/[^`]+)`", text)


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and name.startswith("test_") and name in functions_of(ROOT / path)


@pytest.mark.parametrize("row", rows_in(TEXT), ids=lambda row: f"{row[0]}: {row[1]}")
def test_every_threat_is_told_whole_and_shown_to_fail(row: list[str]) -> None:
    assert len(row) == len(HEADING)
    assert all(row[1:])
    assert named_in(row[3]) != []
    assert [test for test in named_in(row[3]) if not exists(test)] == []


def test_no_threat_is_forgotten() -> None:
    assert set(THREATS) - {row[0] for row in rows_in(TEXT)} == set()


def test_the_one_command_finds_every_test_that_is_named_but_the_one_in_a_browser() -> None:
    [(pattern, without)] = re.findall(r"grep -oE '([^']+)' docs/security.md \| grep -v (\S+)", TEXT)
    found = {test for test in re.findall(pattern, TEXT) if without not in test}

    named = {test for row in rows_in(TEXT) for test in named_in(row[3])}
    [left_out] = named - found
    assert left_out.startswith("tests/browser/")
    assert found | {left_out} == named


# What each limit is in the settings, and in the document.
LIMITS = {
    "stranger": ("60/min", "strangers of one address 60 a minute"),
    "pioneer": ("120/min", "120 a minute for each payer and address"),
    "strangers": ("600/min", "600 from one address in all"),
    "sign-in": ("120/min", "120 a minute from one address, at the sign-in and with approve together"),
    "api": ("240/min", "240 a minute for each caller"),
    "log-in": ("20/min", "twenty tries a minute from one address"),
}


def test_the_limits_are_those_that_are_told() -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]

    assert rates == {scope: rate for scope, (rate, _) in LIMITS.items()}
    assert [words for _, words in LIMITS.values() if words not in TEXT] == []


def test_a_test_that_is_not_there_would_be_noticed() -> None:
    here = "tests/security/test_threats.py"

    assert exists(f"{here}::test_no_threat_is_forgotten")
    assert not exists(f"{here}::test_nothing")
    assert not exists(f"{here}::rows_in")
    assert not exists("tests/nowhere.py::test_nothing")
    assert rows_in("| a | b |\n|---|---|\n| c | d |\n") == []
    table = f"| {' | '.join(HEADING)} |\n|---|---|---|---|\n| a | b | c | d |\n\n| e |"
    assert rows_in(table) == [["a", "b", "c", "d"]]
