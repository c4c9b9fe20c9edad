"""What `make audit` says of what pip-audit prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.audit import NOBODY, verdict

CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
HOLE = {"id": "CVE-2099-1", "fix_versions": ["6.0.1"], "description": "…"}
ANOTHER = {"id": "CVE-2099-2", "fix_versions": [], "description": "…"}
HOLED = {"name": "pillow", "version": "6.0.0", "vulns": [HOLE, ANOTHER]}
SILENT = {"name": "idna", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("pins", "status", "said"),
    [
        ([CLEAN], 0, ["1 packages audited, 0 holes known."]),
        (
            [CLEAN, HOLED],
            1,
            [
                "pillow: CVE-2099-1, mended in 6.0.1",
                "pillow: CVE-2099-2, mended in none",
                "2 packages audited, 2 holes known.",
            ],
        ),
        (
            [CLEAN, SILENT],
            2,
            ["idna: not audited, Dependency not found", "1 packages audited, 0 holes known."],
        ),
        ([SILENT, SILENT], 2, [NOBODY]),
        ([], 2, [NOBODY]),
    ],
)
def test_only_what_was_asked_about_counts_as_audited(
    pins: list[dict[str, Any]], status: int, said: list[str]
) -> None:
    assert verdict(json.dumps({"dependencies": pins, "fixes": []})) == (status, said)


@pytest.mark.parametrize("answer", ["", "Traceback (most recent call last)", "[]", "{}", "null"])
def test_no_answer_is_no_audit(answer: str) -> None:
    assert verdict(answer) == (2, [NOBODY])
