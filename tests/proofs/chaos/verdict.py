"""What is true afterwards, by three witnesses: our books, Pi's, and what the buyers were told."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.management import CommandError, call_command
from django.db.models import Count

from payments.management import pacing
from payments.models import DeliveredCode, Event, Order, PiPayment, Refund
from payments.statuses import UNFINISHED, WITH_GOODS, OrderStatus, PaymentStatus
from tests.proofs import promises
from tests.proofs.chaos.phone import Memory
from tests.proofs.chaos.pi import PiProcess
from tests.proofs.promises import Goods, pass_time

ROUNDS = 4


def heal(pi: PiProcess) -> list[str]:
    """Let the time pass that everything waits for, and run the two commands until all is at rest.

    What was signed without Pi hearing of it becomes known only after the first round, in which its payment
    was given up: the worst moment. Return what the commands still complained of in the last round.
    """
    pi.clear()
    for n in range(ROUNDS):
        pass_time(pi, timedelta(minutes=20))
        run_commands()
        if n == 0:
            for shown in pi.payments():
                if shown["on_chain"] and not shown["transaction"]:
                    pi.record(shown["identifier"])
    pass_time(pi, timedelta(hours=25))
    return run_commands()


def run_commands() -> list[str]:
    complaints = []
    for command in ("reconcile_payments", "cleanup_stale_orders"):
        printed = io.StringIO()
        try:
            call_command(command, stdout=printed, stderr=printed)
        except CommandError as error:
            complaints.append(f"{command}: {error} {printed.getvalue()}")
    return complaints


@dataclass(frozen=True)
class Verdict:
    problems: list[str]
    figures: dict[str, object]


def judge(pi: PiProcess, goods: Goods, memory: Memory, *, balance_before: Decimal) -> Verdict:
    """Compare everything with everything, after `heal`."""
    books = [shown for shown in pi.payments() if shown["direction"] == "user_to_app"]
    lost, doubled = list(_lost(books, memory)), list(_doubled())
    problems = [
        *memory.wrong,
        *(f"lost: {text}" for text in lost),
        *(f"doubled: {text}" for text in doubled),
        *_unfinished(),
        *_money(pi, balance_before),
        *promises.broken(pi, goods),
        *_against_pi(),
    ]
    figures = {
        "payments begun at Pi": len(books),
        "payments made (signed on the chain)": sum(1 for shown in books if shown["on_chain"]),
        "payments completed": PiPayment.objects.filter(status=PaymentStatus.COMPLETED).count(),
        "payments cancelled": PiPayment.objects.filter(status=PaymentStatus.CANCELLED).count(),
        "orders": Order.objects.count(),
        "orders paid or fulfilled": Order.objects.filter(status__in=WITH_GOODS).count(),
        "orders in review": Order.objects.filter(status=OrderStatus.NEEDS_REVIEW).count(),
        "refunds requested": Refund.objects.count(),
        "lost": len(lost),
        "doubled": len(doubled),
        "differences of any kind": len(problems),
    }
    return Verdict(problems, figures)


def _lost(books: list[dict[str, Any]], memory: Memory) -> Iterator[str]:
    ours = dict(PiPayment.objects.values_list("identifier", "status"))
    for shown in books:
        identifier, flags = shown["identifier"], shown["status"]
        if shown["on_chain"] and not flags["developer_completed"]:
            yield f"payment {identifier} was paid on the chain, but nobody completed it at Pi"
        if flags["developer_completed"] and ours.get(identifier) != PaymentStatus.COMPLETED:
            yield f"payment {identifier} is completed at Pi, but {ours.get(identifier, 'unknown')} here"
    for identifier in memory.completed:
        if ours.get(identifier) != PaymentStatus.COMPLETED:
            yield f"payment {identifier} was answered completed, but is {ours.get(identifier, 'unknown')}"
    kept = set(Order.objects.values_list("reference", flat=True))
    for reference in set(memory.orders.values()) - kept:
        yield f"order {reference} was answered 201, but is not there"


def _doubled() -> Iterator[str]:
    paid = Event.objects.filter(after=OrderStatus.PAID).exclude(order=None).values("order__reference")
    for row in paid.annotate(times=Count("pk")).filter(times__gt=1).order_by():
        yield f"order {row['order__reference']} was handed over {row['times']} times"
    codes = DeliveredCode.objects.values("code").annotate(times=Count("pk")).filter(times__gt=1)
    for row in codes.order_by():
        yield f"code {row['code']} was handed out {row['times']} times"
    kept = PiPayment.objects.filter(status=PaymentStatus.COMPLETED, refunds=None).exclude(order=None)
    for reference, times in Counter(kept.values_list("order__reference", flat=True)).items():
        if times > 1:
            yield f"order {reference} was paid {times} times, and nobody gives anything back"


def _unfinished() -> Iterator[str]:
    for payment in PiPayment.objects.filter(status__in=UNFINISHED):
        yield f"payment {payment} is still {payment.status}"
    for order in Order.objects.filter(status__in=(OrderStatus.PENDING, OrderStatus.RESERVED)):
        yield f"order {order} is still {order.status}"


def _money(pi: PiProcess, before: Decimal) -> Iterator[str]:
    """Compare to the last digit what the wallet on the chain received with what our books say came."""
    came = pi.balance_of_the_shop() - before
    booked = sum(
        PiPayment.objects.filter(status=PaymentStatus.COMPLETED).values_list("amount", flat=True), Decimal(0)
    )
    if came != booked:
        yield f"{came} π reached the wallet, but our books say {booked}"


def _against_pi() -> Iterator[str]:
    """Run the shop's own command, without the pauses that it makes for the sake of a real Pi."""
    pause, pacing.SECONDS_BETWEEN_CALLS = pacing.SECONDS_BETWEEN_CALLS, 0
    printed = io.StringIO()
    try:
        call_command("check_ledger", pi=True, stdout=printed, stderr=printed)
    except CommandError as error:
        yield f"check_ledger --pi: {error} {printed.getvalue()}"
    finally:
        pacing.SECONDS_BETWEEN_CALLS = pause
    if " 0 under way" not in printed.getvalue():
        yield f"check_ledger --pi: {printed.getvalue()}"
