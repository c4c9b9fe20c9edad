"""`make audit`: does anybody know of a hole in what the shop runs on?

Asks the package index about every pin of requirements.txt, with pip-audit, from a virtualenv of its own. Ends
with 0 when all were asked about and nothing is known, 1 when something is, 2 when nobody could be asked: an
audit that did not take place must not look like one that found nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".venv-audit"
PIP_AUDIT = "pip-audit==2.10.1"
ASK = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json", "--requirement")
SECONDS = 300

NOBODY = "Nothing was audited: the package index cannot be asked about holes from here. Try it elsewhere."


def verdict(answer: str) -> tuple[int, list[str]]:
    """Return how to end and what to say, by what pip-audit printed."""
    try:
        pins: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 2, [NOBODY]
    asked = [pin for pin in pins if "vulns" in pin]
    if not asked:
        return 2, [NOBODY]
    holes = [
        f"{pin['name']}: {hole['id']}, mended in {' or '.join(hole['fix_versions']) or 'none'}"
        for pin in asked
        for hole in pin["vulns"]
    ]
    silent = [f"{pin['name']}: not audited, {pin['skip_reason']}" for pin in pins if "vulns" not in pin]
    said = [*holes, *silent, f"{len(asked)} packages audited, {len(holes)} holes known."]
    return (1 if holes else 2 if silent else 0), said


def main() -> int:
    try:
        if not (HOME / "bin" / "pip-audit").exists():
            venv.create(HOME, with_pip=True, clear=True)
            pip = [HOME / "bin" / "python", "-m", "pip", "install", "--quiet", "--quiet", PIP_AUDIT]
            subprocess.run(pip, check=True, timeout=SECONDS)
        command = [HOME / "bin" / "pip-audit", *ASK, ROOT / "requirements.txt"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        answer = ""
    status, said = verdict(answer)
    print("\n".join(said))
    return status


if __name__ == "__main__":
    sys.exit(main())
