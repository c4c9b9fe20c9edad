"""What must never happen, the database forbids: every constraint, past every line of our own code."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError
from django.db.utils import ConnectionDoesNotExist
from django.utils import timezone

from payments.models import (
    REFERENCE_ALPHABET,
    DeliveredCode,
    Event,
    Order,
    OrderLine,
    Pioneer,
    PiPayment,
    Refund,
    amount_field,
    new_reference,
)
from payments.statuses import OrderStatus, PaymentStatus, RefundStatus
from tests.catalog.goods import codes, product, variant
from tests.payments.rows import line, order, payment, pioneer, refund

pytestmark = pytest.mark.django_db

Violation = Callable[[], object]


def update(row: models.Model, **values: Any) -> int:
    """Run one UPDATE that only the database's own rules can refuse."""
    return type(row)._default_manager.filter(pk=row.pk).update(**values)


def event(**fields: Any) -> Event:
    return Event.objects.create(**{"kind": "noted", "actor": "staff bob", "cause": "test"} | fields)


def two_live_payments() -> None:
    of = order()
    payment("approved", order=of)
    payment("approving", order=of)


def two_holds_for_one_payment() -> None:
    paying = payment()
    order("reserved", held_by=paying)
    order("reserved", held_by=paying)


def one_line_twice() -> None:
    of = order()
    line(of)
    line(of)


def one_code_twice() -> None:
    code = codes("a").codes.get()
    sold = line()
    DeliveredCode.objects.create(line=sold, code=code)
    DeliveredCode.objects.create(line=sold, code=code)


def one_reference_twice() -> None:
    order(reference=order().reference)


def one_key_twice() -> None:
    order(idempotency_key="k")
    order(idempotency_key="k")


LATER = timezone.now()

# The name of the constraint (of a unique column: table and column) -> what it forbids.
FORBIDDEN: dict[str, list[Violation]] = {
    "payments_pioneer.uid": [lambda: Pioneer.objects.create(uid=pioneer().uid)],
    "payments_order.reference": [one_reference_twice],
    "payments_order.held_by": [two_holds_for_one_payment],
    "order_total_above_zero": [
        lambda: order(total=0),
        lambda: order(total=Decimal(-1)),
        lambda: update(order(), total=0),
    ],
    "order_status_known": [
        lambda: order("lost"),
        lambda: update(order(), status=""),
        lambda: update(order(), status="PENDING"),
    ],
    "order_reserved_is_held": [
        lambda: update(order(), status="reserved"),
        lambda: update(order(), status="reserved", held_by=payment()),
        lambda: update(order(), status="reserved", reserved_until=LATER),
        *(
            lambda status=status: update(order("reserved"), status=status, review_reason="stock_gone")
            for status in OrderStatus
            if status != OrderStatus.RESERVED
        ),
        lambda: update(order("reserved"), held_by=None),
        lambda: update(order("reserved"), reserved_until=None),
        lambda: update(order("paid"), held_by=payment()),
        lambda: update(order("paid"), reserved_until=LATER),
    ],
    "order_review_has_reason": [
        lambda: update(order(), status="needs_review"),
        lambda: update(order("needs_review"), review_reason=""),
    ],
    "order_once_per_idempotency_key": [one_key_twice],
    "line_once_per_variant": [one_line_twice],
    "line_quantity_above_zero": [lambda: line(quantity=0), lambda: update(line(), quantity=0)],
    "line_price_above_zero": [lambda: line(unit_price=0), lambda: update(line(), unit_price=Decimal(-1))],
    "payments_deliveredcode.code": [one_code_twice],
    "payments_pipayment.identifier": [lambda: payment(identifier=payment().identifier)],
    "payment_amount_above_zero": [lambda: payment(amount=0), lambda: update(payment(), amount=Decimal(-1))],
    "payment_status_known": [lambda: payment("lost"), lambda: update(payment(), status="")],
    "payment_with_transaction_not_cancelled": [
        lambda: payment("cancelled", txid="a" * 64),
        lambda: update(payment("submitted"), status="cancelled"),
        lambda: update(payment("completed"), status="cancelled"),
        lambda: update(payment("cancelled"), txid="a" * 64),
    ],
    "payment_with_money_has_txid": [
        *(
            lambda status=status: update(payment(), status=status)
            for status in (PaymentStatus.SUBMITTED, PaymentStatus.COMPLETED, PaymentStatus.FAILED)
        ),
        lambda: update(payment("completed"), txid=None),
    ],
    "payment_approved_has_order": [
        lambda: update(payment(), status="approving"),
        lambda: update(payment(), status="approved", held_at=LATER),
        lambda: update(payment(order=order()), status="approved"),
        lambda: update(payment("approved"), order=None),
        lambda: update(payment("approving"), held_at=None),
    ],
    "payment_one_live_per_order": [two_live_payments],
    "payment_one_completed_per_txid": [
        lambda: payment("completed", txid=payment("completed").txid),
        lambda: update(payment("submitted", txid=payment("completed").txid), status="completed"),
    ],
    "payments_refund.identifier": [lambda: [refund(identifier="r") for _ in range(2)]],
    "payments_refund.txid": [lambda: [refund("done", txid="t") for _ in range(2)]],
    "refund_amount_above_zero": [lambda: refund(amount=0), lambda: update(refund(), amount=Decimal(-1))],
    "refund_status_known": [lambda: refund("lost"), lambda: update(refund("approved"), status="")],
    "refund_approved_by_a_second_person": [
        lambda: refund("approved", asked_by="staff bob", approved_by="staff bob"),
        lambda: update(refund(), approved_by="staff bob"),
    ],
    "refund_not_sent_unapproved": [
        lambda status=status: update(refund(), status=status)
        for status in RefundStatus
        if status not in (RefundStatus.REQUESTED, RefundStatus.REJECTED)
    ],
    "refund_one_under_way": [
        lambda first=first, second=second: [refund(first), refund(second)]
        for first in ("sending", "submitted")
        for second in ("sending", "submitted")
    ],
    "event_has_one_subject": [
        event,
        lambda: event(order=order(), payment=payment()),
        lambda: event(payment=payment(), refund=refund()),
        lambda: event(order=order(), refund=refund()),
        lambda: event(order=order(), payment=payment(), refund=refund()),
    ],
    "event_has_author": [lambda: event(order=order(), actor="")],
    "event_move_has_status": [lambda: event(order=order(), kind="moved")],
}
VIOLATIONS = [
    pytest.param(name, violate, id=f"{name}-{n}")
    for name, violations in FORBIDDEN.items()
    for n, violate in enumerate(violations, 1)
]


