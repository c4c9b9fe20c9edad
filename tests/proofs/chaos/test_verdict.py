"""The verdict is silent over a healthy story, and speaks up over each kind of damage."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from payments.models import DeliveredCode, Event, Order, PiPayment
from pi_simulator import Simulator
from tests.payments.page import Page
from tests.proofs.chaos.phone import Memory
from tests.proofs.chaos.verdict import heal, judge
from tests.proofs.promises import Goods

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

BEFORE = Decimal(1000)


class Books:
    """A simulator of this process, asked as if it were another one."""

    def __init__(self, pi: Simulator) -> None:
        self._pi = pi
        self.clock = pi.clock
        self.clear, self.record = pi.faults.clear, pi.record_transaction

    def payments(self) -> list[dict[str, Any]]:
        return [shown | {"on_chain": self._pi.txid_of(shown["identifier"])} for shown in self._pi.payments()]

    def balance_of_the_shop(self) -> Decimal:
        return self._pi.state()["app"]["balance"]


@pytest.fixture
def story(alice: Page, bob: Page) -> tuple[Books, Goods, Memory]:
    """Leave three purchases: bought and answered, paid without Pi hearing of it, and abandoned."""
    goods, memory = Goods(), Memory()
    order = alice.buy({"voucher": 1})
    memory.ordered("tap", order.reference)
    memory.told_completed(order.payments.get().identifier)
    _, unheard = bob.approved({"mug": 1})
    bob.pi.sign(unheard, recorded=False)
    Page(alice.pi, "carol").sign_in().approved({"mug": 2})
    books = Books(alice.pi)
    assert heal(books) == []
    return books, goods, memory


def problems(story: tuple[Books, Goods, Memory]) -> str:
    return "\n".join(judge(*story, balance_before=BEFORE).problems)


def test_the_verdict_on_a_healthy_shop_names_no_problem(story: tuple[Books, Goods, Memory]) -> None:
    verdict = judge(*story, balance_before=BEFORE)

    assert verdict.problems == []
    assert [verdict.figures[name] for name in ("payments completed", "payments cancelled")] == [2, 1]


def forget_the_payment(memory: Memory) -> None:
    Event.objects.filter(payment__order__reference=memory.orders["tap"])._raw_delete("default")
    PiPayment.objects.filter(order__reference=memory.orders["tap"]).update(status="cancelled", txid=None)


def answer_for_nothing(memory: Memory) -> None:
    memory.told_completed("never heard of")


def answer_an_order_that_is_not_kept(memory: Memory) -> None:
    memory.ordered("another tap", "LOST-LOST-LO")


def answer_one_tap_twice(memory: Memory) -> None:
    memory.ordered("tap", "ANOTHER-ONE")


def hand_over_twice(memory: Memory) -> None:
    order = Order.objects.get(reference=memory.orders["tap"])
    Event.objects.create(order=order, kind="moved", before="reserved", after="paid", actor="x", cause="x")


def book_another_amount(memory: Memory) -> None:
    PiPayment.objects.filter(order__reference=memory.orders["tap"]).update(amount=Decimal("0.2"))


def take_a_code_away(memory: Memory) -> None:
    DeliveredCode.objects.all().delete()


def leave_an_order_open(memory: Memory) -> None:
    Order.objects.filter(status="expired").update(status="pending")


def answer_500(memory: Memory) -> None:
    memory.note("POST /payments/complete", 500, {}, {})


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (forget_the_payment, "lost: payment"),
        (answer_for_nothing, "lost: payment never heard of was answered completed"),
        (answer_an_order_that_is_not_kept, "lost: order LOST-LOST-LO was answered 201"),
        (answer_one_tap_twice, "one tap was answered with two orders"),
        (hand_over_twice, "was handed over 2 times"),
        (book_another_amount, "π reached the wallet, but our books say"),
        (take_a_code_away, "check_ledger --pi"),
        (leave_an_order_open, "is still pending"),
        (answer_500, "POST /payments/complete was answered 500"),
    ],
)
def test_the_verdict_names_each_kind_of_damage(
    story: tuple[Books, Goods, Memory], damage: Callable[[Memory], None], word: str
) -> None:
    damage(story[2])

    assert word in problems(story)
