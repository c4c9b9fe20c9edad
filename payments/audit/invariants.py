"""What must hold after every step, checked in the database: each function yields where it does not.

    1  stock      the counts are right, and units are conserved
    2  promises   no unit is promised to two orders
    3  goods      nothing is delivered unpaid, or twice
    4  money      no completed payment is forgotten, and never goods and money back
    5  refunds    no order is paid unless Pi said so; no refund exceeds its payment or is sent twice
    6  holds      no payment that could still be paid has lost its goods
    7  events     every status follows from its events

Reads only, in constant memory. Run it inside `snapshot`, because a busy shop changes between two queries.
Money is summed in Python, because SQLite adds decimals as floats.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise
from operator import itemgetter

from django.db import connection, transaction
from django.db.models import (
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce

from catalog.models import Delivery, DeliveryCode, Variant
from payments.domain.refunds import COUNTED
from payments.models import DeliveredCode, Event, EventKind, Order, OrderLine, PiPayment, Refund
from payments.money import in_pi, paid, refunded
from payments.moves import MOVES, Subject
from payments.statuses import (
    LIVE,
    REFUND_UNDER_WAY,
    UNFINISHED,
    WITH_GOODS,
    Cause,
    OrderStatus,
    PaymentStatus,
    RefundOrigin,
    RefundStatus,
)

ROWS_AT_ONCE = 500
FIRST_STATUS: dict[type[Subject], str] = {
    Order: OrderStatus.PENDING,
    PiPayment: PaymentStatus.CREATED,
    Refund: RefundStatus.REQUESTED,
}


@dataclass(frozen=True)
class Difference:
    """One place where a promise does not hold, in words for whoever has to put it right."""

    promise: int
    subject: str
    text: str

    def __str__(self) -> str:
        return f"promise {self.promise}: {self.subject}: {self.text}"


def differences() -> Iterator[Difference]:
    """Yield everything in the database that breaks one of the seven promises."""
    for check in CHECKS:
        yield from check()


@contextmanager
def snapshot() -> Iterator[None]:
    """Read the database as it is at one moment, without keeping anybody from writing."""
    if connection.vendor == "postgresql":
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    # Django would begin by taking SQLite's only write lock, and stop the shop meanwhile.
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


# 1 Stock ---------------------------------------------------------------------------------------------


def stock_within_bounds() -> Iterator[Difference]:
    too_many = Q(tracked=True, reserved__gt=F("on_hand"))
    for variant in Variant.objects.filter(Q(reserved__lt=0) | Q(on_hand__lt=0) | too_many).iterator():
        text = f"{variant.reserved} reserved of {variant.on_hand} on hand"
        yield Difference(1, f"variant {variant.sku}", text)


def reserved_is_what_orders_hold() -> Iterator[Difference]:
    variants = Variant.objects.annotate(held=_units_of_reserved_orders()).exclude(reserved=F("held"))
    for variant in variants.iterator():
        text = f"{variant.reserved} reserved, but reserved orders hold {variant.held}"
        yield Difference(1, f"variant {variant.sku}", text)


def codes_are_their_own_stock() -> Iterator[Difference]:
    unsold = Count("codes", filter=Q(codes__sold_at=None))
    variants = Variant.objects.filter(delivery=Delivery.CODE).annotate(unsold=unsold)
    for variant in variants.exclude(on_hand=F("unsold")).order_by("pk").iterator():
        text = f"{variant.on_hand} on hand, but {variant.unsold} unsold codes"
        yield Difference(1, f"variant {variant.sku}", text)


def sold_codes_were_handed_out() -> Iterator[Difference]:
    handed_out = Exists(DeliveredCode.objects.filter(code=OuterRef("pk")))
    codes = DeliveryCode.objects.annotate(handed_out=handed_out).select_related("variant")
    for code in codes.filter(
        Q(sold_at=None, handed_out=True) | Q(sold_at__isnull=False, handed_out=False)
    ).iterator():
        text = "handed out, but counted as unsold" if code.sold_at is None else "sold, but nobody has it"
        yield Difference(1, f"code {code.pk} of variant {code.variant.sku}", text)


# 2 Promises ------------------------------------------------------------------------------------------


def no_more_promised_than_there_is() -> Iterator[Difference]:
    variants = Variant.objects.filter(tracked=True).annotate(held=_units_of_reserved_orders())
    for variant in variants.filter(held__gt=F("on_hand")).iterator():
        text = f"{variant.held} units are promised to orders, {variant.on_hand} are on hand"
        yield Difference(2, f"variant {variant.sku}", text)


def no_code_for_two() -> Iterator[Difference]:
    twice = DeliveredCode.objects.values("code_id", "code__variant__sku").annotate(times=Count("pk"))
    for row in twice.filter(times__gt=1).order_by("code_id").iterator():
        subject = f"code {row['code_id']} of variant {row['code__variant__sku']}"
        yield Difference(2, subject, f"was handed out {row['times']} times")


def every_hold_has_a_payment_of_its_own() -> Iterator[Difference]:
    twice = Order.objects.exclude(held_by=None).values("held_by__identifier").annotate(times=Count("pk"))
    for row in twice.filter(times__gt=1).order_by("held_by__identifier").iterator():
        yield Difference(
            2, f"payment {row['held_by__identifier']}", f"holds the goods of {row['times']} orders"
        )
    foreign = Order.objects.exclude(held_by=None).exclude(held_by__order=F("pk")).select_related("held_by")
    for order in foreign.iterator():
        yield Difference(2, f"order {order}", f"is held for payment {order.held_by}, which is not its own")


# 3 Goods ---------------------------------------------------------------------------------------------


def nothing_delivered_unpaid() -> Iterator[Difference]:
    delivered = Q(Exists(_lines().exclude(delivered_at=None))) | Q(Exists(_lines().exclude(codes=None)))
    orders = Order.objects.filter(delivered).exclude(_honoured()).prefetch_related("payments")
    for order in orders.order_by("pk").iterator(ROWS_AT_ONCE):
        came = paid(order.payments.all())
        if came < order.total:
            text = f"goods went out, but only {in_pi(came)} of {in_pi(order.total)} is paid"
            yield Difference(3, f"order {order}", text)


def delivered_as_the_status_says() -> Iterator[Difference]:
    orders = Order.objects.annotate(
        delivered=Exists(_lines().exclude(delivered_at=None)),
        waits=Exists(_lines().filter(delivered_at=None)),
    )
    may_be_delivered = (*WITH_GOODS, OrderStatus.REFUNDED)
    for order in orders.filter(delivered=True).exclude(status__in=may_be_delivered).iterator():
        yield Difference(3, f"order {order}", f"goods went out, but it is {order.status}")
    for order in orders.filter(status=OrderStatus.FULFILLED, waits=True).iterator():
        yield Difference(3, f"order {order}", "is fulfilled, but not everything was delivered")
    for order in orders.filter(status=OrderStatus.PAID, waits=False).iterator():
        yield Difference(3, f"order {order}", "everything was delivered, but it is not fulfilled")


def delivered_once_and_whole() -> Iterator[Difference]:
    handed_over = Event.objects.filter(after=OrderStatus.PAID).exclude(order=None)
    twice = handed_over.values("order__reference").annotate(times=Count("pk")).filter(times__gt=1)
    for row in twice.order_by("order__reference").iterator():
        yield Difference(3, f"order {row['order__reference']}", f"was handed over {row['times']} times")
    with_codes = Q(given__gt=0) | Q(variant__delivery=Delivery.CODE, delivered_at__isnull=False)
    lines = OrderLine.objects.annotate(given=Count("codes")).filter(with_codes).exclude(given=F("quantity"))
    for line in lines.select_related("order").order_by("pk").iterator():
        text = f"{line.given} codes were handed out for {line}"
        yield Difference(3, f"order {line.order}", text)


# 4 Money ---------------------------------------------------------------------------------------------


def no_payment_forgotten() -> Iterator[Difference]:
    """Money that no order uses is on its way back, or staff rejected its refund by name."""
    unused = PiPayment.objects.filter(status=PaymentStatus.COMPLETED).exclude(order__status__in=WITH_GOODS)
    for payment in unused.prefetch_related("refunds").order_by("pk").iterator(ROWS_AT_ONCE):
        rejected = any(refund.status == RefundStatus.REJECTED for refund in payment.refunds.all())
        left = payment.amount - refunded(payment.refunds.all(), COUNTED)
        if left > 0 and not rejected:
            text = f"{in_pi(left)} of {in_pi(payment.amount)} is neither used by an order nor on its way back"
            yield Difference(4, f"payment {payment}", text)


def no_order_overpaid_in_silence() -> Iterator[Difference]:
    """Whatever came beyond the total of a paid order has a refund requested."""
    orders = Order.objects.filter(status__in=WITH_GOODS).prefetch_related("payments__refunds")
    for order in orders.order_by("pk").iterator(ROWS_AT_ONCE):
        over = paid(p for p in order.payments.all() if not _is_decided(p)) - order.total
        if over > 0:
            yield Difference(
                4, f"order {order}", f"is overpaid by {in_pi(over)}, and nobody requested a refund"
            )


def refunded_means_all_of_it() -> Iterator[Difference]:
    orders = Order.objects.filter(status=OrderStatus.REFUNDED).prefetch_related("payments__refunds")
    for order in orders.order_by("pk").iterator(ROWS_AT_ONCE):
        came, back = paid(order.payments.all()), _back(order, (RefundStatus.DONE,))
        if back < came:
            text = f"is refunded, but only {in_pi(back)} of {in_pi(came)} went back"
            yield Difference(4, f"order {order}", text)


def never_goods_and_money_back() -> Iterator[Difference]:
    """Goods that left after a refund was approved must be paid with other money."""
    approved = Event.objects.filter(refund=OuterRef("pk"), after=RefundStatus.APPROVED).order_by("-pk")
    went_out = Event.objects.filter(
        order=OuterRef("order"), after__in=WITH_GOODS, pk__gt=OuterRef("approved_with_event")
    )
    suspects = (
        Refund.objects.filter(status__in=REFUND_UNDER_WAY)
        .annotate(approved_with_event=Subquery(approved.values("pk")[:1]))
        .filter(Exists(went_out))
    )
    orders = Order.objects.filter(pk__in=suspects.values("order_id")).prefetch_related("payments__refunds")
    for order in orders.order_by("pk").iterator(ROWS_AT_ONCE):
        back = _back(order, REFUND_UNDER_WAY)
        if paid(order.payments.all()) - back < order.total:
            yield Difference(4, f"order {order}", f"goods went out after {in_pi(back)} was on its way back")


# 5 Refunds -------------------------------------------------------------------------------------------


def no_order_paid_unless_completed() -> Iterator[Difference]:
    completed = PiPayment.objects.filter(order=OuterRef("pk"), status=PaymentStatus.COMPLETED)
    orders = Order.objects.filter(status__in=(*WITH_GOODS, OrderStatus.REFUNDED))
    for order in orders.exclude(Exists(completed)).exclude(_honoured()).order_by("pk").iterator():
        yield Difference(5, f"order {order}", f"is {order.status}, but no payment of it is completed")


def no_refund_exceeds_its_payment() -> Iterator[Difference]:
    payments = PiPayment.objects.filter(Exists(Refund.objects.filter(payment=OuterRef("pk"))))
    for payment in payments.prefetch_related("refunds").order_by("pk").iterator(ROWS_AT_ONCE):
        came, back = paid([payment]), refunded(payment.refunds.all(), COUNTED)
        if back > came:
            text = f"{in_pi(came)} came, but refunds are {in_pi(back)}"
            yield Difference(5, f"payment {payment}", text)
    orphaned = Q(order=None, payment__order__isnull=False)
    foreign = Q(order__isnull=False) & ~Q(order=F("payment__order"))
    for refund in Refund.objects.filter(orphaned | foreign).order_by("pk").iterator():
        yield Difference(5, f"refund {refund.pk}", "belongs to another order than its payment")


def one_outgoing_payment_at_a_time() -> Iterator[Difference]:
    under_way = Refund.objects.filter(status__in=(RefundStatus.SENDING, RefundStatus.SUBMITTED))
    names = ", ".join(str(refund.pk) for refund in under_way.order_by("pk"))
    if "," in names:
        yield Difference(5, f"refunds {names}", "are under way at the same time")


def no_refund_sent_twice() -> Iterator[Difference]:
    sent = Refund.objects.filter(status__in=(RefundStatus.SUBMITTED, RefundStatus.DONE))
    for refund in sent.filter(Q(txid=None) | Q(txid="")).order_by("pk").iterator():
        yield Difference(5, f"refund {refund.pk}", f"is {refund.status}, but without a transaction")
    for name in ("txid", "identifier"):
        known = Refund.objects.exclude(**{name: None}).filter(**{name: OuterRef(name)})
        same = Q(Exists(known.filter(pk__lt=OuterRef("pk")))) | Q(
            Exists(PiPayment.objects.filter(**{name: OuterRef(name)}))
        )
        for refund in Refund.objects.filter(same).order_by("pk").iterator():
            text = f"its {name} {getattr(refund, name)} belongs to another payment as well"
            yield Difference(5, f"refund {refund.pk}", text)


# 6 Holds ---------------------------------------------------------------------------------------------


def no_transaction_cancelled() -> Iterator[Difference]:
    payments = PiPayment.objects.filter(status=PaymentStatus.CANCELLED).exclude(txid=None)
    for payment in payments.order_by("pk").iterator():
        yield Difference(6, f"payment {payment}", f"is cancelled, but has the transaction {payment.txid}")


def nothing_released_that_could_be_paid() -> Iterator[Difference]:
    """Except what was signed after Pi had cancelled it: those goods had rightly gone back before."""
    was_cancelled = Event.objects.filter(payment=OuterRef("pk"), after=PaymentStatus.CANCELLED)
    signed = Q(status=PaymentStatus.SUBMITTED, held_at__isnull=False) & ~Q(Exists(was_cancelled))
    payments = PiPayment.objects.filter(Q(status__in=LIVE) | signed).filter(holds=None)
    for payment in payments.order_by("pk").iterator():
        text = f"is {payment.status}, but the goods it could be paid for are not held"
        yield Difference(6, f"payment {payment}", text)


def whatever_is_unfinished_is_looked_at() -> Iterator[Difference]:
    payments = PiPayment.objects.filter(status__in=UNFINISHED, next_check_at=None)
    for payment in payments.order_by("pk").iterator():
        yield Difference(6, f"payment {payment}", f"is {payment.status}, but will never be checked again")


def nothing_held_for_what_is_over() -> Iterator[Difference]:
    holding = set(UNFINISHED) - {PaymentStatus.CREATED}
    orders = Order.objects.exclude(held_by=None).exclude(held_by__status__in=holding)
    for order in orders.select_related("held_by").order_by("pk").iterator():
        if order.held_by is not None:
            text = f"goods are held for payment {order.held_by}, which is {order.held_by.status}"
            yield Difference(6, f"order {order}", text)


# 7 Events --------------------------------------------------------------------------------------------


def orders_are_their_events() -> Iterator[Difference]:
    return _replayed(Order, "order", "reference")


def payments_are_their_events() -> Iterator[Difference]:
    return _replayed(PiPayment, "payment", "identifier")


def refunds_are_their_events() -> Iterator[Difference]:
    return _replayed(Refund, "refund", "pk")


def every_event_has_an_author() -> Iterator[Difference]:
    for event in Event.objects.filter(Q(actor="") | Q(cause="")).iterator():
        yield Difference(
            7, f"event {event.pk}", f"“{event}” does not say who did it, and through which entry point"
        )


def _replayed(model: type[Subject], name: str, label: str) -> Iterator[Difference]:
    """Replay the events. Rows and events are read side by side, each once, in the order of the row's key."""
    moves = Event.objects.filter(kind=EventKind.MOVED).exclude(**{name: None}).order_by(f"{name}_id", "pk")
    told = groupby(moves.values_list(f"{name}_id", "before", "after").iterator(), key=itemgetter(0))
    pk, history = next(told, (None, iter(())))
    for row in model._default_manager.order_by("pk").values_list("pk", "status", label).iterator():
        steps = []
        if pk == row[0]:
            steps = [(before, after) for _, before, after in history]
            pk, history = next(told, (None, iter(())))
        problem = _contradiction(model, row[1], steps)
        if problem:
            yield Difference(7, f"{name} {row[2]}", problem)