# SQLite names the columns that must be unique, not the constraint.
COLUMNS = {
    "order_once_per_idempotency_key": "payments_order.pioneer_id, payments_order.idempotency_key",
    "line_once_per_variant": "payments_orderline.order_id, payments_orderline.variant_id",
    "payment_one_live_per_order": "payments_pipayment.order_id",
    "payment_one_completed_per_txid": "payments_pipayment.txid",
}


@pytest.mark.parametrize(("name", "violate"), VIOLATIONS)
def test_the_database_forbids(name: str, violate: Violation) -> None:
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        violate()

    assert any(
        known in str(refused.value) for known in (name, name.replace(".", "_"), COLUMNS.get(name, name))
    )


def test_no_constraint_is_left_out_of_this_table() -> None:
    ours = list(apps.get_app_config("payments").get_models())
    named = {constraint.name for model in ours for constraint in model._meta.constraints}
    columns = {
        f"{model._meta.db_table}.{field.name}"
        for model in ours
        for field in model._meta.concrete_fields
        if field.unique and not field.primary_key
    }

    assert named | columns == set(FORBIDDEN)


def another_try_after(status: str) -> None:
    of = order()
    payment(status, order=of)
    payment("approved", order=of)


def one_key_for_two_pioneers() -> None:
    order(idempotency_key="k")
    order(idempotency_key="k", pioneer=Pioneer.objects.create(uid="u-2"))


ALLOWED: dict[str, Violation] = {
    "two payments without a transaction": lambda: (payment(), payment()),
    "a new payment after a cancelled one": lambda: another_try_after("cancelled"),
    "a payment that shows another's transaction": lambda: payment("failed", txid=payment("completed").txid),
    "a new payment beside a signed one": lambda: another_try_after("submitted"),
    "one key for two pioneers": one_key_for_two_pioneers,
    "two orders without a key": lambda: (order(), order()),
    "two refunds approved": lambda: (refund("approved"), refund("approved")),
    "one refund under way and one done": lambda: (refund("sending"), refund("done")),
    "an orphan that is completed": lambda: payment("completed", order=None),
    "an order in every status": lambda: [order(status) for status in OrderStatus],
    "a payment in every status": lambda: [payment(status) for status in PaymentStatus],
}


@pytest.mark.parametrize("write", ALLOWED.values(), ids=ALLOWED)
def test_the_database_allows(write: Violation) -> None:
    write()


@pytest.mark.parametrize("amount", ["0.0000001", "0.3", "12345678.1234567", "99999999.9999999"])
def test_an_amount_comes_back_to_the_last_digit(amount: str) -> None:
    saved = payment(amount=Decimal(amount))

    assert PiPayment.objects.get(pk=saved.pk).amount == Decimal(amount)
    assert PiPayment.objects.filter(amount=Decimal(amount)).exists()


