"""`make mutants` fails for a survivor that nobody explains, and for an explanation that fits none."""

from __future__ import annotations

import pytest

from tests.proofs.mutants import explanations
from tests.proofs.mutants.mutant import Mutant
from tests.proofs.mutants.report import report

TEXT = """
payments/moves.py
- return … < …
+ return … <= …
+ return … > …
= the two are never equal

*
- with atomic(durable=True):
+ with atomic():
= nested nowhere
"""
DIFF = ["--- ", "+++ ", "@@ -1,2 +1,2 @@", " def f():", "-    return a < b", "+    return a <= b"]


def mutant(now: str = "return a <= b", path: str = "payments/moves.py", fate: str = "survived") -> Mutant:
    return Mutant(path, "return a < b", now, fate)


ATOMIC = Mutant("payments/domain/sync.py", "with atomic(durable=True):", "with atomic():", "survived")
ALL = [mutant(), mutant("return a > b"), ATOMIC, mutant("return None", fate="killed")]


def test_a_mutant_is_its_changed_lines() -> None:
    assert Mutant.from_diff("payments/moves.py", DIFF, fate="survived") == mutant()


def test_a_run_with_every_mutant_killed_or_explained_is_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(ALL, explanations.read(TEXT)) == 0

    total = capsys.readouterr().out.splitlines()[-1].split()
    assert total == ["4", "1", "0", "3", "0", "25.0", "%", "all", "of", "them"]


@pytest.mark.parametrize(
    "more", [mutant("return None"), mutant(path="payments/domain/sync.py")], ids=["now", "path"]
)
def test_a_survivor_without_an_explanation_is_a_failure(
    capsys: pytest.CaptureFixture[str], more: Mutant
) -> None:
    assert report([*ALL, more], explanations.read(TEXT)) == 1

    assert f"No test notices this one:\n\n{more}" in capsys.readouterr().out


def test_an_explanation_without_a_mutant_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([mutant(), ATOMIC], explanations.read(TEXT)) == 1

    assert "This fits no mutant any more:\n\npayments/moves.py\n- return … < …\n+ return … > …" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "text",
    [
        "- was",
        "x\n+ now",
        "x\n- was\n+ now\n=",
        "x\n- was\n= why",
        "x\n- was\ny",
        "x\n- was\n+ now\n= why\n- was",
    ],
)
def test_an_explanation_is_whole_or_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an explanation"):
        explanations.read(f"{TEXT}\n{text}")
