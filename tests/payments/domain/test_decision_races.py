"""Two members of staff at the same instant, or staff while money arrives: threads on a real database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from catalog.models import Variant
from payments.audit import invariants
from payments.domain import decisions, notices, protocol, refunds
from payments.domain import settle as settlement
from payments.models import DeliveredCode, Order, PiPayment, Refund
from payments.moves import Author
from payments.pi.client import PiRefused
from tests.catalog.goods import counted
from tests.payments.domain.test_races import at_once
from tests.payments.page import Page
from tests.payments.situations import asking, paid_after_cancel

pytestmark = pytest.mark.django_db(transaction=True)


def told(step: Callable[[], object]) -> Callable[[], str]:
    """Run the step and return what became of it: its type, or that of its refusal."""

    def run() -> str:
        try:
            return type(step()).__name__
        except (decisions.Declined, refunds.RefundImpossible) as refusal:
            return type(refusal).__name__

    return run


def by(who: str, cause: str) -> Author:
    return Author(f"staff {who}", cause)


def test_an_order_is_honoured_once(alice: Page) -> None:
    order = paid_after_cancel(alice, {"voucher": 2})

    results = at_once(
        *[told(lambda n=n: decisions.honour(order, by=by(f"s{n}", "honour"))) for n in range(6)]
    )

    assert Counter(results) == {"Order": 1, "Declined": 5}
    assert DeliveredCode.objects.count() == 2
    assert counted(Variant.objects.get(sku="voucher")) == (0, 18)
    assert list(invariants.differences()) == []


def test_a_parcel_is_shipped_once(alice: Page) -> None:
    order = alice.buy({"mug": 1})

    results = at_once(*[told(lambda n=n: decisions.ship(order, by=by(f"s{n}", "ship"))) for n in range(6)])

    assert Counter(results) == {"Order": 6}
    assert order.events.filter(after="fulfilled").count() == 1
    assert order.events.filter(kind="noted").count() == 1


def test_tracking_numbers_noted_at_once_are_all_kept(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    numbers = [f"RR{n}" for n in range(6)]

    results = at_once(*[told(lambda n=n: decisions.ship(order, by=by(n, "ship"), note=n)) for n in numbers])

    assert Counter(results) == {"Order": 1, "AlreadyShipped": 5}
    notes = order.events.filter(kind="noted").values_list("note", flat=True)
    assert sorted(note.split()[-1] for note in notes) == numbers
    assert order.events.filter(after="fulfilled").count() == 1
    assert list(invariants.differences()) == []


def test_a_notice_is_dismissed_once(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    Order.objects.update(notice="unusable_money")
    copies = [Order.objects.get() for _ in range(6)]

    at_once(*[lambda row=row: notices.dismiss_notice(row, by=by("s", "dismiss_notice")) for row in copies])

    assert Order.objects.get().notice == ""
    assert order.events.filter(cause="dismiss_notice").count() == 1


def test_a_doubt_begins_once(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    copies = [PiPayment.objects.get() for _ in range(6)]
    refusal = PiRefused("not_verified", "not yet")

    began = at_once(
        *[lambda row=row: settlement._doubted_since(row, refusal, by=by("s", "ask_pi")) for row in copies]
    )

    assert set(began) == {PiPayment.objects.get(identifier=identifier).doubted_at}
    assert PiPayment.objects.get().events.filter(kind="noted").count() == 1


def test_a_payment_is_flagged_once(alice: Page) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    flag = told(lambda: refunds.flag_for_refund(payment, reason="x", by=by("carol", "flag_refund")))

    results = at_once(*[flag] * 6)

    assert Counter(results) == {"Refund": 1, "RefundImpossible": 5}
    assert Refund.objects.count() == 1


def test_a_refund_is_rejected_or_its_order_honoured_whoever_is_first(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    refund = Refund.objects.get()

    results = at_once(
        told(lambda: decisions.honour(order, by=by("carol", "honour"))),
        told(lambda: decisions.reject_refund(refund, by=by("dora", "reject_refund"), note="x")),
    )

    refund.refresh_from_db()
    assert results[0] == "Order"
    assert refund.status == "rejected"
    assert refund.events.filter(after="rejected").count() == 1
    assert list(invariants.differences()) == []


def test_the_last_unit_goes_to_one_of_two_orders_in_review(alice: Page, bob: Page) -> None:
    orders = [paid_after_cancel(buyer, {"mug": 6}) for buyer in (alice, bob)]

    results = at_once(*[told(lambda o=o: decisions.honour(o, by=by("carol", "honour"))) for o in orders])

    assert Counter(results) == {"Order": 1, "Declined": 1}
    assert counted(Variant.objects.get(sku="mug")) == (0, 4)
    assert sorted(Order.objects.values_list("status", flat=True)) == ["needs_review", "paid"]
    assert list(invariants.differences()) == []


def test_a_missing_payment_is_closed_once(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    payment = PiPayment.objects.get(identifier=identifier)
    not_found = {"error": "payment_not_found"}
    alice.pi.faults.add("refuse", path=identifier, status=404, body=not_found)
    close = told(lambda: decisions.close_missing(payment, pi=asking(), by=by("carol", "close_missing")))

    at_once(*[close] * 6)

    assert counted(Variant.objects.get(sku="mug")) == (0, 10)
    assert payment.events.filter(after="cancelled").count() == 1
    assert list(invariants.differences()) == []


def test_money_that_arrives_while_staff_honour_is_not_forgotten(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    identifier = alice.rival_payment(order)
    alice.pi.approve(identifier)
    alice.pi.sign(identifier)

    at_once(
        told(lambda: decisions.honour(order, by=by("carol", "honour"))),
        lambda: protocol.recover(identifier, caller=None),
    )

    order.refresh_from_db()
    second = PiPayment.objects.get(identifier=identifier)
    assert (order.status, second.status) == ("paid", "completed")
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["rejected", "requested"]
    assert list(invariants.differences()) == []