def test_an_amount_is_pi_with_seven_places_within_fifteen_digits() -> None:
    field = amount_field(null=True)

    assert (field.max_digits, field.decimal_places, field.null) == (15, 7, True)


# What rows are called, in the admin and in messages ---------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "moved", "after": "pending"}, "new → pending"),
        ({"kind": "moved", "before": "pending", "after": "paid", "note": "late"}, "pending → paid late"),
        ({"kind": "noted", "note": "shipped"}, "noted shipped"),
        ({"kind": "refused"}, "refused"),
    ],
)
def test_an_event_is_told_in_one_line(values: dict[str, str], words: str) -> None:
    assert str(event(order=order(), **values)) == words


def test_rows_are_called_what_people_call_them() -> None:
    of = order()

    assert of.get_absolute_url() == f"/orders/{of.reference}/"
    assert str(line(of, quantity=2, name="Mug, blue")) == "2 × Mug, blue"
    assert str(refund(payment=payment("completed"), amount=Decimal("1.50"))).startswith("1.5 π of ")
    code = codes("SECRET", of=product("Voucher")).codes.get()
    assert str(DeliveredCode(line=line(of, variant=code.variant), code=code)) == str(code)


def test_a_line_tells_its_sum_and_whether_staff_must_ship_it() -> None:
    parcel = line(quantity=3, unit_price=Decimal("0.5"))
    ticket = line(parcel.order, variant=codes("A", of=product("Ticket")))

    assert (parcel.amount, parcel.shipped_by_staff) == (Decimal("1.5"), True)
    assert ticket.shipped_by_staff is False
    assert OrderLine.objects.get(pk=parcel.pk).shipped_by_staff is True


def test_whoever_is_signed_in_is_somebody() -> None:
    assert (pioneer().is_authenticated, str(pioneer()), str(Pioneer(uid="u-9"))) == (True, "alice", "u-9")


def test_an_order_tells_how_much_it_takes_of_what() -> None:
    of, mugs, books = order(), variant(product("Mug")), variant(product("Book"))
    line(of, variant=mugs, quantity=2)
    line(of, variant=books, quantity=3)

    assert of.quantities() == {mugs.pk: 2, books.pk: 3}


# What holds rows together -----------------------------------------------------------------------------


def paid_and_refunded() -> dict[type[models.Model], models.Model]:
    """Return one row of each kind, all of the same purchase."""
    of = order("paid")
    of_line, paying = line(of), payment("completed", order=of)
    returned = refund(payment=paying, order=of)
    event(order=of)
    event(payment=paying)
    event(refund=returned)
    return {Pioneer: of.pioneer, Order: of, OrderLine: of_line, PiPayment: paying, Refund: returned}


@pytest.mark.parametrize("kind", [Pioneer, Order, PiPayment, Refund])
def test_nothing_with_a_story_can_be_deleted(kind: type[models.Model]) -> None:
    row = paid_and_refunded()[kind]

    with pytest.raises(ProtectedError):
        row.delete()


def test_an_event_is_never_changed() -> None:
    written = event(order=order(), note="as it was")
    written.note = "as somebody wished it had been"

    with pytest.raises(TypeError, match=r"^events are written once$"):
        written.save()

    assert Event.objects.get().note == "as it was"


def test_an_event_is_written_where_it_is_told_to() -> None:
    with pytest.raises(ConnectionDoesNotExist, match="elsewhere"):
        Event(kind="noted", actor="a", cause="c").save(using="elsewhere")


def test_an_event_is_never_deleted() -> None:
    written = event(order=order())

    with pytest.raises(TypeError, match=r"^events are never deleted$"):
        written.delete()

    assert Event.objects.count() == 1


def test_events_are_read_in_the_order_they_were_written() -> None:
    of = order()
    notes = [event(order=of, note=str(n)).note for n in range(5)]
    Event.objects.filter(note="4").update(at=of.created_at - timezone.timedelta(days=1))

    assert [written.note for written in of.events.all()] == notes


# References -------------------------------------------------------------------------------------------


def test_a_reference_can_be_read_out_and_typed() -> None:
    letters = f"[{REFERENCE_ALPHABET}]"

    assert re.fullmatch(rf"{letters}{{4}}-{letters}{{4}}-{letters}{{2}}", new_reference())
    assert not set(REFERENCE_ALPHABET) & set("0OQ1IL2Z5S8BUV") - {"Q"}
    assert len(set(REFERENCE_ALPHABET)) == len(REFERENCE_ALPHABET)


def test_nobody_meets_anothers_reference_by_trying() -> None:
    references = {new_reference() for _ in range(20_000)}

    assert len(references) == 20_000
    assert len(REFERENCE_ALPHABET) ** 10 > 2**45


def test_every_order_gets_a_reference_of_its_own() -> None:
    first, second = order(), order()

    assert first.reference != second.reference
    assert str(first) == first.reference
