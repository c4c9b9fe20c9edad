"""Wherever a process dies: what comes by itself afterwards brings everything to an end, no promise broken.

`make test` dies at every second boundary of each entry point on each database; `make interleavings`
(PROOF=whole) at every boundary in every scene, with every aftermath, and once more while reconciliation
repairs it; EVERY=10 at a tenth of the boundaries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pi_simulator import Simulator
from tests.proofs import damage, scenes
from tests.proofs.crashes.crashes import AFTERMATHS, Crashes
from tests.proofs.entry_points import COMMANDS, ENTRY_POINTS, approve, complete
from tests.proofs.interleavings.test_interleavings import (
    EVERY,
    FEWEST_ENTRY_POINTS,
    MEETINGS,
    TURN,
    WHOLE,
    name_of,
)
from tests.proofs.witness import Witness

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


@pytest.mark.parametrize("part", MEETINGS if WHOLE else ENTRY_POINTS + COMMANDS, ids=name_of)
def test_a_crash_at_any_boundary_of_a_step_is_mended(
    pi: Simulator, witness: Witness, part: Any, record_property: Callable[[str, object], None]
) -> None:
    crashes = Crashes(pi, witness)

    if WHOLE:
        crashes.all_of(part, every=EVERY, start=MEETINGS.index(part))
    else:
        crashes.some_of(part, turn=TURN)

    record_property("crashes", crashes.died)
    record_property("stories after a crash", crashes.followed)
    assert crashes.problems == []
    assert crashes.died >= (FEWEST_ENTRY_POINTS * 2 // EVERY if WHOLE else 2)
    assert crashes.followed >= (len(AFTERMATHS) if WHOLE else 2)


CONTROLS = {
    damage.look_at_nothing_later: (scenes.ordered, approve, "promise 9"),
    damage.hand_over_in_a_second_commit: (scenes.signed, complete, "promise 4"),
    damage.approve_before_the_hold: (scenes.ordered, approve, "promise 6"),
}


@pytest.mark.parametrize("harm", CONTROLS, ids=lambda harm: harm.__name__)
def test_without_a_guard_a_crash_breaks_a_promise(
    pi: Simulator, monkeypatch: pytest.MonkeyPatch, harm: Callable[[pytest.MonkeyPatch], None]
) -> None:
    harm(monkeypatch)
    chapter, first, told = CONTROLS[harm]
    crashes = Crashes(pi, Witness())

    crashes.mended_by_nobody(scenes.meeting("one payment", chapter), first)

    assert told in "\n".join(crashes.problems)
