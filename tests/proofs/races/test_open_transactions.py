"""A rival arrives while the first still holds its locks: it waits, and then sees what is true.

In each race an actor is stopped in the middle of its transaction, at a row of the catalogue that the test
holds. Below each race stands the same one without its guard, and the damage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.utils import timezone

from catalog.models import DeliveryCode, Variant
from payments.audit import invariants
from payments.domain import decisions, reconciliation, refunds
from payments.domain.reconciliation import expire_stale, stale_orders
from payments.domain.settle import settle
from payments.models import DeliveredCode, Event, Order, OrderLine, PiPayment, Refund
from payments.moves import Author
from payments.pi.client import PiClient
from tests.catalog.admin_forms import form_on, page_of
from tests.catalog.goods import counted, product, variant
from tests.payments.page import Page
from tests.payments.situations import CAROL, DORA, paid_after_cancel
from tests.proofs.promises import RECONCILER, Goods, broken
from tests.proofs.races import guards
from tests.proofs.races.stage import Stage, stage

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

Actor = Callable[[], object]


@pytest.fixture(name="stage")
def _stage(alice: Page) -> Iterator[Stage]:
    with stage() as opened:
        yield opened


def row(sku: str) -> models.QuerySet[Variant]:
    return Variant.objects.filter(sku=sku)


def differences() -> list[str]:
    return [str(difference) for difference in invariants.differences()]


def make_due(identifier: str) -> None:
    """End the hold, so that it is the reconciler's turn."""
    now = timezone.now()
    Order.objects.filter(held_by__identifier=identifier).update(reserved_until=now)
    PiPayment.objects.filter(identifier=identifier).update(next_check_at=now - timedelta(seconds=1))


def reconciler_of(identifier: str) -> Actor:
    """Return a reconciler that has already claimed the payment: a claim skips what others have locked."""
    payment = PiPayment.objects.get(identifier=identifier)
    return partial(reconciliation._settle_one, payment, by=RECONCILER)


def ask_pi_again(identifier: str) -> object:
    payment = PiPayment.objects.get(identifier=identifier)
    return settle(payment, pi=PiClient(seconds=9), by=Author("staff carol", "ask_pi"), give_up=False)


# Who pays, and who else is there -------------------------------------------------------------------------

WHO_COMPLETES = ["complete", "incomplete", "cancel", "error", "reconciler", "staff"]


def actor(name: str, page: Page, identifier: str, txid: str) -> Actor:
    actors: dict[str, Actor] = {
        "complete": partial(page.complete, identifier, txid, expect=None),
        "incomplete": partial(page.incomplete, identifier, expect=None),
        "cancel": partial(page.cancel, identifier, expect=None),
        "error": partial(page.post, "/payments/error", {"paymentId": identifier}, expect=None),
        "reconciler": reconciler_of(identifier),
        "staff": partial(ask_pi_again, identifier),
    }
    return actors[name]


@pytest.mark.parametrize("first", WHO_COMPLETES)
def test_goods_go_out_once_whoever_arrives_meanwhile(
    alice: Page, bob: Page, stage: Stage, first: str
) -> None:
    goods = Goods()
    bob.approved({"voucher": 2})
    for rival in WHO_COMPLETES:
        order, identifier = alice.approved({"voucher": 2})
        txid = alice.pi.sign(identifier)

        answers = stage.stop_at(
            row("voucher"), *(actor(name, alice, identifier, txid) for name in (first, rival))
        )

        assert not any(isinstance(answer, Exception) for answer in answers), rival
        told = [answer for answer in answers if isinstance(answer, tuple)]
        assert told == [(200, {"status": "completed", "order": order.reference})] * len(told)
        assert DeliveredCode.objects.filter(line__order=order).count() == 2
        assert order.events.filter(after="paid").count() == 1
    assert counted(row("voucher").get()) == (2, 20 - 2 * len(WHO_COMPLETES))
    assert broken(alice.pi, goods) == []


