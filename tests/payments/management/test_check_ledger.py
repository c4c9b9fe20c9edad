"""`check_ledger`: what it prints, how it ends, and how it compares with Pi's records."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from catalog import stock
from catalog.models import Variant
from payments.domain import protocol
from payments.domain.reconciliation import reconcile_due
from payments.domain.settle import settle
from payments.management import pacing
from payments.management.commands import check_ledger
from payments.models import Order, PiPayment
from payments.moves import Author
from tests.payments.page import Page, acts
from tests.payments.situations import asking, everything, unverified

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "SECONDS_BETWEEN_CALLS", 0)


def run(*options: str) -> tuple[list[str], str]:
    """Return the lines it printed, and the error it ended with."""
    out = io.StringIO()
    try:
        call_command("check_ledger", *options, stdout=out)
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), ""


def overdue() -> None:
    """Make every check overdue."""
    PiPayment.objects.exclude(next_check_at=None).update(next_check_at=timezone.now() - timedelta(minutes=11))


def test_a_shop_in_order_ends_with_one_line_of_counts(alice: Page) -> None:
    alice.buy({"voucher": 1})

    assert run() == (["3 variants, 1 orders, 1 payments, 0 refunds, 8 events checked: no differences."], "")


def test_every_difference_is_printed_and_the_command_fails(alice: Page) -> None:
    alice.approved({"mug": 2})
    Variant.objects.filter(sku="mug").update(reserved=3)
    order = Order.objects.get(reference=alice.order({"book": 1})["reference"])
    Order.objects.filter(pk=order.pk).update(status="cancelled")

    printed, error = run()

    assert printed[:-1] == [
        "promise 1: variant mug: 3 reserved, but reserved orders hold 2",
        f"promise 7: order {order}: is cancelled, but its events end at pending",
    ]
    assert printed[-1].endswith("checked: 2 differences.")
    assert error == "2 problems were found."


def test_pi_is_not_asked_without_the_option(alice: Page) -> None:
    alice.buy({"mug": 1})
    alice.pi.calls.clear()

    run()

    assert acts(alice.pi) == []


def test_pi_agrees_with_a_shop_in_order(alice: Page, bob: Page) -> None:
    alice.buy({"mug": 1})
    alice.approved({"mug": 1})
    order, _ = bob.approved({"mug": 1})
    protocol.cancel_order(order, by=Author("staff carol", "cancel_order"))
    before = everything()

    printed, error = run("--pi")

    assert printed[1:] == ["3 payments compared with Pi: 3 the same, 0 under way, 0 different, 0 not asked."]
    assert (error, everything()) == ("", before)


def _completed_here_only(page: Page) -> str:
    identifier = page.buy({"mug": 1}).payments.get().identifier
    page.pi.tamper(
        identifier,
        status={
            "developer_approved": True,
            "transaction_verified": True,
            "developer_completed": False,
            "cancelled": False,
            "user_cancelled": False,
        },
    )
    return identifier


def _completed_there_only(page: Page) -> str:
    _, identifier = page.approved({"mug": 1})
    page.pi.complete(identifier, page.pi.sign(identifier))
    return identifier


def _signed_there_only(page: Page) -> str:
    _, identifier = page.approved({"mug": 1})
    page.pi.sign(identifier)
    return identifier


def _signed_after_it_was_cancelled(page: Page) -> str:
    order, identifier = page.approved({"mug": 1})
    page.pi.sign(identifier, recorded=False)
    protocol.cancel_order(order, by=Author("staff carol", "cancel_order"))
    page.pi.record_transaction(identifier)
    return identifier


def _verified_there_only(page: Page) -> str:
    identifier = unverified(page, {"mug": 1}).payments.get().identifier
    page.pi.verify_transaction(identifier)
    return identifier


def _cancelled_there_only(page: Page) -> str:
    _, identifier = page.approved({"mug": 1})
    page.pi.cancel_by_user(identifier)
    return identifier


def _approved_there_only(page: Page) -> str:
    identifier = page.create_payment(page.order({"mug": 1}))
    page.cancel(identifier)
    page.pi.approve(identifier)
    return identifier


STORIES = [
    (_completed_here_only, "is completed here, but Pi shows it submitted"),
    (_completed_there_only, "is approved here, but Pi shows it completed"),
    (_signed_there_only, "is approved here, but Pi shows it submitted"),
    (_signed_after_it_was_cancelled, "is cancelled here, but Pi shows it submitted"),
    (_verified_there_only, "is failed here, but Pi shows it submitted"),
    (_cancelled_there_only, "is approved here, but Pi shows it cancelled"),
    (_approved_there_only, "is created here, but Pi shows it approved"),
]


@pytest.mark.parametrize(("story", "text"), STORIES)
def test_another_status_at_pi_is_a_difference(alice: Page, story: Callable[[Page], str], text: str) -> None:
    identifier = story(alice)
    overdue()

    printed, error = run("--pi")

    assert printed[1] == f"different: payment {identifier}: {text}"
    assert error == "1 problems were found."


@pytest.mark.parametrize(("story", "text"), STORIES[1:])
def test_a_payment_that_is_about_to_be_checked_is_no_difference(
    alice: Page, story: Callable[[Page], str], text: str
) -> None:
    identifier = story(alice)

    printed, error = run("--pi")

    assert printed[1] == f"under way: payment {identifier}: {text}"
    assert error == ""


@pytest.mark.parametrize(
    ("lies", "text"),
    [
        ({"amount": "1.4"}, "amount is 1.5 π here, 1.4 π at Pi"),
        ({"user_uid": "somebody"}, "payer is {uid} here, somebody at Pi"),
        ({"network": "Pi Network"}, "network is Pi Testnet here, Pi Network at Pi"),
        ({"to_address": "GELSEWHERE"}, "address is {address} here, GELSEWHERE at Pi"),
        ({"direction": "app_to_user"}, "direction is user_to_app here, app_to_user at Pi"),
        (
            {"transaction": {"txid": "f" * 64, "verified": True, "_link": ""}},
            "transaction is {txid} here, " + "f" * 64 + " at Pi",
        ),
        ({"transaction": None}, "transaction is {txid} here, none at Pi"),
    ],
)
def test_another_fact_at_pi_is_a_difference(alice: Page, lies: dict[str, object], text: str) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    alice.pi.tamper(payment.identifier, **lies)

    printed, error = run("--pi")

    facts = {"uid": payment.user_uid, "address": payment.to_address, "txid": payment.txid}
    assert printed[1] == f"different: payment {payment}: {text.format(**facts)}"
    assert error == "1 problems were found."


def _that_the_database_cannot_take(page: Page, monkeypatch: pytest.MonkeyPatch) -> str:
    identifier = _signed_there_only(page)

    def full(quantities: object) -> None:
        raise OperationalError("could not extend file: No space left on device")

    monkeypatch.setattr(stock, "consume", full)
    return identifier


def _that_contradicts_itself(page: Page, monkeypatch: pytest.MonkeyPatch) -> str:
    sold = page.buy({"mug": 1}).payments.get()
    identifier = _completed_there_only(page)
    shown = page.pi.payment(identifier)["transaction"]
    page.pi.tamper(identifier, transaction=shown | {"txid": sold.txid})
    return identifier


def _that_pi_does_not_complete(page: Page, monkeypatch: pytest.MonkeyPatch) -> str:
    identifier = _signed_there_only(page)
    page.pi.faults.add("refuse", path="/complete", status=400, body={"error": "invalid_arguments"})
    return identifier


@pytest.mark.parametrize(
    "story", [_that_the_database_cannot_take, _that_contradicts_itself, _that_pi_does_not_complete]
)
def test_a_payment_with_a_notice_is_a_difference_although_it_is_checked_again(
    alice: Page, monkeypatch: pytest.MonkeyPatch, story: Callable[[Page, pytest.MonkeyPatch], str]
) -> None:
    identifier = story(alice, monkeypatch)
    past = timezone.now() - timedelta(hours=2)
    PiPayment.objects.update(created_at=past)
    PiPayment.objects.exclude(next_check_at=None).update(next_check_at=past)
    with suppress(OperationalError):
        list(reconcile_due(proceed=lambda: True, by=Author("test", "reconcile")))

    printed, error = run("--pi")

    assert [line for line in printed if line.startswith(f"different: payment {identifier}: ")]
    assert error == "1 problems were found."


def test_a_payment_that_pi_does_not_know_is_a_difference(alice: Page) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    alice.pi.reset()

    printed, _ = run("--pi")

    assert printed[1] == f"different: payment {payment}: is completed here, but Pi does not know it"


def test_a_cancelled_payment_may_be_forgotten_at_pi(alice: Page) -> None:
    order, _ = alice.approved({"mug": 1})
    protocol.cancel_order(order, by=Author("staff carol", "cancel_order"))
    alice.pi.reset()

    assert run("--pi")[1] == ""


def test_one_unclear_answer_is_counted_and_the_rest_compared(alice: Page) -> None:
    first, second = alice.buy({"mug": 1}).payments.get(), alice.buy({"mug": 1}).payments.get()
    alice.pi.faults.add("html", path=first.identifier)
    alice.pi.tamper(second.identifier, amount="9")

    printed, error = run("--pi")

    assert printed[1] == (f"not asked: payment {first}: GET /payments/{first}: HTTP 500: not JSON")
    assert printed[2] == f"different: payment {second}: amount is 1.5 π here, 9 π at Pi"
    assert printed[3] == "2 payments compared with Pi: 0 the same, 0 under way, 1 different, 1 not asked."
    assert error == "2 problems were found."


def test_pi_is_left_alone_when_it_does_not_answer_at_all(alice: Page) -> None:
    for _ in range(7):
        alice.buy({"book": 1})
    alice.pi.calls.clear()
    alice.pi.faults.add("html")

    printed, error = run("--pi")

    assert len(acts(alice.pi)) == 5
    assert printed[-1] == "7 payments compared with Pi: 0 the same, 0 under way, 0 different, 7 not asked."
    assert error == "7 problems were found."


def test_a_payment_that_moves_while_pi_is_asked_is_looked_at_again(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    overdue()

    def settle_meanwhile(call: object) -> None:
        alice.pi.after_call = None
        alice.pi.sign(identifier)
        settle(PiPayment.objects.get(), pi=asking(), by=Author("test", "test"))

    alice.pi.after_call = settle_meanwhile

    assert run("--pi")[1] == ""
    order.refresh_from_db()
    assert order.status == "paid"


def test_questions_to_pi_are_asked_slowly(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        alice.buy({"book": 1})
    rests: list[float] = []
    monkeypatch.setattr(pacing, "SECONDS_BETWEEN_CALLS", 0.2)
    monkeypatch.setattr("time.sleep", rests.append)

    run("--pi")

    assert rests == [0.2] * 4  # and what goes out is one question more


def test_every_payment_is_compared_also_beyond_one_page(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.audit.against_pi.ROWS_AT_ONCE", 2)
    for _ in range(5):
        alice.buy({"book": 1})

    assert run("--pi")[0][-1].startswith("5 payments compared with Pi: 5 the same")


def test_a_long_comparison_tells_how_far_it_is(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_ledger, "TELL_EVERY", 2)
    for _ in range(5):
        alice.buy({"book": 1})
    signs = io.StringIO()

    call_command("check_ledger", "--pi", stdout=io.StringIO(), stderr=signs)

    assert signs.getvalue().splitlines() == [
        "2 payments compared with Pi so far.",
        "4 payments compared with Pi so far.",
    ]


def test_a_stopped_check_does_not_say_that_all_is_well(alice: Page) -> None:
    for _ in range(3):
        alice.buy({"book": 1})
    alice.pi.before_call = lambda call: os.kill(os.getpid(), signal.SIGTERM)

    printed, error = run("--pi")

    assert printed[-1].startswith("1 payments compared with Pi: 1 the same")
    assert error == "Stopped before everything was checked. What was checked is in order."
