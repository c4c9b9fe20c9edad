"""What the shop tells staff: which notice gives way, which is withdrawn; sentences decide nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F, Q
from django.test import Client

from payments.domain.notices import clear_notice, dismiss_notice, set_notice
from payments.domain.settle import UnknownPayment, settle
from payments.models import Event, EventKind, Order, PiPayment, Refund
from payments.moves import Author, record
from payments.pi.client import PiRefused
from payments.statuses import PASSING_NOTICES, Notice
from tests.payments import rows
from tests.payments.page import Page
from tests.payments.situations import asking, cancel, doubted_after, paid_after_cancel, pay_again, unverified
from tests.payments.staff import action_url, page_url

pytestmark = pytest.mark.django_db

BY = Author("staff carol", "dismiss_notice")
FOR_GOOD = sorted(set(Notice) - set(PASSING_NOTICES))


def stored(payment: PiPayment) -> tuple[str, str]:
    return PiPayment.objects.values_list("notice", "notice_detail").get(pk=payment.pk)


def test_a_notice_is_written_to_its_own_row_alone() -> None:
    payment, other = rows.payment(), rows.payment()

    set_notice(payment, Notice.NOT_MOVED, "cancel")

    assert (payment.notice, payment.notice_detail) == stored(payment) == ("not_moved", "cancel")
    assert stored(other) == ("", "")


@pytest.mark.parametrize("passing", PASSING_NOTICES)
@pytest.mark.parametrize("later", [Notice.UNVERIFIED, Notice.UNANSWERED, Notice.NOT_SHOWN])
def test_a_passing_notice_gives_way_to_any_other(passing: Notice, later: Notice) -> None:
    payment = rows.payment()
    set_notice(payment, passing, "some detail")

    set_notice(payment, later)

    assert stored(payment) == (later, "")


@pytest.mark.parametrize("for_good", FOR_GOOD)
def test_a_notice_for_good_gives_way_to_none(for_good: Notice) -> None:
    payment = rows.payment()
    set_notice(payment, for_good)

    set_notice(payment, Notice.UNANSWERED)
    clear_notice(payment)

    assert stored(payment) == (for_good, "")


@pytest.mark.parametrize("passing", PASSING_NOTICES)
def test_a_passing_notice_is_cleared(passing: Notice) -> None:
    payment = rows.payment()
    set_notice(payment, passing, "some detail")

    clear_notice(payment)

    assert (payment.notice, payment.notice_detail) == stored(payment) == ("", "")


@pytest.mark.parametrize("meanwhile", [{"status": "approving"}, {"notice": "unverified"}])
def test_a_stale_copy_of_a_row_writes_no_notice(meanwhile: dict[str, str]) -> None:
    payment = rows.payment("approved")
    PiPayment.objects.filter(pk=payment.pk).update(**meanwhile)

    set_notice(payment, Notice.UNANSWERED)

    assert stored(payment)[0] == meanwhile.get("notice", "")


def test_a_detail_is_cut_to_what_the_column_holds() -> None:
    payment = rows.payment()

    for _ in range(2):
        set_notice(payment, Notice.PI_REFUSES, "x" * 500)

    assert stored(payment) == ("pi_refuses", "x" * 200)


def test_a_notice_is_told_with_its_detail() -> None:
    payment = rows.payment()
    assert payment.notice_text == ""

    set_notice(payment, Notice.PI_REFUSES, "missing_scope")

    assert payment.notice_text == "Pi refuses the next step. (missing_scope)"


# What staff do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", Notice)
def test_staff_dismiss_any_notice_and_the_timeline_keeps_it(notice: Notice) -> None:
    payment = rows.payment()
    set_notice(payment, notice)

    for _ in range(2):
        dismiss_notice(payment, by=BY)

    assert stored(payment) == ("", "")
    assert payment.events.get(cause="dismiss_notice").note == f"dismissed: {notice.label}"


def test_a_notice_that_came_meanwhile_is_not_dismissed_unseen() -> None:
    payment = rows.payment()
    set_notice(payment, Notice.UNANSWERED)
    PiPayment.objects.update(notice="unverified")

    dismiss_notice(payment, by=BY)

    assert stored(payment) == ("unverified", "")
    assert not payment.events.filter(cause="dismiss_notice").exists()


def test_the_page_shows_the_notice_beside_what_colleagues_wrote(alice: Page, admin_client: Client) -> None:
    order = alice.buy({"mug": 1})
    Order.objects.update(notice="unusable_money", attention="Alice phoned")

    page = admin_client.get(page_url(order)).content.decode()

    assert Notice.UNUSABLE_MONEY.label in page
    assert "Alice phoned" in page
    assert action_url(order, "dismiss_notice").partition("/do/")[2] in page


# Sentences decide nothing ------------------------------------------------------------------------------


def verified_too_late(page: Page) -> None:
    _, identifier = page.approved({"mug": 1})
    txid = page.pi.sign(identifier, verified=False)
    page.complete(identifier, txid, expect=409)
    PiPayment.objects.exclude(doubted_at=None).update(doubted_at=F("doubted_at") - timedelta(minutes=11))
    page.complete(identifier, txid, expect=409)


def refused_by_pi_and_completed_later(page: Page) -> None:
    _, identifier = page.approved({"mug": 1})
    page.pi.faults.add("refuse", path="cancel", times=1, status=400, body={"error": "forbidden_today"})
    with pytest.raises(PiRefused):
        settle(PiPayment.objects.get(identifier=identifier), pi=asking(), by=BY, give_up=True)
    page.complete(identifier, page.pi.sign(identifier))


def forgotten_by_pi(page: Page) -> None:
    _, identifier = page.approved({"mug": 1})
    page.pi.forget(identifier)
    with pytest.raises(UnknownPayment):
        settle(PiPayment.objects.get(identifier=identifier), pi=asking(), by=BY)


STORIES: list[Callable[[Page], object]] = [
    lambda page: page.buy({"voucher": 1, "mug": 1}),
    lambda page: paid_after_cancel(page, {"mug": 1}),
    lambda page: pay_again(page, page.buy({"mug": 1})),
    lambda page: unverified(page, {"mug": 1}),
    lambda page: doubted_after(cancel, page, {"mug": 1}),
    verified_too_late,
    refused_by_pi_and_completed_later,
    forgotten_by_pi,
]


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("said", ["Pi answered", "the shop", Notice.UNANSWERED.label])
def test_a_colleagues_note_is_never_touched_whatever_it_says(
    alice: Page, story: Callable[[Page], object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row carries the note from its first moment on."""
    for model in (Order, PiPayment):
        monkeypatch.setattr(model._meta.get_field("attention"), "_get_default", lambda: said)

    story(alice)

    assert set(Order.objects.values_list("attention", flat=True)) == {said}
    assert set(PiPayment.objects.values_list("attention", flat=True)) == {said}


