"""Asks about the promises from a scene's end until nothing moves any more, and of what is alike only once.

What comes after a moment depends on that moment alone: where two scenes are alike but for names and seconds,
the second has nothing to tell that the first has not told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from payments.domain import decisions
from payments.models import PiPayment
from payments.moves import Author
from payments.pi.client import PiClient
from payments.statuses import OPEN
from pi_simulator import Simulator
from tests.proofs.promises import broken, broken_at_rest, heal, pass_time, run_commands
from tests.proofs.replay import likeness
from tests.proofs.scenes import Scene

# These moments are told from others by their whole history.
MOMENTS = ("a moment", "now")
A_WHILE = timedelta(minutes=20)


@dataclass
class Witness:
    """`ends` counts the different moments at which somebody was asked."""

    ends: int = 0
    _known: set[tuple[str, str]] = field(default_factory=set)

    def ask_now(self, scene: Scene) -> list[str]:
        """Return every promise that is broken at this moment."""
        return [] if self._is_known("a moment", scene) else broken(scene.pi, scene.goods)

    def ask(self, scene: Scene) -> list[str]:
        """Let faults end, time pass and the commands run.

        Return every promise that is broken now, on the way, or at rest.
        """
        if self._is_known("now", scene):
            return []
        self.ends += 1
        problems = broken(scene.pi, scene.goods)
        pass_time(scene.pi, A_WHILE)
        run_commands()
        if self._is_known("after the commands", scene):
            return problems
        _record_what_is_signed(scene.pi)
        heal(scene.pi)
        _close_what_is_forgotten(scene.pi)
        if self._is_known("at rest", scene):
            return problems
        return problems + broken_at_rest(scene.pi, scene.goods)

    def _is_known(self, moment: str, scene: Scene) -> bool:
        alike = (moment, likeness(scene, history=moment in MOMENTS))
        if alike in self._known:
            return True
        self._known.add(alike)
        return False


def _record_what_is_signed(pi: Simulator) -> None:
    """Have Pi learn late of what was signed, be the payment cancelled meanwhile or not."""
    for shown in pi.payments():
        identifier = shown["identifier"]
        if shown["transaction"] is None and pi.txid_of(identifier) is not None:
            pi.record_transaction(identifier)


def _close_what_is_forgotten(pi: Simulator) -> None:
    """Close, as staff, what Pi does not know. Only staff may: Pi's servers answer 404 on a bad day, too."""
    known = {shown["identifier"] for shown in pi.payments()}
    for payment in PiPayment.objects.filter(status__in=OPEN).exclude(identifier__in=known):
        decisions.close_missing(payment, pi=PiClient(seconds=9), by=Author("staff carol", "close_missing"))
    run_commands()
