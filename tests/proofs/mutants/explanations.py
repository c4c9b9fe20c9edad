"""Why some mutants may live: `explained.txt`, read and matched.

payments/domain/protocol.py             the file, or `*` for all of them
- was                            what stood there; `…` stands for anything
+ now                            what the mutant made of it; several such lines are as many mutants
= why it may live, in one line
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.proofs.mutants.mutant import Mutant

BLOCK = re.compile(r"(\S+)\n-(.*)\n((?:\+.*\n)+)= (.+)")
FILE = Path(__file__).with_name("explained.txt")


@dataclass
class Explanation:
    path: str
    was: str
    now: str
    why: str
    used: bool = False

    def fits(self, mutant: Mutant) -> bool:
        fits = self.path in ("*", mutant.path) and like(self.was, mutant.was) and like(self.now, mutant.now)
        self.used = self.used or fits
        return fits

    def __str__(self) -> str:
        return f"{self.path}\n- {self.was}\n+ {self.now}\n= {self.why}"


@dataclass
class Explanations:
    all: list[Explanation] = field(default_factory=list)

    def fits(self, mutant: Mutant) -> bool:
        fitting = [explanation for explanation in self.all if explanation.fits(mutant)]
        return bool(fitting)

    @property
    def unused(self) -> list[Explanation]:
        return [explanation for explanation in self.all if not explanation.used]


def like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("…")), text) is not None


def read(text: str | None = None) -> Explanations:
    """Return what the file says. Raise ValueError at a block that is not as described above."""
    found = Explanations()
    for block in re.split(r"\n\s*\n", (FILE.read_text() if text is None else text).strip()):
        match = BLOCK.fullmatch(block)
        if match is None:
            raise ValueError(f"{FILE.name}: not an explanation:\n{block}")
        path, was, now, why = match.groups()
        found.all += [Explanation(path, was.strip(), one[1:].strip(), why) for one in now.splitlines()]
    return found
