"""The state of the simulated Pi at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from .calls import Call
from .records import Payment, Pioneer
from .world import World

PAYMENTS_SHOWN = 50
CALLS_SHOWN = 30


def snapshot(world: World, calls: Sequence[Call]) -> dict[str, Any]:
    """Return pioneers, payments, faults, clock and the latest calls; newest payments and calls first."""
    world.expire_due()
    latest = islice(reversed(world.payments.values()), PAYMENTS_SHOWN)
    return {
        "network": world.network,
        "clock": {"now": world.clock.now().isoformat(), "offset": world.clock.offset},
        "app": {
            "wallet": world.app_wallet,
            "balance": world.chain.balances[world.app_wallet],
        },
        "pioneers": [_pioneer(world, pioneer) for pioneer in world.pioneers.values()],
        "payments": [_payment(world, payment) for payment in latest],
        "faults": [asdict(fault) for fault in world.faults.armed],
        "calls": [asdict(call) for call in reversed(calls[-CALLS_SHOWN:])],
    }


def _pioneer(world: World, pioneer: Pioneer) -> dict[str, Any]:
    return asdict(pioneer) | {
        "balance": world.chain.balances[pioneer.wallet],
        "granted": sorted(world.granted[pioneer.uid]),
    }


def _payment(world: World, payment: Payment) -> dict[str, Any]:
    """Return what the API sends, and what only the phone and the chain know."""
    remaining = (payment.approve_until - world.clock.now()).total_seconds()
    return world.dto(payment) | {
        "username": payment.pioneer.username,
        "app": payment.app,
        "signed": payment.signed is not None,
        "expired": payment.expired,
        "approval_seconds_left": 0 if payment.developer_approved else max(0, int(remaining)),
    }
