"""What became of the mutants, in figures, and what is left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.proofs.mutants.explanations import Explanations
from tests.proofs.mutants.mutant import Mutant

COLUMNS = ("killed", "as schema", "explained", "survived")


def report(mutants: Iterable[Mutant], explained: Explanations) -> int:
    """Print a line per file and what is left to do. Return the status to exit with."""
    fates: dict[str, Counter[str]] = {}
    unexplained = []
    for mutant in mutants:
        fate = mutant.fate
        if mutant.survived and explained.fits(mutant):
            fate = "explained"
        elif mutant.survived:
            unexplained.append(mutant)
        fates.setdefault(mutant.path, Counter())[fate] += 1

    print("\n" + "".join(f"{title:>11}" for title in ("mutants", *COLUMNS, "score")))
    for path, counts in [*sorted(fates.items()), ("all of them", sum(fates.values(), Counter()))]:
        score = 100 * (counts["killed"] + counts["as schema"]) / counts.total()
        columns = "".join(f"{count:>11}" for count in (counts.total(), *(counts[name] for name in COLUMNS)))
        print(f"{columns}{score:>9.1f} %  {path}")

    for mutant in unexplained:
        print(f"\nNo test notices this one:\n\n{mutant}")
    for explanation in explained.unused:
        print(f"\nThis fits no mutant any more:\n\n{explanation}")
    return 1 if unexplained or explained.unused else 0