def reword_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, everything that the shop writes for people, in notes, details and reasons, is the same."""

    def rewrite(subject: Any, kind: EventKind, *, note: str = "", **fields: Any) -> None:
        record(subject, kind, note="…" if note else "", **fields)
        PiPayment.objects.exclude(notice_detail="").update(notice_detail="…")
        Refund.objects.update(reason="…", asked_by="…")

    for module in ("moves", "domain.protocol", "domain.sync", "domain.decisions", "domain.notices"):
        monkeypatch.setattr(f"payments.{module}.record", rewrite)
    for notice in Notice:
        monkeypatch.setattr(notice, "_label_", "…")


def outcome_of(page: Page) -> list[tuple[Any, ...]]:
    """Return what is true of this buyer's orders at the end, without the sentences."""
    orders = Order.objects.filter(pioneer__username=page.username)
    payments = PiPayment.objects.filter(order__in=orders)
    refunds = Refund.objects.filter(payment__in=payments)
    of_mine = Q(order__in=orders) | Q(payment__in=payments) | Q(refund__in=refunds)
    return [
        *orders.order_by("pk").values_list("status", "review_reason", "notice"),
        *payments.order_by("pk").values_list("status", "refusal", "notice"),
        *refunds.order_by("pk").values_list("status", "origin", "amount"),
        *Event.objects.filter(of_mine).order_by("pk").values_list("kind", "cause", "before", "after"),
    ]


@pytest.mark.parametrize("story", STORIES)
def test_rewording_the_shops_own_sentences_changes_no_behaviour(
    alice: Page, bob: Page, story: Callable[[Page], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    story(alice)
    reword_everything(monkeypatch)

    story(bob)

    assert outcome_of(bob) == outcome_of(alice) != []
