"""`check_ledger`: outgoing payments, and payments that only the chain knows. It touches neither."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payments.audit import against_chain
from payments.models import PiPayment, Refund
from payments.pi import horizon
from payments.statuses import RefundStatus
from tests.payments.management.test_check_ledger import _without_rest, run
from tests.payments.page import Page
from tests.payments.situations import cancel, doubted_after, everything, not_verified_for_long, pay_again

__all__ = ["_without_rest"]

pytestmark = pytest.mark.django_db(transaction=True)


def counts(printed: list[str]) -> str:
    return printed[-1].partition(": ")[2]


def paid_behind_our_back(page: Page) -> str:
    """Complete a payment at Pi that our database has never seen."""
    identifier = page.pi.create_payment(page.pioneer, amount="1.5", metadata={"order": "FORGOTTEN"})
    page.pi.approve(identifier)
    page.pi.complete(identifier, page.pi.sign(identifier))
    return identifier


def refund(page: Page, **values: object) -> Refund:
    """One that waits for its second person, as the database allows it to stand with `values`."""
    pay_again(page, page.buy({"mug": 1}))
    Refund.objects.update(**values)
    return Refund.objects.get()


# What goes out ------------------------------------------------------------------------------------------


def test_an_outgoing_payment_that_no_refund_knows_is_a_difference(alice: Page) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, "1.5")
    before = everything()

    printed, error = run("--pi")

    uid = alice.pioneer.uid
    assert printed[1] == (
        f"different: payment {identifier}: 1.5 π go out to {uid}, but none of our refunds matches"
    )
    assert error == "1 problems were found."
    assert everything() == before
    assert alice.pi.payment(identifier)["status"]["cancelled"] is False


def test_an_outgoing_payment_of_a_refund_is_no_difference(alice: Page) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, "1.5")
    refund(alice, status=RefundStatus.SENDING, approved_by="staff dora", identifier=identifier)

    printed, _ = run("--pi")

    assert printed[-1].startswith("3 payments compared with Pi: 3 the same")


def test_when_pi_does_not_tell_what_goes_out_the_check_fails(alice: Page) -> None:
    alice.pi.faults.add("html", path="incomplete_server_payments")

    printed, error = run("--pi")

    assert printed[1].startswith("not asked: payment (any that goes out): ")
    assert error == "1 problems were found."


# The chain ----------------------------------------------------------------------------------------------


def test_known_payments_are_the_same_on_the_chain(alice: Page) -> None:
    alice.buy({"mug": 1}), alice.buy({"book": 1})
    alice.pi.calls.clear()

    printed, error = run("--chain", "7")

    assert (counts(printed), error) == ("2 the same, 0 under way, 0 different, 0 not asked.", "")
    assert ["/payments/" in call.path for call in alice.pi.calls] == [
        False,
        False,
    ]  # two pages, no call about a payment


def test_a_payment_that_only_the_chain_knows_is_a_difference(alice: Page) -> None:
    identifier = paid_behind_our_back(alice)
    before = everything()

    printed, error = run("--chain", "7")

    uid = alice.pioneer.uid
    assert printed[1] == (
        f"different: payment {identifier}: is unknown here, but Pi shows that 1.5 π came from {uid}"
    )
    assert error == "1 problems were found."
    assert everything() == before


def test_money_that_went_out_and_that_no_refund_knows_is_a_difference(alice: Page) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, "1.5")
    alice.pi.complete(identifier, alice.pi.sign(identifier))

    printed, _ = run("--chain", "7")

    assert printed[1].endswith(f"is unknown here, but Pi shows that 1.5 π went out to {alice.pioneer.uid}")


def test_a_refund_that_was_sent_is_the_same_on_the_chain(alice: Page) -> None:
    identifier = alice.pi.create_outgoing(alice.pioneer, "1.5")
    txid = alice.pi.sign(identifier)
    refund(alice, status=RefundStatus.SUBMITTED, approved_by="staff dora", identifier=identifier, txid=txid)

    assert counts(run("--chain", "7")[0]) == "3 the same, 0 under way, 0 different, 0 not asked."


def test_a_payment_that_was_cancelled_and_then_paid_is_a_difference(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    alice.incomplete(identifier)  # gives it up, and Pi knows of no transaction
    PiPayment.objects.update(next_check_at=None)

    printed, _ = run("--chain", "7")

    assert printed[1] == (
        f"different: payment {identifier}: is cancelled here, but the chain shows that it was paid"
    )


def test_a_payment_that_is_just_being_paid_is_under_way(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier)

    printed, error = run("--chain", "7")

    assert (counts(printed), error) == ("0 the same, 1 under way, 0 different, 0 not asked.", "")


def test_money_that_pi_did_not_verify_is_a_difference_once_it_is_on_the_chain(alice: Page) -> None:
    order = doubted_after(cancel, alice, {"mug": 1})
    PiPayment.objects.update(notice="", next_check_at=None)

    printed, error = run("--chain", "1")

    identifier = order.payments.get().identifier
    text = "is failed here, but the chain shows that it was paid"
    assert (printed[1], error) == (f"different: payment {identifier}: {text}", "1 problems were found.")


def test_the_true_transaction_of_a_payment_that_showed_a_false_one_is_a_difference(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    alice.pi.sign(identifier, recorded=False)
    alice.pi.tamper(identifier, transaction={"txid": "f" * 64, "verified": False, "_link": ""})
    alice.pi.faults.add("refuse", path="complete", status=400, body={"error": "verification_failed"})
    not_verified_for_long(alice, identifier, "f" * 64)

    printed, error = run("--chain", "1")

    text = "is failed here, but the chain shows that it was paid"
    assert (printed[1], error) == (f"different: payment {identifier}: {text}", "1 problems were found.")


def test_anybody_may_write_anything_into_a_memo(alice: Page) -> None:
    """Anything that is no payment of this app is ignored; a second transaction of one is worth a note."""
    payment = alice.buy({"mug": 1}).payments.get()
    for memo in ("a gift", "nobody", payment.identifier):
        alice.pi.send(alice.pioneer, "0.1", memo=memo)

    printed, error = run("--chain", "7")

    assert printed[1].startswith(f"a note: payment {payment.identifier}: a second transaction names it: ")
    assert counts(printed) == "2 the same, 0 under way, 0 different, 0 not asked, 1 a note."
    assert error == ""


def test_only_transactions_of_the_given_days_are_checked(alice: Page) -> None:
    paid_behind_our_back(alice)
    alice.pi.clock.move(seconds=3600)
    since = alice.pi.clock.now() - timedelta(seconds=10)
    later = paid_behind_our_back(alice)

    found = against_chain.compare_since(since, pause=lambda: None)

    assert [comparison.identifier for comparison in found] == [later]


def test_all_pages_are_turned(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horizon, "PAGE", 2)
    for _ in range(5):
        alice.buy({"book": 1})

    assert counts(run("--chain", "7")[0]).startswith("5 the same")


@pytest.mark.parametrize("path", ["/horizon", "/payments/"])
def test_what_cannot_be_asked_fails_the_check(alice: Page, path: str) -> None:
    paid_behind_our_back(alice)
    alice.pi.faults.add("html", path=path)

    printed, error = run("--chain", "7")

    assert printed[1].startswith("not asked: ")
    assert error == "1 problems were found."
