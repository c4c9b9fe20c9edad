"""A process dies at one of its boundaries. What mends it is what really comes afterwards, and nothing else:
the callbacks that the SDK repeats by itself, the buyer who opens the shop again, and the two commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.core.cache import cache
from django.db import connection

from pi_simulator import Simulator
from pi_simulator.refusal import SimulatorRefusal
from tests.proofs.boundaries import Boundaries
from tests.proofs.entry_points import (
    COMMANDS,
    ENTRY_POINTS,
    EntryPoint,
    approve,
    attempt,
    cancel,
    complete,
    place_order,
    reconcile,
    recover,
)
from tests.proofs.interleavings.interleavings import at_home
from tests.proofs.promises import pass_time, run_commands
from tests.proofs.replay import Stage, likeness
from tests.proofs.scenes import HOLD_IS_OVER, SETTINGS, Hand, Meeting, Scene
from tests.proofs.witness import Witness

REPEATS = 6  # so often does the SDK call, ten seconds apart
SECONDS_BETWEEN = 10


class Died(BaseException):
    """The end of a process: nothing in the shop catches it, and nothing is told to anybody."""


def die_in(entry_point: EntryPoint, scene: Scene, hand: Hand, at: int) -> str:
    """Call the entry point and die at the boundary with this number.

    Return the boundary's name, or nothing when the call ended before it.
    """
    boundaries = Boundaries(scene.pi, at, _die)
    try:
        with boundaries.watching():
            attempt(entry_point, scene, hand)
    except Died:
        connection.close()
        cache.clear()
        return boundaries.passed[at]
    return ""


def _die() -> None:
    raise Died


# What comes afterwards -----------------------------------------------------------------------------------
# Each yields after everything that has happened, and then the promises are asked about.

Aftermath = Callable[[Scene], Iterator[None]]


def nobody_comes_back(scene: Scene) -> Iterator[None]:
    yield from ()


def the_sdk_repeats(scene: Scene) -> Iterator[None]:
    """Call again from the open page while Pi waits for us; its buyer signs when asked to."""
    hand = scene.mine
    attempt(place_order, scene, hand)  # a tap that nobody answered is made once more
    yield
    yield from _repeat(approve, scene, while_true=lambda: _waits(hand, approved=False))
    if _waits(hand, approved=True):
        scene.pi.sign(hand.identifier)
    yield from _repeat(complete, scene, while_true=lambda: _signed(hand))
    yield from _repeat(cancel, scene, while_true=lambda: _closed(hand), times=1)


def the_buyer_returns(scene: Scene) -> Iterator[None]:
    """Visit again, another day: `authenticate` finds what is incomplete."""
    pioneer = scene.pi.pioneer(scene.mine.pioneer.username)
    if scene.pi.incomplete_payment_of(pioneer) is not None:
        attempt(recover, scene, scene.mine)
    yield


def signed_and_recorded_late(scene: Scene) -> Iterator[None]:
    """Sign without Pi learning of it, so that we cancel at Pi, and then have Pi record it after all."""
    hand = scene.mine
    if _waits(hand, approved=True):
        scene.pi.sign(hand.identifier, recorded=False)
    pass_time(scene.pi, HOLD_IS_OVER)
    run_commands()
    yield
    if _at_pi(hand) and scene.pi.txid_of(hand.identifier) is not None:
        scene.pi.record_transaction(hand.identifier)
    yield


AFTERMATHS: tuple[Aftermath, ...] = (
    nobody_comes_back,
    the_sdk_repeats,
    the_buyer_returns,
    signed_and_recorded_late,
)


def _repeat(
    entry_point: EntryPoint, scene: Scene, *, while_true: Callable[[], bool], times: int = REPEATS - 1
) -> Iterator[None]:
    for _ in range(times):
        if not while_true():
            return
        scene.pi.clock.move(seconds=SECONDS_BETWEEN)
        attempt(entry_point, scene, scene.mine)
        yield


def _waits(hand: Hand, *, approved: bool) -> bool:
    """Return whether Pi waits for our approval, or (approved) for the buyer's signature."""
    shown = _at_pi(hand)
    if shown is None or _closed(hand) or hand.pi.txid_of(hand.identifier) is not None:
        return False
    return shown["status"]["developer_approved"] == approved


def _signed(hand: Hand) -> bool:
    shown = _at_pi(hand)
    return bool(shown and shown["transaction"] and not shown["status"]["developer_completed"])


