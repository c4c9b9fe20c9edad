"""The last units, and what becomes of them when each guard of theirs is taken away.

The race itself, with two hundred buyers and real processes, is in `test_processes`; forty at once on both
databases are in `tests.payments.domain.test_races`.
"""

from __future__ import annotations

import threading
from functools import partial

import pytest

from catalog.models import Variant
from payments.audit import invariants
from payments.domain import protocol, reconciliation
from payments.domain.reconciliation import reconcile_due
from payments.models import PiPayment
from pi_simulator.calls import Call
from tests.catalog.goods import counted
from tests.payments.domain.test_races import at_once
from tests.payments.page import Page
from tests.proofs.promises import RECONCILER
from tests.proofs.races import guards
from tests.proofs.races.stage import stage
from tests.proofs.races.test_open_transactions import make_due

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS, UNITS = 20, 10  # `shelf` has ten mugs


@pytest.fixture
def tapped(alice: Page, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Page, str]]:
    """Have every buyer order one of ten mugs, up to the wallet's call for approval."""
    monkeypatch.setattr(protocol, "CALLBACK_SECONDS", 60)
    pages = [Page(alice.pi, f"buyer{n}").sign_in() for n in range(BUYERS)]
    return [(page, page.create_payment(page.order({"mug": 1}))) for page in pages]


def approve_at_once(tapped: list[tuple[Page, str]]) -> list[int]:
    answers = at_once(*(partial(page.approve, identifier, expect=None) for page, identifier in tapped))
    return sorted(status for status, _ in answers)


@pytest.mark.postgres
def test_twenty_buyers_of_ten_mugs_are_told_at_once(tapped: list[tuple[Page, str]]) -> None:
    assert approve_at_once(tapped) == [200] * UNITS + [409] * (BUYERS - UNITS)
    assert counted(Variant.objects.get(sku="mug")) == (UNITS, UNITS)


@pytest.mark.postgres
def test_stock_that_is_read_then_saved_promises_the_same_mugs_to_all(
    tapped: list[tuple[Page, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No constraint helps here: each saves what looks right."""
    everybody_has_looked = threading.Barrier(BUYERS, timeout=60)
    guards.holds_by_read_and_save(monkeypatch, between=everybody_has_looked.wait)

    assert approve_at_once(tapped) == [200] * BUYERS

    assert counted(Variant.objects.get(sku="mug")) == (1, UNITS)
    assert "promise 2: variant mug: 20 units are promised to orders, 10 are on hand" in (
        [str(difference) for difference in invariants.differences()]
    )


def test_without_where_the_constraint_on_the_stock_refuses_but_no_buyer_is_told(
    tapped: list[tuple[Page, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes too late is asked to try again, for ever, and the wallet stays open."""
    guards.holds_without_looking(monkeypatch)

    answers = [page.approve(identifier, expect=None) for page, identifier in tapped]

    assert [status for status, _ in answers] == [200] * UNITS + [503] * (BUYERS - UNITS)
    page, last = tapped[-1]
    assert not page.pi.payment(last)["status"]["cancelled"]


@pytest.mark.postgres
def test_without_where_and_constraint_more_mugs_are_promised_than_there_are(
    tapped: list[tuple[Page, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.holds_without_looking(monkeypatch)

    with guards.without_constraint(Variant, "variant_reserved_within_on_hand"):
        assert approve_at_once(tapped) == [200] * BUYERS

        assert counted(Variant.objects.get(sku="mug")) == (BUYERS, UNITS)


# Claims --------------------------------------------------------------------------------------------------


def rival_claims_meanwhile(page: Page) -> list[PiPayment | None]:
    """Return what a second reconciler finds to do while Pi is asked for the first."""
    found: list[PiPayment | None] = []

    def hook(call: Call) -> None:
        if not found:
            found.append(reconciliation.claim_next())

    page.pi.before_call = hook
    list(reconcile_due(proceed=lambda: not found, by=RECONCILER))
    return found


def test_a_payment_that_one_reconciler_has_claimed_is_found_by_no_other(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    make_due(identifier)

    assert rival_claims_meanwhile(alice) == [None]


def test_a_payment_that_is_not_claimed_is_found_by_every_reconciler(
    alice: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.claims_nothing(monkeypatch)
    _, identifier = alice.approved({"mug": 1})
    make_due(identifier)

    assert rival_claims_meanwhile(alice) == [PiPayment.objects.get(identifier=identifier)]


@pytest.mark.postgres
def test_a_reconciler_passes_by_a_payment_that_is_locked(alice: Page, bob: Page) -> None:
    _, locked = alice.approved({"mug": 1})
    _, free = bob.approved({"mug": 1})
    make_due(locked), make_due(free)

    with stage() as opened, opened.holding(PiPayment.objects.filter(identifier=locked)):
        (reconciler,) = opened.enter(reconciliation.claim_next)
        assert reconciler.result(60).identifier == free


@pytest.mark.postgres
def test_without_skip_locked_a_reconciler_waits_for_a_payment_that_is_locked(
    alice: Page, bob: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.queues_behind_rivals(monkeypatch)
    _, locked = alice.approved({"mug": 1})
    _, free = bob.approved({"mug": 1})
    make_due(locked), make_due(free)

    with stage() as opened:
        with opened.holding(PiPayment.objects.filter(identifier=locked)):
            (reconciler,) = opened.enter(reconciliation.claim_next)
            opened.until_waiting(1)
        assert reconciler.result(60).identifier == locked
