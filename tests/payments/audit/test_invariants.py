"""What `check_ledger` finds: for every check there is at least one corruption that it must name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from catalog.models import DeliveryCode, Variant
from payments.audit import invariants
from payments.audit.invariants import Difference
from payments.domain import decisions, protocol, refunds
from payments.domain.reconciliation import expire_stale
from payments.models import DeliveredCode, Event, Order, OrderLine, PiPayment, Refund
from payments.moves import Author, move
from tests.payments.page import Page
from tests.payments.situations import (
    CAROL,
    DORA,
    approve,
    paid_after_cancel,
    paid_too_late,
    pay_again,
    unverified,
)

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _checks_again_afterwards() -> Iterator[None]:
    yield
    if connection.vendor == "sqlite":
        connection.cursor().execute("PRAGMA ignore_check_constraints = OFF")


def without(table: str, *constraints: str) -> None:
    """Drop constraints or unique indexes until the test's transaction is rolled back."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        known = connection.introspection.get_constraints(cursor, table)
        for name in constraints:
            if connection.vendor == "sqlite" and not known.get(name, {}).get("index"):
                cursor.execute("PRAGMA ignore_check_constraints = ON")
            elif known[name].get("definition") or (known[name]["index"] and not _belongs(cursor, name)):
                cursor.execute(f"DROP INDEX {name}")
            else:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def _belongs(cursor: object, name: str) -> bool:
    """Return whether an index of PostgreSQL belongs to a constraint."""
    if connection.vendor == "sqlite":
        return False
    cursor.execute("SELECT 1 FROM pg_constraint WHERE conname = %s", [name])
    return cursor.fetchone() is not None


def without_unique(table: str, column: str) -> None:
    with connection.cursor() as cursor:
        known = connection.introspection.get_constraints(cursor, table)
    names = [n for n, c in known.items() if c["columns"] == [column] and c["unique"]]
    without(table, *names)


def forget(refund: Refund) -> None:
    """Delete a refund and its events."""
    Event.objects.filter(refund=refund)._raw_delete("default")
    Refund.objects.filter(pk=refund.pk)._raw_delete("default")


def set_status(subject: Order | PiPayment | Refund, status: str, **values: object) -> None:
    type(subject).objects.filter(pk=subject.pk).update(status=status, **values)


# 1 -----------------------------------------------------------------------------------------------------


def more_reserved_than_on_hand(alice: Page) -> None:
    alice.approved({"mug": 1})
    without("catalog_variant", "variant_reserved_within_on_hand")
    Variant.objects.filter(sku="mug").update(on_hand=0)


def one_unit_reserved_for_nobody(alice: Page) -> None:
    alice.approved({"mug": 2})
    Variant.objects.filter(sku="mug").update(reserved=F("reserved") + 1)


def a_unit_without_a_code(alice: Page) -> None:
    Variant.objects.filter(sku="voucher").update(on_hand=F("on_hand") + 1)


def a_code_that_nobody_has(alice: Page) -> None:
    DeliveryCode.objects.filter(text="CODE-000").update(sold_at=NOW)


def a_code_handed_out_and_kept(alice: Page) -> None:
    alice.buy({"voucher": 1})
    DeliveryCode.objects.filter(text="CODE-000").update(sold_at=None)


# 2 -----------------------------------------------------------------------------------------------------


def two_units_promised_where_one_is(alice: Page) -> None:
    alice.approved({"mug": 2})
    Variant.objects.filter(sku="mug").update(on_hand=1, reserved=1)


def one_code_for_two(alice: Page) -> None:
    order, other = alice.buy({"voucher": 1}), alice.buy({"voucher": 1})
    without_unique("payments_deliveredcode", "code_id")
    code = DeliveredCode.objects.get(line__order=order).code
    DeliveredCode.objects.filter(line__order=other).update(code=code)


