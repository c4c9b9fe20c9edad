"""One mutant: the small change that was made to the code, and whether a test noticed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`was` and `now` are the changed lines, their space at both ends left out, joined by one space.

    `fate` is `killed` (a test noticed), `as schema` (only the comparison with the migrations did), or
    `survived`.
    """

    path: str
    was: str
    now: str
    fate: str

    @classmethod
    def from_diff(cls, path: str, diff: Iterable[str], *, fate: str) -> Mutant:
        lines = [line for line in diff if not line.startswith(("---", "+++"))]
        was, now = (" ".join(line[1:].strip() for line in lines if line.startswith(s)) for s in "-+")
        return cls(path, was.strip(), now.strip(), fate)

    @property
    def survived(self) -> bool:
        return self.fate == "survived"

    def __str__(self) -> str:
        return f"{self.path}\n- {self.was}\n+ {self.now}\n= "
