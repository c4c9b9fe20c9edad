"""`recover_payments`: what the chain shows and our records have forgotten is settled as Pi's record says."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from payments.domain import protocol
from payments.management import pacing
from payments.management.commands import recover_payments
from payments.models import Order, PiPayment, Refund
from payments.statuses import Notice
from tests.payments.page import Page, acts, status_of
from tests.payments.situations import asking, everything, story, unverified

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = "2021-03-14"


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "SECONDS_BETWEEN_CALLS", 0)


def run(*options: str, since: str = LONG_AGO) -> tuple[list[str], str]:
    """Return the lines it printed after the first, and the error it ended with."""
    out = io.StringIO()
    try:
        call_command("recover_payments", "--since", since, *options, stdout=out)
    except CommandError as error:
        return out.getvalue().splitlines()[1:], str(error)
    return out.getvalue().splitlines()[1:], ""


def forgotten(page: Page, order: str = "FORGOTTEN", *, complete: bool = True) -> str:
    """Return a payment that our database has never seen, signed and perhaps completed at Pi."""
    identifier = page.pi.create_payment(page.pioneer, amount="1.5", metadata={"order": order})
    page.pi.approve(identifier)
    txid = page.pi.sign(identifier)
    if complete:
        page.pi.complete(identifier, txid)
    return identifier


def test_a_forgotten_payment_of_a_known_order_is_delivered(alice: Page) -> None:
    reference = alice.order({"mug": 1})["reference"]
    identifier = forgotten(alice, reference)

    assert run() == ([f"{identifier}: unknown → completed, order {reference}"], "")

    assert Order.objects.get().status == "paid"
    assert not Refund.objects.exists()


def test_a_forgotten_payment_of_a_forgotten_order_is_flagged_for_refund(alice: Page) -> None:
    identifier = forgotten(alice)

    assert run() == ([f"{identifier}: unknown → completed, no order of ours"], "")

    refund = Refund.objects.get()
    assert (refund.payment.identifier, refund.status) == (identifier, "requested")
    assert story(refund.payment) == [
        ("recover_payments", "recover_payments", "", "created"),
        ("recover_payments", "recover_payments", "created", "completed"),
    ]


def test_what_is_signed_and_not_completed_is_completed_at_pi(alice: Page) -> None:
    identifier = forgotten(alice, complete=False)

    run()

    assert alice.pi.payment(identifier)["status"]["developer_completed"] is True
    assert status_of(identifier) == "completed"


def test_what_pi_has_not_heard_of_is_told_to_pi(alice: Page) -> None:
    """The chain shows the transaction, and Pi looks it up by its hash."""
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)

    assert run() == ([f"{identifier}: approved → completed, order {order}"], "")

    order.refresh_from_db()
    assert order.status == "paid"


def test_who_paid_first_gets_the_goods(alice: Page, bob: Page) -> None:
    """The chain's list begins with the newest."""
    orders = [page.order({"mug": 10})["reference"] for page in (alice, bob)]
    for page, reference in zip((alice, bob), orders, strict=True):
        identifier = page.pi.create_payment(page.pioneer, amount="15", metadata={"order": reference})
        page.pi.approve(identifier)
        page.pi.complete(identifier, page.pi.sign(identifier))

    run()

    assert [Order.objects.get(reference=reference).status for reference in orders] == ["paid", "needs_review"]


def test_what_is_known_costs_no_question_and_stays_as_it_is(alice: Page) -> None:
    alice.buy({"voucher": 1}), forgotten(alice)
    run()
    before = everything()
    alice.pi.calls.clear()

    assert run() == ([], "")

    assert acts(alice.pi) == []
    assert everything() == before


def test_a_cancelled_payment_that_was_paid_is_trouble_for_staff(alice: Page) -> None:
    order, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)

    printed, error = run()

    assert printed == [
        f"{identifier}: trouble: {Notice.PAID_ON_CHAIN_ONLY.label} (cancelled → cancelled, order {order})"
    ]
    assert error == "1 payments are in trouble: look at them in the admin."
    assert PiPayment.objects.get().notice == Notice.PAID_ON_CHAIN_ONLY


def test_what_pi_verifies_long_after_it_failed_is_recorded(alice: Page) -> None:
    identifier = unverified(alice, {"mug": 1}).payments.get().identifier
    alice.pi.verify_transaction(identifier)

    printed, error = run()

    assert (status_of(identifier), error) == ("completed", "")
    assert printed[0].startswith(f"{identifier}: failed → completed, order ")