def a_hold_for_the_payment_of_another(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    PiPayment.objects.filter(identifier=identifier).update(order=alice.buy({"book": 1}))


def one_payment_holds_two_orders(alice: Page) -> None:
    first, _ = alice.approved({"mug": 1})
    second = Order.objects.get(reference=alice.order({"mug": 1})["reference"])
    without_unique("payments_order", "held_by_id")
    set_status(second, "reserved", held_by=first.held_by, reserved_until=NOW)


# 3 -----------------------------------------------------------------------------------------------------


def delivered_for_less(alice: Page) -> None:
    alice.buy({"book": 2})
    PiPayment.objects.update(amount="0.4999999")


def a_code_given_away(alice: Page) -> None:
    order, _ = alice.approved({"voucher": 1})
    code = DeliveryCode.objects.get(text="CODE-000")
    DeliveredCode.objects.create(line=order.lines.get(), code=code)


def delivered_in_review(alice: Page) -> None:
    set_status(alice.buy({"book": 1}), "needs_review", review_reason="stock_gone")


def fulfilled_with_a_parcel_left(alice: Page) -> None:
    set_status(alice.buy({"mug": 1}), "fulfilled")


def shipped_and_only_paid(alice: Page) -> None:
    alice.buy({"mug": 1})
    OrderLine.objects.update(delivered_at=NOW)


def handed_over_twice(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    Event.objects.create(order=order, kind="moved", actor="x", cause="x", before="pending", after="paid")


def two_codes_for_one_unit(alice: Page) -> None:
    order = alice.buy({"voucher": 1})
    code = DeliveryCode.objects.get(text="CODE-001")
    DeliveredCode.objects.create(line=order.lines.get(), code=code)


def a_sold_code_that_was_not_handed_out(alice: Page) -> None:
    alice.buy({"voucher": 1})
    DeliveredCode.objects.all()._raw_delete("default")


# 4 -----------------------------------------------------------------------------------------------------


def money_without_use(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    forget(Refund.objects.get())


def money_without_an_order(alice: Page) -> None:
    identifier = alice.pi.create_payment(alice.pioneer, amount="0.7", metadata={"order": "nonsense"})
    alice.pi.approve(identifier)
    alice.pi.sign(identifier)
    alice.incomplete(identifier)
    forget(Refund.objects.get())


def money_of_which_a_part_goes_back(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(amount="1.4")


def money_that_came_twice(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    pay_again(alice, order)
    forget(Refund.objects.get())


def refunded_without_a_refund(alice: Page) -> None:
    set_status(alice.buy({"mug": 1}), "refunded")


def goods_and_money_back(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    approve(Refund.objects.get())
    move(order, "paid", by=CAROL, review_reason="")


def overpaid_behind_a_flag_that_was_withdrawn(alice: Page) -> None:
    order = alice.buy({"mug": 1})
    used = order.payments.get()
    pay_again(alice, order)
    Event.objects.filter(refund__isnull=False).delete()
    Refund.objects.all().delete()
    decisions.reject_refund(refunds.flag_for_refund(used, reason="x", by=CAROL), by=CAROL, note="a mistake")


# 5 -----------------------------------------------------------------------------------------------------


def paid_by_nobody(alice: Page) -> None:
    set_status(Order.objects.get(reference=alice.order({"mug": 1})["reference"]), "paid")


def honoured_by_a_machine(alice: Page) -> None:
    decisions.honour(unverified(alice, {"mug": 1}), by=Author("reconcile_payments", "reconcile_payments"))


def refund_above_its_payment(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(amount="1.5000001")


def refund_of_what_never_came(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    payment = PiPayment.objects.get(identifier=identifier)
    Refund.objects.create(payment=payment, order=payment.order, amount="0.1", reason="x", asked_by="x")


def refund_of_another_order(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(order=alice.buy({"book": 1}))


def refund_without_its_order(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(order=None)


def two_refunds_under_way(alice: Page) -> None:
    for _ in range(2):
        paid_after_cancel(alice, {"mug": 1})
    without("payments_refund", "refund_one_under_way")
    Refund.objects.filter().update(status="sending", approved_by="staff dora")


def refund_done_without_a_transaction(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(status="done", approved_by="staff dora")


def refund_with_the_buyers_transaction(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    txid = order.payments.get().txid
    Refund.objects.update(status="done", approved_by="staff dora", txid=txid)


def refund_with_the_buyers_identifier(alice: Page) -> None:
    order = paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(identifier=order.payments.get().identifier)


def one_transaction_for_two_refunds(alice: Page) -> None:
    for _ in range(2):
        paid_after_cancel(alice, {"mug": 1})
    without_unique("payments_refund", "txid")
    Refund.objects.update(status="done", approved_by="staff dora", txid="f" * 64)


# 6 -----------------------------------------------------------------------------------------------------


def cancelled_with_a_transaction(alice: Page) -> None:
    alice.buy({"book": 1})
    without("payments_pipayment", "payment_with_transaction_not_cancelled")
    PiPayment.objects.update(status="cancelled")


def released_under_a_buyers_hands(alice: Page) -> None:
    order, _ = alice.approved({"mug": 1})
    set_status(order, "pending", held_by=None, reserved_until=None)


def released_after_signing(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)
    alice.pi.faults.add("down", path="complete")
    alice.cancel(identifier, expect=503)
    set_status(order, "pending", held_by=None, reserved_until=None)


def signed_and_never_looked_at(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)
    alice.pi.faults.add("down", path="complete")
    alice.cancel(identifier, expect=503)
    PiPayment.objects.update(next_check_at=None)


def held_for_a_cancelled_payment(alice: Page) -> None:
    alice.approved({"mug": 1})
    PiPayment.objects.update(status="cancelled")


# 7 -----------------------------------------------------------------------------------------------------


def an_order_without_a_story(alice: Page) -> None:
    alice.order({"mug": 1})
    Event.objects.exclude(order=None)._raw_delete("default")


def an_order_that_nobody_moved(alice: Page) -> None:
    set_status(Order.objects.get(reference=alice.order({"mug": 1})["reference"]), "cancelled")


def an_order_with_a_gap(alice: Page) -> None:
    alice.buy({"mug": 1})
    Event.objects.filter(order__isnull=False, after="reserved")._raw_delete("default")


def an_order_that_jumped(alice: Page) -> None:
    alice.buy({"mug": 1})
    Event.objects.filter(order__isnull=False, after="reserved").update(after="cancelled")
    Event.objects.filter(order__isnull=False, after="paid").update(before="cancelled")


def a_payment_born_approved(alice: Page) -> None:
    alice.approved({"mug": 1})
    Event.objects.filter(payment__isnull=False, after="created").update(after="approved")


def a_payment_that_nobody_moved(alice: Page) -> None:
    alice.approved({"mug": 1})
    PiPayment.objects.update(status="approving")


def a_refund_that_nobody_rejected(alice: Page) -> None:
    paid_after_cancel(alice, {"mug": 1})
    Refund.objects.update(status="rejected")


def an_event_without_an_entry_point(alice: Page) -> None:
    alice.buy({"book": 1})
    Event.objects.filter(after="paid").update(cause="")


def an_event_by_nobody(alice: Page) -> None:
    alice.buy({"book": 1})
    without("payments_event", "event_has_author")
    Event.objects.filter(after="paid").update(actor="")


# The table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    check: Callable[[], Iterator[Difference]]
    corrupt: Callable[[Page], None]
    finds: str  # a pattern; R, P and N stand for a reference, an identifier and a number


CASES = (
    Case(
        invariants.stock_within_bounds, more_reserved_than_on_hand, "1: variant mug: 1 reserved of 0 on hand"
    ),
    Case(
        invariants.reserved_is_what_orders_hold,
        one_unit_reserved_for_nobody,
        "1: variant mug: 3 reserved, but reserved orders hold 2",
    ),
    Case(
        invariants.codes_are_their_own_stock,
        a_unit_without_a_code,
        "1: variant voucher: 21 on hand, but 20 unsold codes",
    ),
    Case(
        invariants.sold_codes_were_handed_out,
        a_code_that_nobody_has,
        "1: code N of variant voucher: sold, but nobody has it",
    ),
    Case(
        invariants.sold_codes_were_handed_out,
        a_code_handed_out_and_kept,
        "1: code N of variant voucher: handed out, but counted as unsold",
    ),
    Case(
        invariants.no_more_promised_than_there_is,
        two_units_promised_where_one_is,
        "2: variant mug: 2 units are promised to orders, 1 are on hand",
    ),
    Case(
        invariants.no_code_for_two, one_code_for_two, "2: code N of variant voucher: was handed out 2 times"
    ),
    Case(
        invariants.every_hold_has_a_payment_of_its_own,
        a_hold_for_the_payment_of_another,
        "2: order R: is held for payment P, which is not its own",
    ),
    Case(
        invariants.every_hold_has_a_payment_of_its_own,
        one_payment_holds_two_orders,
        "2: payment P: holds the goods of 2 orders\n2: order R: is held for payment P, which is not its own",
    ),
    Case(
        invariants.nothing_delivered_unpaid,
        delivered_for_less,
        "3: order R: goods went out, but only 0.4999999 π of 0.5 π is paid",
    ),
    Case(
        invariants.nothing_delivered_unpaid,
        a_code_given_away,
        "3: order R: goods went out, but only 0 π of 0.1 π is paid",
    ),
    Case(
        invariants.delivered_as_the_status_says,
        delivered_in_review,
        "3: order R: goods went out, but it is needs_review",
    ),
    Case(
        invariants.delivered_as_the_status_says,
        fulfilled_with_a_parcel_left,
        "3: order R: is fulfilled, but not everything was delivered",
    ),
    Case(
        invariants.delivered_as_the_status_says,
        shipped_and_only_paid,
        "3: order R: everything was delivered, but it is not fulfilled",
    ),
    Case(invariants.delivered_once_and_whole, handed_over_twice, "3: order R: was handed over 2 times"),
    Case(
        invariants.delivered_once_and_whole,
        two_codes_for_one_unit,
        "3: order R: 2 codes were handed out for 1 × Voucher",
    ),
    Case(
        invariants.delivered_once_and_whole,
        a_sold_code_that_was_not_handed_out,
        "3: order R: 0 codes were handed out for 1 × Voucher",
    ),
    Case(
        invariants.no_payment_forgotten,
        money_without_use,
        "4: payment P: 1.5 π of 1.5 π is neither used by an order nor on its way back",
    ),
    Case(
        invariants.no_payment_forgotten,
        money_without_an_order,
        "4: payment P: 0.7 π of 0.7 π is neither used by an order nor on its way back",
    ),
    Case(
        invariants.no_payment_forgotten,
        money_of_which_a_part_goes_back,
        "4: payment P: 0.1 π of 1.5 π is neither used by an order nor on its way back",
    ),
    Case(
        invariants.no_order_overpaid_in_silence,
        money_that_came_twice,
        "4: order R: is overpaid by 1.5 π, and nobody requested a refund",
    ),
    Case(
        invariants.no_order_overpaid_in_silence,
        overpaid_behind_a_flag_that_was_withdrawn,
        "4: order R: is overpaid by 1.5 π, and nobody requested a refund",
    ),
    Case(
        invariants.refunded_means_all_of_it,
        refunded_without_a_refund,
        "4: order R: is refunded, but only 0 π of 1.5 π went back",
    ),
    Case(
        invariants.never_goods_and_money_back,
        goods_and_money_back,
        "4: order R: goods went out after 1.5 π was on its way back",
    ),
    Case(
        invariants.no_order_paid_unless_completed,
        paid_by_nobody,
        "5: order R: is paid, but no payment of it is completed",
    ),
    Case(
        invariants.no_order_paid_unless_completed,
        honoured_by_a_machine,
        "5: order R: is paid, but no payment of it is completed",
    ),
    Case(
        invariants.no_refund_exceeds_its_payment,
        refund_above_its_payment,
        "5: payment P: 1.5 π came, but refunds are 1.5000001 π",
    ),
    Case(
        invariants.no_refund_exceeds_its_payment,
        refund_of_what_never_came,
        "5: payment P: 0 π came, but refunds are 0.1 π",
    ),
    Case(
        invariants.no_refund_exceeds_its_payment,
        refund_of_another_order,
        "5: refund N: belongs to another order than its payment",
    ),
    Case(
        invariants.no_refund_exceeds_its_payment,
        refund_without_its_order,
        "5: refund N: belongs to another order than its payment",
    ),
    Case(
        invariants.one_outgoing_payment_at_a_time,
        two_refunds_under_way,
        "5: refunds N, N: are under way at the same time",
    ),
    Case(
        invariants.no_refund_sent_twice,
        refund_done_without_a_transaction,
        "5: refund N: is done, but without a transaction",
    ),
    Case(
        invariants.no_refund_sent_twice,
        refund_with_the_buyers_transaction,
        "5: refund N: its txid H belongs to another payment as well",
    ),
    Case(
        invariants.no_refund_sent_twice,
        refund_with_the_buyers_identifier,
        "5: refund N: its identifier P belongs to another payment as well",
    ),
    Case(
        invariants.no_refund_sent_twice,
        one_transaction_for_two_refunds,
        "5: refund N: its txid H belongs to another payment as well",
    ),
    Case(
        invariants.no_transaction_cancelled,
        cancelled_with_a_transaction,
        "6: payment P: is cancelled, but has the transaction H",
    ),
    Case(
        invariants.nothing_released_that_could_be_paid,
        released_under_a_buyers_hands,
        "6: payment P: is approved, but the goods it could be paid for are not held",
    ),
    Case(
        invariants.nothing_released_that_could_be_paid,
        released_after_signing,
        "6: payment P: is submitted, but the goods it could be paid for are not held",
    ),
    Case(
        invariants.whatever_is_unfinished_is_looked_at,
        signed_and_never_looked_at,
        "6: payment P: is submitted, but will never be checked again",
    ),
    Case(
        invariants.nothing_held_for_what_is_over,
        held_for_a_cancelled_payment,
        "6: order R: goods are held for payment P, which is cancelled",
    ),
    Case(
        invariants.orders_are_their_events,
        an_order_without_a_story,
        "7: order R: is pending, but no event says so",
    ),
    Case(
        invariants.orders_are_their_events,
        an_order_that_nobody_moved,
        "7: order R: is cancelled, but its events end at pending",
    ),
    Case(
        invariants.orders_are_their_events,
        an_order_with_a_gap,
        "7: order R: the event reserved → paid came when it was pending",
    ),
    Case(
        invariants.orders_are_their_events,
        an_order_that_jumped,
        "7: order R: the move cancelled → paid is not allowed",
    ),
    Case(
        invariants.payments_are_their_events,
        a_payment_born_approved,
        "7: payment P: its first event is new → approved",
    ),
    Case(
        invariants.payments_are_their_events,
        a_payment_that_nobody_moved,
        "7: payment P: is approving, but its events end at approved",
    ),
    Case(
        invariants.refunds_are_their_events,
        a_refund_that_nobody_rejected,
        "7: refund N: is rejected, but its events end at requested",
    ),
    Case(
        invariants.every_event_has_an_author,
        an_event_without_an_entry_point,
        "7: event N: “reserved → paid” does not say who did it, and through which entry point",
    ),
    Case(
        invariants.every_event_has_an_author,
        an_event_by_nobody,
        "7: event N: “reserved → paid” does not say who did it, and through which entry point",
    ),
)

# SQLite cannot drop the UNIQUE of a column without rebuilding the table.
ONLY_ON_POSTGRES = (one_code_for_two, one_payment_holds_two_orders, one_transaction_for_two_refunds)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.corrupt.__name__,
            marks=[pytest.mark.postgres] if case.corrupt in ONLY_ON_POSTGRES else [],
        )
        for case in CASES
    ],
)
def test_a_broken_promise_is_found(alice: Page, case: Case) -> None:
    assert list(case.check()) == []

    case.corrupt(alice)

    assert "\n".join(plain(difference) for difference in case.check()) == case.finds


def plain(difference: Difference) -> str:
    """Return it with R, P, H and N for references, identifiers, hashes and keys."""
    text = str(difference).removeprefix("promise ")
    text = re.sub(r"\b[0-9a-f]{64}\b", "H", text)
    text = re.sub(r"\b[A-Za-z0-9]{28}\b", "P", text)
    text = re.sub(r"\b\w{4}-\w{4}-\w{2}\b", "R", text)
    return re.sub(
        r"\b(code|refund|event|refunds) \d+(, \d+)?", lambda m: f"{m[1]} N{', N' if m[2] else ''}", text
    )


def test_every_check_has_a_corruption() -> None:
    assert {case.check for case in CASES} == set(invariants.CHECKS)


def test_every_check_is_run() -> None:
    checks = {
        value
        for name, value in vars(invariants).items()
        if not name.startswith("_")
        and getattr(value, "__annotations__", {}).get("return") == "Iterator[Difference]"
    }
    assert checks - {invariants.differences} == set(invariants.CHECKS)


def test_a_shop_after_a_long_day_has_no_difference(alice: Page, bob: Page) -> None:
    decisions.ship(alice.buy({"mug": 2, "voucher": 1}), by=CAROL)
    pay_again(bob, bob.buy({"book": 3}))
    decisions.honour(paid_after_cancel(alice, {"mug": 1}), by=Author("staff carol", "honour"))
    paid_too_late(alice, {"mug": 1})
    _returned(bob.buy({"book": 1}))
    decisions.reject_refund(_orphan(alice), by=CAROL, note="a gift")
    alice.approved({"mug": 1})
    protocol.cancel_order(bob.approved({"mug": 3})[0], by=CAROL)
    decisions.honour(unverified(bob, {"voucher": 2}), by=Author("staff carol", "honour"))
    list(expire_stale(Order.objects.filter(status="pending"), proceed=lambda: True, by=CAROL))

    assert list(invariants.differences()) == []


def _returned(order: Order) -> None:
    """Give the money back after the goods went out."""
    refund = approve(refunds.flag_for_refund(order.payments.get(), reason="a return", by=CAROL))
    move(refund, "done", by=DORA, txid="e" * 64)
    move(order, "refunded", by=DORA)


def _orphan(buyer: Page) -> Refund:
    identifier = buyer.pi.create_payment(buyer.pioneer, amount="0.7", metadata={"order": "nonsense"})
    buyer.pi.approve(identifier)
    buyer.pi.sign(identifier)
    buyer.incomplete(identifier)
    return Refund.objects.get(payment__identifier=identifier)


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_shows_one_moment_and_keeps_nobody_from_writing(alice: Page) -> None:
    with invariants.snapshot():
        before = Order.objects.count()
        _in_another_connection(lambda: alice.order({"mug": 1}))
        during = Order.objects.count()

    assert (before, during, Order.objects.count()) == (0, 0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_leaves_the_connection_as_it_was(alice: Page) -> None:
    with invariants.snapshot():
        list(invariants.differences())

    alice.order({"mug": 1})
    assert Order.objects.count() == 1


def _in_another_connection(act: Callable[[], object]) -> None:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result(timeout=30)
