"""Break the code on purpose, one small change at a time, and show that a test notices each: `make mutants`.

mutmut breaks what stands in functions, cosmic-ray what stands around them: constraints, fields, constants,
decorators and what is decorated. Both remember what they have tried under `mutants/`, so an interrupted run
goes on where it was; whatever survived and is not explained is tried again. `make clean` forgets everything.

Ends with 1 while a mutant survives that `explained.txt` does not explain, or an explanation fits no mutant.
"""

from __future__ import annotations

import os
import sys

from tests.proofs.mutants import around_functions, explanations, in_functions
from tests.proofs.mutants.report import report


def main() -> int:
    os.environ["TEST_DATABASE"] = "sqlite"
    os.nice(10)  # the machine may have better things to do
    explained = explanations.read()
    for tool in (in_functions, around_functions):
        tool.forget(lambda mutant: not explained.fits(mutant))
        tool.run()
    # Read once more: what was explained before this run may have survived it no longer.
    return report([*in_functions.mutants(), *around_functions.mutants()], explanations.read())


if __name__ == "__main__":
    sys.exit(main())
