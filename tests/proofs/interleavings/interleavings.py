"""Two actors, one in the middle of a step of the other's: every boundary, every pair of entry points.

One begins; at one of the boundaries somebody else calls an entry point and finishes; then the first goes on.
Afterwards the promises are checked, time passes, the commands run, and the promises are checked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from pi_simulator import Simulator
from tests.proofs.boundaries import Boundaries
from tests.proofs.entry_points import AT_HOME, ENTRY_POINTS, RIVALS, EntryPoint, attempt
from tests.proofs.replay import Stage
from tests.proofs.scenes import SETTINGS, Meeting, Scene
from tests.proofs.witness import Witness


@dataclass
class Interleavings:
    """Runs them and remembers: how many there were, how the rivals fared, and every broken promise."""

    pi: Simulator
    witness: Witness
    ran: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def all_of(self, meeting: Meeting, *, every: int = 1, start: int = 0) -> None:
        """Let every rival act at every boundary of every entry point.

        Or at every so many-th of these, from `start` on, so that each meeting can take others.
        """
        stage = Stage(self.pi, meeting)
        each = (
            (first, rival, at)
            for first in ENTRY_POINTS
            for at in range(len(self.boundaries(stage, first)))
            for rival in RIVALS
        )
        for first, rival, at in islice(each, start % every, None, every):
            self.one(stage, first, rival, at)

    def pair(self, meeting: Meeting, first: EntryPoint, rival: EntryPoint) -> None:
        """Let one rival act at every boundary of `first`."""
        stage = Stage(self.pi, meeting)
        for at in range(len(self.boundaries(stage, first))):
            self.one(stage, first, rival, at)

    def some_of(self, first: EntryPoint, *, turn: int) -> None:
        """Let every second rival act once, at another boundary each.

        The scenes are those of all settings in which `first` has much to do. The next turn takes the other
        rivals, and other scenes.
        """
        rivals = RIVALS[turn % 2 :: 2]
        for place, setting in enumerate(SETTINGS.values()):
            stage = Stage(self.pi, at_home(setting, first, turn))
            count = len(self.boundaries(stage, first))
            for nth, rival in enumerate(rivals[place :: len(SETTINGS)]):
                self.one(stage, first, rival, (place + turn + 2 * nth + 1) % count)

    def boundaries(self, stage: Stage, first: EntryPoint) -> list[str]:
        """Return the boundaries that `first` passes when nobody disturbs it."""
        scene = stage.begin()
        boundaries = Boundaries(self.pi)
        self._play(f"{stage.meeting}: {first.__name__} alone", scene, first, boundaries)
        return boundaries.passed

    def one(self, stage: Stage, first: EntryPoint, rival: EntryPoint, at: int) -> None:
        scene = stage.begin()
        fared = "never came"

        def act() -> None:
            nonlocal fared
            fared = attempt(rival, scene, scene.theirs) or "done"

        boundaries = Boundaries(self.pi, at, act)
        name = f"{stage.meeting}: {rival.__name__} in {first.__name__}"
        self._play(name, scene, first, boundaries)
        self.ran += 1
        self.answers[fared] += 1
        if fared == "never came":
            self.problems.append(f"{name}: boundary {at} was never reached")

    def _play(self, name: str, scene: Scene, first: EntryPoint, boundaries: Boundaries) -> None:
        try:
            with boundaries.watching():
                attempt(first, scene, scene.mine)
            problems = self.witness.ask(scene)
        except Exception as error:  # an answer that no entry point documents
            problems = [f"{type(error).__name__}: {error}"]
        place = boundaries.passed[boundaries.at] if 0 <= boundaries.at < len(boundaries.passed) else ""
        self.problems += [f"{name} {boundaries.at} {place}: {problem}" for problem in problems]


def at_home(setting: Sequence[Meeting], first: EntryPoint, turn: int) -> Meeting:
    """Return a scene of the setting in which the entry point has much to do; each turn takes another."""
    meetings = [meeting for meeting in setting if meeting.chapters[0] in AT_HOME[first]] or setting
    return meetings[turn % len(meetings)]
