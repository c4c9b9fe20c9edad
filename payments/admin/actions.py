"""What staff can do from the admin: one table of actions, and one way to carry each of them out.

An action is another entry point to a function of `payments.domain`. It decides nothing; it turns the result,
good or bad, into a sentence for the person who pressed the button.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import DatabaseError

from payments.admin import summary
from payments.domain import decisions, notices, protocol, refunds
from payments.domain.ordering import Refused
from payments.domain.settle import UnknownPayment, settle
from payments.models import Order, PiPayment, Refund
from payments.money import in_pi
from payments.moves import Author, IllegalMove, Overtaken
from payments.pi.client import PiClient, PiMisconfigured, PiRefused, PiUnclear
from payments.pi.formats import TXID
from payments.pi.horizon import ChainPayment, Horizon
from payments.statuses import UNFINISHED, Cause, OrderStatus, PaymentStatus, RefundStatus

logger = logging.getLogger(__name__)

# Ask about no more than the latest payments of an order: a buyer may have started any number of them.
MAX_ASKED = 5


@dataclass(frozen=True)
class StaffAction:
    """One thing that staff can do with one kind of row.

    `act` does it and returns what is true afterwards. `fits` says whether to show a button; whether it can be
    done is for `act` alone to decide. With a `note_label`, staff are asked for a note first.
    """

    name: Cause
    label: str
    permission: str
    act: Callable[[Any, Author, str], str]
    fits: Callable[[Any], bool]
    explanation: str
    note_label: str = ""
    note_needed: bool = False
    on_lists: bool = True
    is_harmless: bool = False  # needs no confirmation: a click does it at once


@dataclass(frozen=True)
class Outcome:
    """The result of an action, in words for staff. `level` is one of Django's message levels."""

    level: int
    text: str

    @property
    def is_done(self) -> bool:
        return self.level == messages.SUCCESS


def attempt(action: StaffAction, row: Any, *, by: Author, note: str = "") -> Outcome:
    """Carry the action out and return the result. Expected failures are outcomes too, not exceptions."""
    try:
        return Outcome(messages.SUCCESS, action.act(row, by, note))
    except (decisions.Declined, Refused) as problem:
        return Outcome(messages.WARNING, str(problem))
    except refunds.RefundImpossible:
        return Outcome(messages.WARNING, "There is nothing left to refund.")
    except (Overtaken, IllegalMove):
        return Outcome(messages.WARNING, "It changed at the same moment. Reload the page and look again.")
    except UnknownPayment:
        return Outcome(messages.WARNING, "Pi does not know this payment.")
    except PiMisconfigured as problem:
        text = "Pi does not accept our key, or our app may not do this: run “manage.py pi_doctor”."
        return Outcome(messages.ERROR, f"{text} ({problem})")
    except PiRefused as problem:
        return Outcome(messages.ERROR, f"Pi refused. ({problem})")
    except PiUnclear as problem:
        text = "Pi gave no clear answer. Nothing is lost; try again in a minute."
        return Outcome(messages.ERROR, f"{text} ({problem})")
    except DatabaseError:
        logger.exception("%s of %s", action.name, row)
        return Outcome(messages.ERROR, "The database was busy. Nothing is lost; try again.")


# What they do ------------------------------------------------------------------------------------------


def _pi_client() -> PiClient:
    return PiClient(seconds=protocol.CALLBACK_SECONDS)


def _ask_about_order(order: Order, by: Author, note: str) -> str:
    pi, payments = _pi_client(), order.payments.order_by("-id")[:MAX_ASKED]
    if not payments:
        raise decisions.Declined("Nobody has started to pay for it.")
    missing = [payment for payment in payments if not _settle_unless_forgotten(payment, pi=pi, by=by)]
    if missing:
        names = ", ".join(map(str, missing))
        raise decisions.Declined(f"Pi does not know payment {names}. {_situation_of_order(order)}")
    return _situation_of_order(order)


def _settle_unless_forgotten(payment: PiPayment, *, pi: PiClient, by: Author) -> bool:
    """Settle the payment; return False if Pi does not know it, although it should.

    A payment that was cancelled and that Pi has forgotten, or that failed and that Pi still refuses, must not
    keep staff from settling the rest.
    """
    try:
        settle(payment, pi=pi, by=by)
    except UnknownPayment:
        return payment.status == PaymentStatus.CANCELLED
    except PiRefused:
        if payment.status != PaymentStatus.FAILED:
            raise
    return True


