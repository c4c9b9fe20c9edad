"""Generated histories: a few in every run of the tests, and proof that they find what is broken.

The seed is fixed, so that a change which breaks nothing is never stopped by a story that nobody has seen
before: `make soak` looks for those.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from payments.domain import protocol, sync
from payments.models import PiPayment
from payments.moves import Author
from payments.pi.client import PaymentRecord
from tests.proofs.histories.at_work import Broken, Seen
from tests.proofs.histories.histories import Histories, run

pytestmark = pytest.mark.django_db
SEED, HISTORIES = 1, 6


@pytest.fixture(autouse=True)
def seen() -> Seen:
    Histories.seen = Seen()
    return Histories.seen


def test_no_history_breaks_a_promise(seen: Seen) -> None:
    run(seed=SEED, histories=HISTORIES)

    assert seen.steps > HISTORIES * 40
    assert seen.deaths.total() > 0
    assert seen.moves["order", "reserved", "paid"] > 0


def release_by_the_clock(patch: pytest.MonkeyPatch) -> None:
    def reconcile(payment: PiPayment, *, pi: object, by: Author) -> PiPayment:
        return sync.record_cancelled(payment, by=by)

    patch.setattr(protocol, "reconcile", reconcile)


def believe_an_unverified_transaction(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaymentRecord, "completed", property(lambda shown: shown.txid is not None))


def ask_for_no_refund(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sync, "request_refund", lambda *args, **options: None)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("take_away", "promise"),
    [
        (release_by_the_clock, "promise [46]"),
        (believe_an_unverified_transaction, "promise [35]"),
        (ask_for_no_refund, "promise 4"),
    ],
)
def test_without_a_guard_a_history_tells_what_breaks(
    monkeypatch: pytest.MonkeyPatch, take_away: Callable[[pytest.MonkeyPatch], None], promise: str
) -> None:
    take_away(monkeypatch)

    with pytest.raises(Broken, match=promise):
        run(seed=SEED, histories=HISTORIES, shrink=False)
