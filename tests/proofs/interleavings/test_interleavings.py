"""Whoever acts at whichever boundary of whose step: every promise holds.

`make test` lets each rival meet each entry point at one boundary, half of the pairs on each database;
`make interleavings` (PROOF=whole) takes every scene, boundary and rival; EVERY=10 a tenth of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.conf import settings

from pi_simulator import Simulator
from tests.proofs import damage, scenes
from tests.proofs.entry_points import (
    ENTRY_POINTS,
    RIVALS,
    EntryPoint,
    approve,
    buyer_signs,
    buyer_signs_unseen,
    cancel_order,
    honour,
    recover,
)
from tests.proofs.interleavings.interleavings import Interleavings
from tests.proofs.replay import Stage
from tests.proofs.scenes import SETTINGS, Meeting
from tests.proofs.witness import Witness

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]

WHOLE = os.environ.get("PROOF") == "whole"
EVERY = int(os.environ.get("EVERY", "1"))
MEETINGS = [meeting for meetings in SETTINGS.values() for meeting in meetings]
TURN = sorted(settings.DATABASE_URLS).index(settings.TEST_DATABASE)
# A run that finds less to do than this has lost something.
FEWEST_ENTRY_POINTS, FEWEST_RIVALS, FEWEST_SCENES = 19, 23, 57


def name_of(part: object) -> str:
    return getattr(part, "__name__", str(part))


def test_no_entry_point_rival_or_scene_is_left_out() -> None:
    assert len(ENTRY_POINTS) >= FEWEST_ENTRY_POINTS
    assert len(RIVALS) >= FEWEST_RIVALS
    assert len(MEETINGS) >= FEWEST_SCENES


# The whole goes scene by scene: most ends that are alike are those of one scene, and are asked about once.
@pytest.mark.parametrize("part", MEETINGS if WHOLE else ENTRY_POINTS, ids=name_of)
def test_a_rival_at_any_boundary_of_a_step_breaks_no_promise(
    pi: Simulator, witness: Witness, part: Any, record_property: Callable[[str, object], None]
) -> None:
    interleavings = Interleavings(pi, witness)

    if WHOLE:
        interleavings.all_of(part, every=EVERY, start=MEETINGS.index(part))
    else:
        interleavings.some_of(part, turn=TURN)

    record_property("interleavings", interleavings.ran)
    assert interleavings.problems == []
    # At least two boundaries each: before it begins, and when it is done.
    whole = FEWEST_ENTRY_POINTS * 2 * FEWEST_RIVALS // EVERY
    assert interleavings.ran >= (whole if WHOLE else FEWEST_RIVALS // 2)


def test_a_step_can_be_stopped_at_each_of_its_boundaries(pi: Simulator, witness: Witness) -> None:
    stage = Stage(pi, scenes.meeting("one payment", scenes.ordered))

    passed = Interleavings(pi, witness).boundaries(stage, approve)

    assert [name for name in passed if "SELECT" not in name] == [
        "before Pi acts on GET payment",
        "after Pi acted on GET payment",
        "after a commit",
        "after a commit",
        "after Pi acted on POST approve",
        "after a commit",
    ]


class Control(NamedTuple):
    """With the guard away, `rival` at some boundary of `first` does a harm of which we are `told`."""

    harm: Callable[[pytest.MonkeyPatch], None]
    where: Meeting
    first: EntryPoint
    rival: EntryPoint
    told: str

    def __str__(self) -> str:
        return self.harm.__name__


approved = scenes.meeting("one payment", scenes.approved)
CONTROLS = [
    Control(damage.release_without_asking_pi, approved, recover, buyer_signs, "promise 6"),
    Control(damage.forget_what_is_cancelled, approved, recover, buyer_signs_unseen, "promise 4"),
    Control(damage.keep_money_that_is_not_used, approved, cancel_order, buyer_signs_unseen, "promise 4"),
    Control(
        *(damage.move_what_was_read, scenes.meeting("one payment", scenes.late)),
        *(cancel_order, recover, "promise 3"),
    ),
    Control(
        *(damage.honour_while_money_leaves, scenes.meeting("one payment", scenes.refund_approved)),
        *(honour, recover, "promise 4"),
    ),
    Control(
        *(damage.release_what_others_hold, scenes.meeting("two payments", scenes.seen, scenes.seen)),
        *(recover, approve, "promise 6"),
    ),
    # This harm is forbidden by the database, which is no answer that an entry point may give.
    Control(
        *(damage.hold_more_than_there_is, scenes.meeting("two orders", scenes.ordered, scenes.ordered)),
        *(approve, approve, "variant_reserved_within_on_hand"),
    ),
]


@pytest.mark.parametrize("control", CONTROLS, ids=str)
def test_without_a_guard_a_rival_breaks_a_promise(
    pi: Simulator, monkeypatch: pytest.MonkeyPatch, control: Control
) -> None:
    control.harm(monkeypatch)
    interleavings = Interleavings(pi, Witness())

    interleavings.pair(control.where, control.first, control.rival)

    assert control.told in "\n".join(interleavings.problems)