def _ask_about_payment(payment: PiPayment, by: Author, note: str) -> str:
    return _situation_of_payment(settle(payment, pi=_pi_client(), by=by))


def _ship(order: Order, by: Author, note: str) -> str:
    return _situation_of_order(decisions.ship(order, by=by, note=note))


def _honour(order: Order, by: Author, note: str) -> str:
    return _situation_of_order(decisions.honour(order, by=by, note=note))


def _cancel(order: Order, by: Author, note: str) -> str:
    try:
        order = protocol.cancel_order(order, by=by)
    except Refused as refusal:
        raise decisions.Declined(f"It can no longer be cancelled. {_situation_of_order(order)}") from refusal
    return _situation_of_order(order)


def _flag_order(order: Order, by: Author, note: str) -> str:
    left = [payment for payment in order.payments.order_by("id") if refunds.refundable(payment) > 0]
    if not left:
        raise refunds.RefundImpossible(f"nothing of what was paid for order {order} is left to refund")
    for payment in left:
        refunds.flag_for_refund(payment, reason=note, by=by)
    return _situation_of_order(order)


def _look_on_chain(payment: PiPayment, by: Author, note: str) -> str:
    if not re.fullmatch(TXID, payment.txid or ""):
        raise decisions.Declined("It has no transaction to look up.")
    shown = Horizon(seconds=protocol.CALLBACK_SECONDS).payment(str(payment.txid))
    if shown is None:
        return "The chain does not show the transaction. It may be delayed: try again in a minute."
    wrong = _wrong_on_chain(payment, shown)
    if wrong:
        return f"The chain shows the transaction, but {' and '.join(wrong)}."
    return f"The chain shows it: {in_pi(shown.amount)} arrived in our wallet for this payment."


def _wrong_on_chain(payment: PiPayment, shown: ChainPayment) -> list[str]:
    faults = {
        "it failed": not shown.successful,
        "it is for another payment": shown.memo != payment.identifier,
        "it went to another wallet": shown.to_address != settings.PI_WALLET_ADDRESS,
        f"it moved {in_pi(shown.amount)}": shown.amount != payment.amount,
    }
    return [fault for fault, is_so in faults.items() if is_so]


def _flag_payment(payment: PiPayment, by: Author, note: str) -> str:
    refund = refunds.flag_for_refund(payment, reason=note, by=by)
    return f"A refund of {in_pi(refund.amount)} is requested. A second person must approve it."


def _close(payment: PiPayment, by: Author, note: str) -> str:
    return _situation_of_payment(decisions.close_missing(payment, pi=_pi_client(), by=by, note=note))


def _reject(refund: Refund, by: Author, note: str) -> str:
    decisions.reject_refund(refund, by=by, note=note)
    return "Rejected: we keep the money."


def _dismiss(row: Order | PiPayment, by: Author, note: str) -> str:
    notices.dismiss_notice(row, by=by)
    return "The notice was dismissed. The timeline still shows it."


def _situation_of_order(order: Order) -> str:
    return summary.describe_order(Order.objects.get(pk=order.pk))


def _situation_of_payment(payment: PiPayment) -> str:
    return summary.describe_payment(PiPayment.objects.get(pk=payment.pk))


def _may_flag(payment: PiPayment) -> bool:
    """Return whether to show the button, from prefetched refunds; `refunds.refundable` has the last word."""
    counted = sum(r.amount for r in payment.refunds.all() if r.status in refunds.COUNTED)
    return payment.status == PaymentStatus.COMPLETED and payment.amount > counted


# The table ---------------------------------------------------------------------------------------------

ASK_EXPLANATION = (
    "Looks up Pi's record and acts on what it shows. Nothing that can still be paid is given up."
)
LATEST_EXPLANATION = (
    f" Covers the {MAX_ASKED} latest payments of an order; earlier ones have pages of their own."
)

DISMISS_EXPLANATION = "Removes the shop's notice from this page. The timeline still shows it."

