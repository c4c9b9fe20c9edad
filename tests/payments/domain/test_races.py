"""Real threads on a real database: everything twice, at once, by everybody. No sleeps, only barriers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog.models import Variant
from payments.domain import protocol
from payments.domain.reconciliation import reconcile_due
from payments.models import DeliveredCode, Event, Order, PiPayment, Refund
from payments.moves import Author
from pi_simulator import Simulator
from tests.catalog.goods import counted, product, variant
from tests.payments.page import Page

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS = 40
ROUNDS = 10


def at_once(*steps: Callable[[], object]) -> list[object]:
    """Return what each step returned; a barrier lets all start at the same instant."""
    start = threading.Barrier(len(steps))

    def run(step: Callable[[], object]) -> object:
        try:
            connection.ensure_connection()
            start.wait(timeout=60)
            return step()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(steps)) as threads:
        return list(threads.map(run, steps))


def approve(page: Page, identifier: str) -> tuple[int, dict[str, str]]:
    """Repeat the callback as the SDK does: on a busy machine the answer may be 503."""
    for _ in range(6):
        status, answer = page.approve(identifier, expect=None)
        if status != 503:
            break
    return status, answer


@pytest.fixture
def crowd(pi: Simulator, monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    monkeypatch.setitem(rates, "sign-in", "10000/min")
    # These tests are about who wins, not about how long a busy machine takes.
    monkeypatch.setattr(protocol, "CALLBACK_SECONDS", 60)
    return [Page(pi, f"buyer{n}").sign_in() for n in range(BUYERS)]


def test_forty_buyers_want_the_last_item_and_one_gets_it(crowd: list[Page]) -> None:
    for n in range(ROUNDS):
        last = variant(
            product(f"Last {n}", slug=f"last-{n}"), price="1", on_hand=1, delivery="download", file="x"
        )
        tapped = [page.create_payment(page.order({last.sku: 1})) for page in crowd]

        answers = at_once(*(partial(approve, page, tap) for page, tap in zip(crowd, tapped, strict=True)))

        told = Counter((status, answer.get("error", answer.get("status"))) for status, answer in answers)
        assert told == {(200, "approved"): 1, (409, "out_of_stock"): BUYERS - 1}
        at_pi = Counter(crowd[0].pi.payment(identifier)["status"]["cancelled"] for identifier in tapped)
        assert at_pi == {False: 1, True: BUYERS - 1}
        assert counted(last) == (1, 1)


@pytest.mark.parametrize("step", ["approve", "complete", "cancel", "incomplete"])
def test_six_repeats_at_once_are_one(alice: Page, step: str) -> None:
    order = alice.order({"voucher": 2})
    identifier = alice.create_payment(order)
    txid = ""
    if step != "approve":
        alice.approve(identifier)
    if step in ("complete", "incomplete"):
        txid = alice.pi.sign(identifier)
    if step == "cancel":
        alice.pi.cancel_by_user(identifier)
    arguments = (identifier, txid) if step == "complete" else (identifier,)

    answers = at_once(*[lambda: getattr(alice, step)(*arguments, expect=None)] * 6)

    expected = {"approve": "approved", "cancel": "cancelled"}.get(step, "completed")
    assert answers == [(200, {"status": expected, "order": order["reference"]})] * 6
    moves = list(Event.objects.filter(kind="moved").values_list("order", "payment", "before", "after"))
    assert len(moves) == len(set(moves)), "every move happened once"
    assert DeliveredCode.objects.count() == (2 if expected == "completed" else 0)
    assert Refund.objects.count() == 0


def test_every_callback_at_once_leads_to_one_paid_order(alice: Page) -> None:
    order, identifier = alice.approved({"voucher": 2})
    txid = alice.pi.sign(identifier)

    at_once(
        *[lambda: alice.approve(identifier, expect=None)] * 3,
        *[lambda: alice.complete(identifier, txid, expect=None)] * 3,
        *[lambda: alice.cancel(identifier, expect=None)] * 3,
        *[lambda: alice.incomplete(identifier, expect=None)] * 3,
        *[lambda: alice.post("/payments/error", {"paymentId": identifier}, expect=None)] * 3,
    )

    order.refresh_from_db()
    assert order.status == "fulfilled"
    assert (DeliveredCode.objects.count(), Refund.objects.count()) == (2, 0)
    assert counted(Variant.objects.get(sku="voucher")) == (0, 18)


def test_two_payments_of_one_order_at_once_hold_its_goods_once(alice: Page) -> None:
    order = alice.order({"mug": 1})
    first = alice.create_payment(order)
    second = alice.rival_payment(Order.objects.get())

    answers = at_once(lambda: alice.approve(first, expect=None), lambda: alice.approve(second, expect=None))

    assert sorted(status for status, _ in answers) == [200, 409]
    assert counted(Variant.objects.get(sku="mug")) == (1, 10)
    assert PiPayment.objects.filter(status="approved").count() == 1


def test_one_tap_sent_twice_at_once_is_one_order(alice: Page) -> None:
    body = {"lines": [{"sku": "book", "quantity": 1}]}

    answers = at_once(*[lambda: alice.post("/api/orders/", body, 201, **{"Idempotency-Key": "tap"})] * 6)

    assert len({answer["reference"] for answer in answers}) == Order.objects.count() == 1


def test_a_buy_now_approved_six_times_at_once_is_one_order(alice: Page) -> None:
    identifier = alice.pi.create_payment(
        alice.pioneer, amount="0.1", memo="m", metadata={"productId": "voucher"}
    )

    at_once(*[lambda: alice.approve(identifier)] * 6)

    assert Order.objects.get().status == "reserved"
    assert counted(Variant.objects.get(sku="voucher")) == (1, 20)


def test_opposite_baskets_do_not_lock_each_other_out(crowd: list[Page]) -> None:
    one, two = variant(product("One"), on_hand=100), variant(product("Two"), on_hand=100)
    baskets = [{one.sku: 1, two.sku: 1}, {two.sku: 1, one.sku: 1}] * (BUYERS // 2)
    tapped = [page.create_payment(page.order(basket)) for page, basket in zip(crowd, baskets, strict=True)]

    answers = at_once(*(partial(approve, page, tap) for page, tap in zip(crowd, tapped, strict=True)))

    assert {status for status, _ in answers} == {200}
    assert counted(one) == counted(two) == (BUYERS, 100)


def test_four_reconcilers_at_once_settle_every_payment_once(crowd: list[Page]) -> None:
    sold = variant(product("Tea"), on_hand=100, delivery="download", file="x")
    for page in crowd:
        _, identifier = page.approved({sold.sku: 1})
        page.pi.sign(identifier)
    PiPayment.objects.update(next_check_at=timezone.now() - timedelta(seconds=1))

    def reconcile_all() -> int:
        return len(list(reconcile_due(proceed=lambda: True, by=Author("reconcile_payments", "reconcile"))))

    settled = at_once(*[reconcile_all] * 4)

    assert sum(settled) == BUYERS
    assert set(Order.objects.values_list("status", flat=True)) == {"fulfilled"}
    assert counted(sold) == (0, 100 - BUYERS)


def test_reconciliation_gives_up_while_the_buyer_pays(alice: Page) -> None:
    for _ in range(ROUNDS):
        order, identifier = alice.approved({"voucher": 1})
        txid = alice.pi.sign(identifier)
        Order.objects.filter(status="reserved").update(reserved_until=timezone.now() - timedelta(seconds=1))
        PiPayment.objects.filter(identifier=identifier).update(next_check_at=timezone.now() - timedelta(1))

        at_once(
            partial(alice.complete, identifier, txid, expect=None),
            lambda: list(
                reconcile_due(proceed=lambda: True, by=Author("reconcile_payments", "reconcile_payments"))
            ),
        )

        order.refresh_from_db()
        assert order.status == "fulfilled"
    assert counted(Variant.objects.get(sku="voucher")) == (0, 20 - ROUNDS)