def _contradiction(model: type[Subject], status: str, steps: list[tuple[str, str]]) -> str:
    if not steps:
        return f"is {status}, but no event says so"
    if steps[0] != ("", FIRST_STATUS[model]):
        return f"its first event is {_arrow(steps[0])}"
    for (_, reached), (before, after) in pairwise(steps):
        if before != reached:
            return f"the event {_arrow((before, after))} came when it was {reached}"
        if after not in MOVES[model].get(before, ()):
            return f"the move {_arrow((before, after))} is not allowed"
    if steps[-1][1] != status:
        return f"is {status}, but its events end at {steps[-1][1]}"
    return ""


def _arrow(step: tuple[str, str]) -> str:
    return f"{step[0] or 'new'} → {step[1]}"


CHECKS: tuple[Callable[[], Iterator[Difference]], ...] = (
    stock_within_bounds,
    reserved_is_what_orders_hold,
    codes_are_their_own_stock,
    sold_codes_were_handed_out,
    no_more_promised_than_there_is,
    no_code_for_two,
    every_hold_has_a_payment_of_its_own,
    nothing_delivered_unpaid,
    delivered_as_the_status_says,
    delivered_once_and_whole,
    no_payment_forgotten,
    no_order_overpaid_in_silence,
    refunded_means_all_of_it,
    never_goods_and_money_back,
    no_order_paid_unless_completed,
    no_refund_exceeds_its_payment,
    one_outgoing_payment_at_a_time,
    no_refund_sent_twice,
    no_transaction_cancelled,
    nothing_released_that_could_be_paid,
    whatever_is_unfinished_is_looked_at,
    nothing_held_for_what_is_over,
    orders_are_their_events,
    payments_are_their_events,
    refunds_are_their_events,
    every_event_has_an_author,
)


# What several checks share ---------------------------------------------------------------------------


def _units_of_reserved_orders() -> Coalesce:
    lines = OrderLine.objects.filter(variant=OuterRef("pk"), order__status=OrderStatus.RESERVED)
    units = lines.order_by().values("variant").annotate(units=Sum("quantity")).values("units")
    return Coalesce(Subquery(units), 0, output_field=IntegerField())


def _lines() -> QuerySet[OrderLine]:
    return OrderLine.objects.filter(order=OuterRef("pk"))


def _honoured() -> Exists:
    """Return whether a named member of staff decided that the goods go out."""
    return Exists(Event.objects.filter(order=OuterRef("pk"), cause=Cause.HONOUR, after=OrderStatus.PAID))


def _is_decided(payment: PiPayment) -> bool:
    """Return whether its money goes back, or staff rejected the refund that the shop itself requested."""
    return any(
        refund.status in COUNTED or refund.origin == RefundOrigin.SHOP for refund in payment.refunds.all()
    )


def _back(order: Order, statuses: Container[str]) -> Decimal:
    """Return how much is refunded. The order's payments and their refunds must be prefetched."""
    return sum((refunded(payment.refunds.all(), statuses) for payment in order.payments.all()), Decimal(0))