SHIP = StaffAction(
    name=Cause.SHIP,
    label="Ship",
    permission="payments.ship_order",
    act=_ship,
    fits=lambda order: order.status == OrderStatus.PAID,
    explanation="Marks the items as shipped and the order as fulfilled. Confirm once they have left.",
    note_label="Tracking number or other note (optional)",
)
HONOUR = StaffAction(
    name=Cause.HONOUR,
    label="Hand the goods over",
    permission="payments.honour_order",
    act=_honour,
    fits=lambda order: order.status == OrderStatus.NEEDS_REVIEW,
    explanation="Takes the goods from stock and delivers them. A refund that was requested but not approved "
    "is rejected. The timeline records your name.",
    note_label="Why (optional)",
    on_lists=False,
)
CANCEL_ORDER = StaffAction(
    name=Cause.CANCEL_ORDER,
    label="Cancel order",
    permission="payments.cancel_order",
    act=_cancel,
    fits=lambda order: order.status in (OrderStatus.PENDING, OrderStatus.RESERVED),
    explanation="Cancels a payment in progress at Pi first; then the goods can be sold again. If the buyer "
    "has already signed, the order is delivered instead.",
    on_lists=False,
)
ASK_ABOUT_ORDER = StaffAction(
    name=Cause.ASK_PI,
    label="Ask Pi again",
    permission="payments.ask_pi",
    act=_ask_about_order,
    fits=lambda order: bool(order.payments.all()),
    explanation=ASK_EXPLANATION + LATEST_EXPLANATION,
    is_harmless=True,
)
FLAG_ORDER = StaffAction(
    name=Cause.FLAG_REFUND,
    label="Flag for refund",
    permission="payments.flag_refund",
    act=_flag_order,
    fits=lambda order: any(_may_flag(payment) for payment in order.payments.all()),
    explanation="Requests a refund of everything that was paid. Money moves only after a second person has "
    "approved it.",
    note_label="Reason",
    note_needed=True,
)
ASK_ABOUT_PAYMENT = StaffAction(
    name=Cause.ASK_PI,
    label="Ask Pi again",
    permission="payments.ask_pi",
    act=_ask_about_payment,
    fits=lambda payment: True,  # noqa: ARG005  (asking is always possible)
    explanation=ASK_EXPLANATION,
    is_harmless=True,
)
FLAG_PAYMENT = StaffAction(
    name=Cause.FLAG_REFUND,
    label="Flag for refund",
    permission="payments.flag_refund",
    act=_flag_payment,
    fits=_may_flag,
    explanation="Requests a refund of what is left of the payment. Money moves only after a second person "
    "has approved it.",
    note_label="Reason",
    note_needed=True,
)
LOOK_ON_CHAIN = StaffAction(
    name=Cause.LOOK_ON_CHAIN,
    label="Look on the chain",
    permission="payments.ask_pi",
    act=_look_on_chain,
    fits=lambda payment: bool(payment.txid),
    explanation="Looks the transaction up on the blockchain, without asking Pi. Nothing is changed.",
    is_harmless=True,
    on_lists=False,
)
CLOSE_MISSING = StaffAction(
    name=Cause.CLOSE_MISSING,
    label="Close missing payment",
    permission="payments.close_missing",
    act=_close,
    fits=lambda payment: payment.status in UNFINISHED and bool(payment.notice),
    explanation="Asks Pi once more. Only if Pi still does not know the payment is it closed: the goods it "
    "holds can be sold again, or, if it was signed, its order goes to review. Otherwise it is settled like "
    "any other.",
    note_label="Why (optional)",
    on_lists=False,
)
DISMISS_ORDER_NOTICE = StaffAction(
    name=Cause.DISMISS_NOTICE,
    label="Dismiss notice",
    permission="payments.change_order",
    act=_dismiss,
    fits=lambda order: bool(order.notice),
    explanation=DISMISS_EXPLANATION,
    is_harmless=True,
)
DISMISS_PAYMENT_NOTICE = StaffAction(
    name=Cause.DISMISS_NOTICE,
    label="Dismiss notice",
    permission="payments.change_pipayment",
    act=_dismiss,
    fits=lambda payment: bool(payment.notice),
    explanation=DISMISS_EXPLANATION,
    is_harmless=True,
)
REJECT_REFUND = StaffAction(
    name=Cause.REJECT_REFUND,
    label="Reject refund",
    permission="payments.reject_refund",
    act=_reject,
    fits=lambda refund: refund.status == RefundStatus.REQUESTED,
    explanation="Withdraws the request, and we keep the money. The buyer is not notified.",
    note_label="Why",
    note_needed=True,
)

ORDER_ACTIONS = (ASK_ABOUT_ORDER, SHIP, HONOUR, FLAG_ORDER, CANCEL_ORDER, DISMISS_ORDER_NOTICE)
PAYMENT_ACTIONS = (ASK_ABOUT_PAYMENT, LOOK_ON_CHAIN, FLAG_PAYMENT, CLOSE_MISSING, DISMISS_PAYMENT_NOTICE)
REFUND_ACTIONS = (REJECT_REFUND,)