def _closed(hand: Hand) -> bool:
    shown = _at_pi(hand)
    return bool(shown and (shown["status"]["cancelled"] or shown["status"]["user_cancelled"]))


def _at_pi(hand: Hand) -> dict[str, Any] | None:
    try:
        return hand.pi.payment(hand.identifier)
    except SimulatorRefusal:  # Pi has forgotten it
        return None


# Dying everywhere ----------------------------------------------------------------------------------------


@dataclass
class Crashes:
    """Lets a process die again and again and remembers how often, how many of the stories that begin there
    were followed to their end, and every broken promise."""

    pi: Simulator
    witness: Witness
    died: int = 0
    followed: int = 0
    problems: list[str] = field(default_factory=list)
    _left: set[str] = field(default_factory=set)

    def all_of(self, meeting: Meeting, *, every: int = 1, start: int = 0) -> None:
        """Die at every boundary of every entry point and command; or at every so many-th, from `start` on, so
        that each meeting can take others.

        Whoever dies forgets everything. So of deaths that leave the same behind one is followed, but that in
        full: with every aftermath, and with another death at every boundary of the reconciler that mends it.
        """
        stage = Stage(self.pi, meeting)
        each = (
            (first, at) for first in ENTRY_POINTS + COMMANDS for at in range(self.boundaries(stage, first))
        )
        for first, at in islice(each, start % every, None, every):
            if self._leaves_something_new(stage, first, at):
                for aftermath in AFTERMATHS:
                    self.one(stage, first, at, aftermath)
                again = 0
                while self.twice(stage, first, at, again):
                    again += 1

    def mended_by_nobody(self, meeting: Meeting, first: EntryPoint) -> None:
        """Die at every boundary of `first`, and let only the commands come afterwards."""
        stage = Stage(self.pi, meeting)
        for at in range(self.boundaries(stage, first)):
            self.one(stage, first, at, nobody_comes_back)

    def some_of(self, first: EntryPoint, *, turn: int) -> None:
        """Die at every second boundary of one scene, with changing aftermaths, and once more during repair.

        The next turn takes the other boundaries, and another scene.
        """
        stage = Stage(self.pi, at_home(SETTINGS["one payment"], first, turn))
        places = range(turn % 2, self.boundaries(stage, first), 2)
        for nth, at in enumerate(places):
            self.one(stage, first, at, AFTERMATHS[(nth + turn) % len(AFTERMATHS)])
        self.twice(stage, first, places[-1], 1 + turn)

    def boundaries(self, stage: Stage, first: EntryPoint) -> int:
        scene, boundaries = stage.begin(), Boundaries(self.pi)
        with boundaries.watching():
            attempt(first, scene, scene.mine)
        return len(boundaries.passed)

    def _leaves_something_new(self, stage: Stage, first: EntryPoint, at: int) -> bool:
        scene = stage.begin()
        die_in(first, scene, scene.mine, at)
        self.died += 1
        left = likeness(scene, history=True)
        is_new = left not in self._left
        self._left.add(left)
        return is_new

    def one(self, stage: Stage, first: EntryPoint, at: int, aftermath: Aftermath) -> None:
        scene = stage.begin()
        place = die_in(first, scene, scene.mine, at)
        self.died += 1
        self._follow(
            f"{stage.meeting}: {first.__name__} died {place}, {aftermath.__name__}", scene, aftermath
        )

    def twice(self, stage: Stage, first: EntryPoint, at: int, again: int) -> bool:
        """Die again while reconciliation repairs it; return whether that had so many boundaries to die at."""
        scene = stage.begin()
        place = die_in(first, scene, scene.mine, at)
        second = die_in(reconcile, scene, scene.mine, again)
        if not second:
            return False
        self.died += 2
        name = f"{stage.meeting}: {first.__name__} died {place}, then the reconciler {second}"
        self._follow(name, scene, nobody_comes_back)
        return True

    def _follow(self, name: str, scene: Scene, aftermath: Aftermath) -> None:
        self.followed += 1
        try:
            problems = self.witness.ask_now(scene)
            for _ in aftermath(scene):
                problems += self.witness.ask_now(scene)
            problems += self.witness.ask(scene)
        except Exception as error:  # an answer that no entry point documents
            problems = [f"{type(error).__name__}: {error}"]
        self.problems += [f"{name}: {problem}" for problem in problems]
