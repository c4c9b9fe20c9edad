"""A scene is brought back whole, and two scenes are taken for the same only where they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from catalog.models import DeliveryCode, Variant
from payments.models import Order, PiPayment
from pi_simulator import Simulator
from tests.proofs import scenes
from tests.proofs.entry_points import attempt, complete, report_error
from tests.proofs.promises import pass_time
from tests.proofs.replay import Stage, likeness
from tests.proofs.scenes import Scene, meeting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]
SIGNED = meeting("one payment", scenes.signed_unseen)


def test_a_scene_told_twice_ends_alike(pi: Simulator) -> None:
    told = [likeness(Stage(pi, SIGNED).begin(), history=True) for _ in range(2)]

    assert told[0] == told[1]


def test_a_scene_is_brought_back_after_it_was_played(pi: Simulator) -> None:
    stage = Stage(pi, SIGNED)
    before = likeness(stage.begin(), history=True)

    scene = stage.begin()
    attempt(complete, scene, scene.mine)
    after = likeness(scene, history=True)

    assert after != before
    assert likeness(stage.begin(), history=True) == before


CHANGES: list[Callable[[Scene], object]] = [
    lambda scene: Variant.objects.filter(sku="mug").update(on_hand=F("on_hand") - 1),
    lambda scene: DeliveryCode.objects.last().delete(),
    lambda scene: Order.objects.update(attention="look"),
    lambda scene: PiPayment.objects.update(refusal="amount_mismatch"),
    lambda scene: PiPayment.objects.update(next_check_at=None),
    lambda scene: Order.objects.update(held_by=None, reserved_until=None, status="pending"),
    lambda scene: attempt(report_error, scene, scene.mine),
    lambda scene: scene.pi.record_transaction(scene.mine.identifier),
    lambda scene: scene.pi.tamper(scene.mine.identifier, amount="7"),
    lambda scene: pass_time(scene.pi, timedelta(minutes=3)),
    lambda scene: scene.goods.changed(Variant.objects.get(sku="mug"), by=1),
]


@pytest.mark.parametrize("history", [True, False])
def test_two_states_that_differ_in_what_matters_are_not_alike(pi: Simulator, history: bool) -> None:
    stage = Stage(pi, SIGNED)
    before = likeness(stage.begin(), history=history)
    alike = []

    for number, change in enumerate(CHANGES):
        scene = stage.begin()
        change(scene)
        if likeness(scene, history=history) == before:
            alike.append(number)

    assert alike == []