@pytest.mark.parametrize("rival", ["complete", "reconciler"])
def test_without_locks_and_where_goods_go_out_twice(
    alice: Page, bob: Page, stage: Stage, rival: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.decides_without_locks(monkeypatch)
    guards.moves_without_looking(monkeypatch)
    bob.approved({"voucher": 2})
    order, identifier = alice.approved({"voucher": 2})
    txid = alice.pi.sign(identifier)

    stage.stop_at(row("voucher"), *(actor(name, alice, identifier, txid) for name in ("complete", rival)))

    assert DeliveredCode.objects.count() == 4
    assert f"promise 3: order {order.reference}: was handed over 2 times" in differences()


@pytest.mark.parametrize("rival", ["complete", "reconciler"])
def test_without_locks_alone_a_rival_of_complete_is_overtaken(
    alice: Page, stage: Stage, rival: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WHERE saves the goods; what the lock gives is that a repetition is answered as the first was."""
    guards.decides_without_locks(monkeypatch)
    order, identifier = alice.approved({"voucher": 2})
    txid = alice.pi.sign(identifier)

    answers = stage.stop_at(
        row("voucher"), *(actor(name, alice, identifier, txid) for name in ("complete", rival))
    )

    assert DeliveredCode.objects.count() == 2
    assert answers[0] == (200, {"status": "completed", "order": order.reference})
    overtaken = answers[1].problem if rival == "reconciler" else answers[1][0]
    assert overtaken in ("Overtaken", 503)


WHO_RELEASES = ["cancel", "incomplete", "error", "reconciler", "staff", "cancel_order", "clean-up"]


def releaser(name: str, page: Page, order: Order, identifier: str) -> Actor:
    actors: dict[str, Actor] = {
        "cancel_order": partial(page.post, f"/api/orders/{order.reference}/cancel/", {}, expect=None),
        "clean-up": lambda: [
            str(outcome) for outcome in expire_stale(stale_orders(), proceed=lambda: True, by=RECONCILER)
        ],
    }
    return actors.get(name) or actor(name, page, identifier, "")


@pytest.mark.parametrize("first", WHO_RELEASES)
def test_goods_come_back_once_whoever_arrives_meanwhile(
    alice: Page, bob: Page, stage: Stage, first: str
) -> None:
    goods = Goods()
    bob.approved({"mug": 1})
    for rival in WHO_RELEASES:
        order, identifier = alice.approved({"mug": 2})
        alice.pi.cancel_by_user(identifier)
        make_due(identifier)

        answers = stage.stop_at(
            row("mug"), *(releaser(name, alice, order, identifier) for name in (first, rival))
        )

        assert not any(isinstance(answer, Exception) for answer in answers), rival
        assert counted(row("mug").get()) == (1, 10)
        assert PiPayment.objects.get(identifier=identifier).status == "cancelled"
    assert broken(alice.pi, goods) == []


def test_without_locks_and_where_goods_come_back_twice(
    alice: Page, bob: Page, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.decides_without_locks(monkeypatch)
    guards.moves_without_looking(monkeypatch)
    bob.approved({"mug": 2})
    order, identifier = alice.approved({"mug": 2})
    alice.pi.cancel_by_user(identifier)

    stage.stop_at(row("mug"), *[releaser("cancel", alice, order, identifier)] * 2)

    assert "promise 1: variant mug: 0 reserved, but reserved orders hold 2" in differences()


# An order that is given up at that instant ---------------------------------------------------------------


def late_money(page: Page) -> tuple[Order, str]:
    """Return an open order whose money came past the gate: Pi has it, and nothing here says so yet."""
    order = Order.objects.get(reference=page.order({"voucher": 1})["reference"])
    identifier = page.rival_payment(order)
    page.pi.approve(identifier)
    page.pi.complete(identifier, page.pi.sign(identifier))
    return order, identifier


def give_up(page: Page, order: Order) -> Actor:
    return partial(page.post, f"/api/orders/{order.reference}/cancel/", {}, expect=None)


def test_an_order_is_not_cancelled_over_its_money(alice: Page, stage: Stage) -> None:
    goods = Goods()
    order, identifier = late_money(alice)

    answers = stage.stop_at(
        row("voucher"), partial(alice.incomplete, identifier, expect=None), give_up(alice, order)
    )

    order.refresh_from_db()
    assert (order.status, answers[1][0]) == ("fulfilled", 503)
    assert give_up(alice, order)()[0] == 409
    assert broken(alice.pi, goods) == []


def test_without_where_an_order_is_cancelled_over_its_money(
    alice: Page, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.moves_without_looking(monkeypatch)
    order, identifier = late_money(alice)

    stage.stop_at(row("voucher"), partial(alice.incomplete, identifier, expect=None), give_up(alice, order))

    order.refresh_from_db()
    assert order.status == "cancelled"
    assert f"promise 3: order {order.reference}: goods went out, but it is cancelled" in differences()


# Two payments of one order -------------------------------------------------------------------------------


def two_payments(page: Page) -> tuple[Order, list[str]]:
    placed = page.order({"mug": 1})
    order = Order.objects.get(reference=placed["reference"])
    payments = [page.create_payment(placed), page.rival_payment(order)]
    for identifier in payments:
        # Both are known before they race: a row that names the order could not be written meanwhile.
        page.post("/payments/error", {"paymentId": identifier})
    return order, payments


def test_one_of_two_payments_holds_the_order(alice: Page, stage: Stage) -> None:
    goods = Goods()
    _, (one, two) = two_payments(alice)

    answers = stage.stop_at(row("mug"), *(partial(alice.approve, p, expect=None) for p in (one, two)))

    assert [status for status, _ in answers] == [200, 409]
    assert answers[1][1]["error"] == "payment_in_progress"
    assert alice.pi.payment(two)["status"]["cancelled"]
    assert counted(row("mug").get()) == (1, 10)
    assert broken(alice.pi, goods) == []


def test_without_locks_and_where_the_database_refuses_a_second_live_payment(
    alice: Page, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its buyer is told to try again, though, and Pi's dialog stays open for nothing."""
    guards.decides_without_locks(monkeypatch)
    guards.moves_without_looking(monkeypatch)
    _, (one, two) = two_payments(alice)

    answers = stage.stop_at(row("mug"), *(partial(alice.approve, p, expect=None) for p in (one, two)))

    assert [status for status, _ in answers] == [200, 503]
    assert not alice.pi.payment(two)["status"]["cancelled"]


def test_without_locks_where_and_constraint_two_payments_of_one_order_can_be_paid(
    alice: Page, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.decides_without_locks(monkeypatch)
    guards.moves_without_looking(monkeypatch)
    _, (one, two) = two_payments(alice)

    with guards.without_constraint(PiPayment, "payment_one_live_per_order"):
        stage.stop_at(row("mug"), *(partial(alice.approve, p, expect=None) for p in (one, two)))

        assert all(alice.pi.payment(p)["status"]["developer_approved"] for p in (one, two))
        assert f"promise 6: payment {one}: is approved, but the goods it could be paid for are not held" in (
            differences()
        )


# The same thing for the first time, at once --------------------------------------------------------------


def tap(page: Page) -> Actor:
    body = {"lines": [{"sku": "book", "quantity": 1}]}
    return partial(page.post, "/api/orders/", body, None, **{"Idempotency-Key": "one tap"})


def test_six_taps_that_all_found_nothing_are_one_order(alice: Page, stage: Stage) -> None:
    with stage.closed(Order):
        taps = stage.enter(*[tap(alice)] * 6)
        stage.until_waiting(6)

    answers = [tapped.result() for tapped in taps]
    assert {status for status, _ in answers} == {201}
    assert len({answer["reference"] for _, answer in answers}) == Order.objects.count() == 1


def test_without_the_constraint_on_the_key_six_taps_are_six_orders(alice: Page, stage: Stage) -> None:
    with guards.without_constraint(Order, "order_once_per_idempotency_key"):
        with stage.closed(Order):
            taps = stage.enter(*[tap(alice)] * 6)
            stage.until_waiting(6)

        assert len({tapped.result()[1]["reference"] for tapped in taps}) == 6


def test_a_payment_that_six_callbacks_bring_is_one_row(alice: Page, stage: Stage) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))

    with stage.closed(PiPayment):
        approvals = stage.enter(*[partial(alice.approve, identifier, expect=None)] * 6)
        stage.until_waiting(6)

    assert {approval.result()[0] for approval in approvals} == {200}
    assert PiPayment.objects.count() == 1
    assert counted(row("mug").get()) == (1, 10)


def test_without_the_constraint_on_the_identifier_one_payment_is_six_rows(alice: Page, stage: Stage) -> None:
    identifier = alice.create_payment(alice.order({"mug": 1}))

    with guards.without_constraint(PiPayment, "payments_pipayment_identifier_key"):
        with stage.closed(PiPayment):
            approvals = stage.enter(*[partial(alice.approve, identifier, expect=None)] * 6)
            stage.until_waiting(6)
        _ = [approval.result() for approval in approvals]

        assert PiPayment.objects.filter(identifier=identifier).count() == 6


# Codes, and baskets in opposite order --------------------------------------------------------------------


def both_pay(*buyers: Page) -> list[Actor]:
    actors = []
    for buyer in buyers:
        _, identifier = buyer.approved({"voucher": 2})
        actors.append(partial(buyer.complete, identifier, buyer.pi.sign(identifier), expect=None))
    return actors


def test_two_who_pay_at_once_get_codes_of_their_own(alice: Page, bob: Page, stage: Stage) -> None:
    goods = Goods()

    stage.stop_at(DeliveryCode.objects.filter(variant__sku="voucher"), *both_pay(alice, bob))

    assert DeliveredCode.objects.values("code").distinct().count() == 4
    assert set(Order.objects.values_list("status", flat=True)) == {"fulfilled"}
    assert broken(alice.pi, goods) == []


def test_codes_chosen_before_the_stock_is_changed_are_chosen_twice(
    alice: Page, bob: Page, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two who have paid gets nothing, and there are codes enough for both."""
    guards.sells_codes_before_the_stock(monkeypatch)

    stage.stop_at(DeliveryCode.objects.filter(variant__sku="voucher"), *both_pay(alice, bob))

    assert sorted(Order.objects.values_list("status", flat=True)) == ["fulfilled", "needs_review"]
    assert DeliveryCode.objects.filter(sold_at=None).count() == 18


def opposite_baskets(one: Page, other: Page) -> list[Actor]:
    """Place two orders of the same three goods; the lines of one are in the opposite order."""
    skus = [variant(product(name), sku=name, on_hand=9).sku for name in ("Aa", "Bb", "Cc")]
    actors = []
    for buyer, in_this_order in ((one, (0, 2, 1)), (other, (1, 2, 0))):
        placed = buyer.order(dict.fromkeys(skus, 1))
        rewrite_lines(placed["reference"], [skus[n] for n in in_this_order])
        actors.append(partial(buyer.approve, buyer.create_payment(placed), expect=None))
    return actors


def rewrite_lines(reference: str, skus: list[str]) -> None:
    """Write the lines in another order than that of their variants, which must do no harm either."""
    lines = {line.variant.sku: line for line in OrderLine.objects.filter(order__reference=reference)}
    OrderLine.objects.filter(order__reference=reference).delete()
    for sku in skus:
        lines[sku].pk = None
        lines[sku].save()


def test_opposite_baskets_wait_for_each_other(alice: Page, bob: Page, stage: Stage) -> None:
    answers = stage.stop_at(row("Cc"), *opposite_baskets(alice, bob))

    assert [status for status, _ in answers] == [200, 200]
    assert [counted(v) for v in Variant.objects.filter(sku__in=("Aa", "Bb", "Cc"))] == [(2, 9)] * 3


def test_opposite_baskets_locked_in_the_order_of_their_lines_deadlock(
    alice: Page, bob: Page, stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guards.locks_in_the_order_of_the_lines(monkeypatch)

    answers = stage.stop_at(row("Cc"), *opposite_baskets(alice, bob))

    assert sorted(status for status, _ in answers) == [200, 503]
    assert "deadlock detected" in caplog.text


def save_small_and_restock_large(admin_user: User, forms: str) -> Actor:
    """Save the page of a product as staff, as it stands or with its forms in the opposite order."""
    browser = Client(raise_request_exception=False)
    browser.force_login(admin_user)
    page = page_of(row("small").get().product)
    form = form_on(browser.get(page)) | {"variants-0-price": "2", "variants-1-change_stock_by": 3}
    if forms == "opposite":
        form = {re.sub("(?<=variants-)[01]", lambda n: str(1 - int(n[0])), name): form[name] for name in form}
    return lambda: browser.post(page, form).status_code


@pytest.mark.parametrize("forms", ["as they stand", "opposite"])
def test_the_page_of_a_product_waits_for_who_buys_two_of_its_variants(
    alice: Page, stage: Stage, admin_user: User, forms: str
) -> None:
    shirt = product("Shirt")
    small, large = (variant(shirt, sku=size, option=size, on_hand=5) for size in ("small", "large"))
    order, identifier = alice.approved({"small": 1, "large": 1})
    complete = partial(alice.complete, identifier, alice.pi.sign(identifier), expect=None)

    answers = stage.stop_at(row("small"), complete, save_small_and_restock_large(admin_user, forms))

    assert answers == [(200, {"status": "completed", "order": order.reference}), 302]
    assert (counted(small), counted(large)) == ((0, 4), (0, 7))


# Staff ---------------------------------------------------------------------------------------------------


def refusals(*steps: Actor) -> list[Actor]:
    """Have each step return the name of its refusal, if it is refused."""

    def told(step: Actor) -> object:
        try:
            return step()
        except (decisions.Declined, refunds.RefundImpossible) as refusal:
            return type(refusal).__name__

    return [partial(told, step) for step in steps]


def honour(order: Order, by: Author = CAROL) -> Actor:
    return partial(decisions.honour, order, by=Author(by.actor, "honour"))


@pytest.mark.parametrize("rival", ["honour", "reject", "flag", "money"])
def test_staff_who_honour_are_waited_for(alice: Page, stage: Stage, rival: str) -> None:
    goods = Goods()
    order = paid_after_cancel(alice, {"voucher": 1})
    payment, refund = order.payments.get(), Refund.objects.get()
    second = alice.rival_payment(order)
    alice.pi.approve(second)
    alice.pi.sign(second)
    rivals: dict[str, Actor] = {
        "honour": honour(order, DORA),
        "reject": partial(decisions.reject_refund, refund, by=DORA, note="x"),
        "flag": partial(refunds.flag_for_refund, payment, reason="x", by=DORA),
        "money": partial(alice.incomplete, second, expect=None),
    }

    answers = stage.stop_at(row("voucher"), *refusals(honour(order), rivals[rival]))

    outcome = {"honour": "Declined", "reject": "Declined"}
    assert answers[1] == outcome.get(rival, answers[1])
    assert not any(isinstance(answer, Exception) for answer in answers)
    assert (counted(row("voucher").get()), DeliveredCode.objects.count()) == ((0, 19), 1)
    assert Event.objects.filter(order=order, after="paid").count() == 1
    refund.refresh_from_db()
    assert refund.status == "rejected"
    # Flagged anew or paid twice: that money is asked to go back, and the order keeps its goods.
    assert Refund.objects.filter(status="requested").count() == (rival in ("flag", "money"))
    assert broken(alice.pi, goods) == []


def test_without_locks_and_where_two_who_honour_hand_over_twice(
    alice: Page, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards.decides_without_locks(monkeypatch)
    guards.moves_without_looking(monkeypatch)
    order = paid_after_cancel(alice, {"voucher": 1})

    stage.stop_at(row("voucher"), *refusals(honour(order), honour(order, DORA)))

    assert DeliveredCode.objects.count() == 2
    assert f"promise 3: order {order.reference}: was handed over 2 times" in differences()
