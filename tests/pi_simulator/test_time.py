"""What the clock does to payments and tokens."""

from __future__ import annotations

import pytest

from pi_simulator import Pioneer, Simulator

from .conftest import Shop


@pytest.mark.parametrize(
    ("setting", "flags"),
    [
        ("cancelled", (True, False)),
        ("user_cancelled", (False, True)),
        ("nothing", (False, False)),
    ],
)
def test_without_approval_the_dialog_closes_after_a_minute(
    pi: Simulator, opened: str, setting: str, flags: tuple[bool, bool]
) -> None:
    pi.quirks.expired_sets = setting  # type: ignore[assignment]

    pi.clock.move(seconds=60)

    status = pi.payment(opened)["status"]
    assert (status["cancelled"], status["user_cancelled"]) == flags


def test_an_approved_payment_waits_for_the_buyer(pi: Simulator, approved: str) -> None:
    pi.clock.move(seconds=24 * 3600)

    assert pi.sign(approved)


def test_an_approval_after_the_window_is_too_late(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.clock.move(seconds=60)

    assert shop.code_of(shop.approve(opened)) == (400, "cancelled_payment")


def test_an_expired_payment_does_not_block_the_buyer(pi: Simulator, alice: Pioneer, opened: str) -> None:
    pi.clock.move(seconds=60)

    assert pi.incomplete_payment_of(alice) is None


def test_the_approval_window_can_elapse_at_once(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    pi.faults.add("approval_elapses", times=1)
    late, later = pi.create_payment(alice), pi.create_payment(pi.pioneer("bob"))

    assert shop.code_of(shop.approve(late)) == (400, "cancelled_payment")
    assert shop.approve(later)[0] == 200


def test_the_clock_only_moves_forward(pi: Simulator) -> None:
    before = pi.clock.now()

    assert (pi.clock.move(seconds=3600) - before).total_seconds() >= 3600
    with pytest.raises(ValueError, match="only moves forward"):
        pi.clock.move(seconds=-1)


def test_a_token_expires_after_its_lifetime(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    token = pi.sign_in(alice, lifetime=600)
    shop.session.headers["Authorization"] = f"Bearer {token}"

    assert shop.get("/me")[0] == 200
    pi.clock.move(seconds=600)
    assert shop.get("/me")[0] == 401


def test_a_checkpoint_restores_all_data_and_the_time(pi: Simulator, approved: str) -> None:
    alice = pi.pioneer("alice")
    before, balance = pi.payments(), pi.balance_of(alice)
    restore = pi.checkpoint()

    for _ in range(2):
        pi.sign(approved)
        pi.create_payment(pi.pioneer("bob"))
        pi.clock.move(seconds=3600)
        restore()

        assert pi.payments() == before
        assert pi.balance_of(alice) == balance
        assert pi.txid_of(approved) is None
        assert pi.clock.offset == 0
