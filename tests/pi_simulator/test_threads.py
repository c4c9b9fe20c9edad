"""Many at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from pi_simulator import Simulator

from .conftest import Shop


def all_at_once(actions: list[Callable[[], object]]) -> None:
    """Run every action in its own thread, all released by one barrier."""
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        barrier.wait()
        action()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_only_one_of_many_concurrent_approvals_succeeds(pi: Simulator, opened: str) -> None:
    statuses: list[int] = []

    all_at_once([lambda: statuses.append(Shop(pi).approve(opened)[0])] * 16)

    assert Counter(statuses) == {200: 1, 400: 15}


def test_concurrent_payments_conserve_money(pi: Simulator) -> None:
    before = pi.balance_of(pi.app_wallet)
    payments = [pi.create_payment(pi.pioneer(f"buyer{n}"), amount="0.1") for n in range(16)]
    for payment in payments:
        pi.approve(payment)

    all_at_once([partial(pi.sign, payment) for payment in payments])

    assert pi.balance_of(pi.app_wallet) == before + Decimal("1.6")