def test_what_pi_still_does_not_verify_is_trouble_for_staff(alice: Page) -> None:
    identifier = unverified(alice, {"mug": 1}).payments.get().identifier

    printed, error = run()

    assert printed[0].startswith(f"{identifier}: trouble: ")
    assert error == "1 payments are in trouble: look at them in the admin."


def test_a_payment_to_a_pioneer_is_told_and_left_alone(alice: Page) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, "1.5")
    alice.pi.sign(identifier)

    printed, error = run()

    assert printed == [f"{identifier}: trouble: it went out, but none of our refunds matches"]
    assert error
    assert acts(alice.pi) == []
    assert not PiPayment.objects.exists()


def test_anybody_may_write_anything_into_a_memo(alice: Page) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    txids = [alice.pi.send(alice.pioneer, "0.1", memo=memo) for memo in ("a gift", "nobody", str(payment))]
    before = everything()

    printed, error = run()

    assert printed == [
        "nobody: no payment of a pioneer to this app",
        f"{payment}: a second transaction names it: {txids[2]}",
    ]
    assert error == ""
    assert everything() == before


def test_a_strangers_transaction_does_not_finish_a_payment(alice: Page) -> None:
    """It names the payment and brings nothing, and Pi does not take it: the buyer can still pay."""
    order, identifier = alice.approved({"mug": 1})
    alice.pi.send(alice.pi.pioneer("mallory"), "0.0000001", memo=identifier)
    alice.pi.faults.add("refuse", path="/complete", status=400, body={"error": "verification_failed"})

    run()
    alice.pi.faults.clear()

    assert status_of(identifier) == "approved"
    alice.complete(identifier, alice.pi.sign(identifier))
    order.refresh_from_db()
    assert order.status == "paid"


def test_a_dry_run_tells_and_changes_nothing(alice: Page) -> None:
    first, second = forgotten(alice), forgotten(alice)
    before = everything()

    printed, error = run("--dry-run")

    told = [line.partition(" came in: ")[2] for line in printed]
    assert (told, error) == ([first, second, ""], "")
    assert printed[-1] == "Nothing was changed."
    assert everything() == before
    assert "GET" not in acts(alice.pi)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/horizon", "The chain cannot be asked now"),
        ("/payments/", "Pi cannot be asked now"),
    ],
)
def test_it_stops_where_nobody_answers_and_goes_on_when_run_again(alice: Page, path: str, error: str) -> None:
    identifier = forgotten(alice)
    alice.pi.faults.add("html", path=path)
    assert run()[1].startswith(error)

    alice.pi.faults.clear()

    assert run()[1] == ""
    assert status_of(identifier) == "completed"


def test_told_to_stop_it_finishes_the_payment_it_is_at(alice: Page) -> None:
    first, second = forgotten(alice), forgotten(alice)

    def stop(call: object) -> None:
        if "/payments/" in str(call):
            os.kill(os.getpid(), signal.SIGTERM)

    alice.pi.before_call = stop

    printed, error = run()

    assert printed == [f"{first}: unknown → completed, no order of ours"]
    assert error == "Stopped. Run it again: what is done stays done."
    alice.pi.before_call = None
    assert [line.partition(":")[0] for line in run()[0]] == [second]


@pytest.mark.parametrize("text", ["yesterday", "", "24.11.2026"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="is not like 2026-11-24"):
        call_command("recover_payments", "--since", text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24", "2026-11-24T00:00:00+00:00"),
        ("2026-11-24T03:30", "2026-11-24T03:30:00+00:00"),
        ("2026-11-24T03:30+02:00", "2026-11-24T03:30:00+02:00"),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(text: str, moment: str) -> None:
    assert recover_payments._moment(text).isoformat() == moment


def test_only_what_came_since_is_looked_at(alice: Page) -> None:
    forgotten(alice)
    alice.pi.clock.move(seconds=3600)

    assert run(since=f"{alice.pi.clock.now():%Y-%m-%dT%H:%M}") == ([], "")


# The step -----------------------------------------------------------------------------------------------


def sign_unrecorded(page: Page, identifier: str) -> None:
    page.pi.sign(identifier, recorded=False)


@pytest.mark.parametrize("sign", [lambda page, identifier: page.pi.sign(identifier), sign_unrecorded])
def test_done_twice_it_is_done_once(alice: Page, sign: Callable[[Page, str], object]) -> None:
    _, identifier = alice.approved({"voucher": 1})
    sign(alice, identifier)
    txid = alice.pi.txid_of(identifier) or ""
    protocol.recover_paid(identifier, txid, pi=asking(), by=recover_payments.BY)
    before = everything()

    protocol.recover_paid(identifier, txid, pi=asking(), by=recover_payments.BY)

    assert everything() == before
    assert status_of(identifier) == "completed"
