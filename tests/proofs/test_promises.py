"""The witnesses are silent over a healthy story, and speak up over each kind of damage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from catalog.models import Variant
from payments.models import Order, PiPayment
from tests.payments.page import Page
from tests.proofs.promises import Goods, broken, broken_at_rest, heal, pass_time, run_commands

pytestmark = pytest.mark.django_db


def test_a_healthy_story_breaks_no_promise_while_it_runs_and_at_rest(alice: Page, bob: Page) -> None:
    goods = Goods()
    alice.buy({"mug": 2, "voucher": 1})
    _, abandoned = bob.approved({"mug": 1})
    assert broken(alice.pi, goods) == []

    heal(alice.pi)

    assert broken_at_rest(alice.pi, goods) == []
    assert PiPayment.objects.get(identifier=abandoned).status == "cancelled"


def test_a_lost_answer_is_healed(alice: Page) -> None:
    goods = Goods()
    _, identifier = alice.approved({"voucher": 2})
    txid = alice.pi.sign(identifier)
    alice.pi.faults.add("lose_answer", path="/complete")
    alice.complete(identifier, txid, expect=503)

    heal(alice.pi)

    assert broken_at_rest(alice.pi, goods) == []
    assert PiPayment.objects.get().status == "completed"


def lose_a_unit(identifier: str, page: Page) -> None:
    Variant.objects.filter(sku="mug").update(on_hand=F("on_hand") - 1)


def release_what_could_be_paid(identifier: str, page: Page) -> None:
    Variant.objects.filter(sku="mug").update(reserved=0)
    Order.objects.update(status="pending", held_by=None, reserved_until=None)


def call_it_cancelled(identifier: str, page: Page) -> None:
    PiPayment.objects.update(status="cancelled")


def call_it_completed(identifier: str, page: Page) -> None:
    PiPayment.objects.update(status="completed", txid="a" * 64)


def pay_behind_our_back(identifier: str, page: Page) -> None:
    page.pi.complete(identifier, page.pi.sign(identifier))
    PiPayment.objects.update(next_check_at=None)


@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        (lose_a_unit, "promise 1"),
        (release_what_could_be_paid, "promise 6"),
        (call_it_cancelled, "promise 6"),
        (call_it_completed, "promise 5"),
        (pay_behind_our_back, "promise 4"),
    ],
)
def test_each_kind_of_damage_breaks_its_promise(
    alice: Page, damage: Callable[[str, Page], None], promise: str
) -> None:
    goods = Goods()
    _, identifier = alice.approved({"mug": 1})

    damage(identifier, alice)

    problems = "\n".join([*broken(alice.pi, goods), *broken_at_rest(alice.pi, goods)])
    assert f"{promise}:" in problems


def test_an_unfinished_payment_is_noticed_at_rest(alice: Page) -> None:
    goods = Goods()
    alice.approved({"mug": 1})

    assert "promise 9" in "\n".join(broken_at_rest(alice.pi, goods))


def test_time_passes_in_the_database_and_at_pi(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})

    pass_time(alice.pi, timedelta(minutes=16))

    assert dict(run_commands()) == {identifier: "cancelled"}
    order.refresh_from_db()
    assert order.status == "expired"
