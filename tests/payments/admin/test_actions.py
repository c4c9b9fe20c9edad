"""What staff do from the admin: each action by its button and by its list, with permission and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from payments.admin import actions, base
from payments.admin.actions import ORDER_ACTIONS, PAYMENT_ACTIONS, REFUND_ACTIONS
from payments.domain import refunds
from payments.models import Event, Order, PiPayment, Refund
from payments.moves import Overtaken
from tests.payments.page import Page, acts, status_of
from tests.payments.situations import (
    CAROL,
    approve,
    everything,
    given_up_while_signed,
    not_verified_for_long,
    paid_after_cancel,
    story,
)
from tests.payments.staff import (
    VIEW,
    Row,
    act,
    action_url,
    chief,
    list_url,
    logged,
    member,
    messages_of,
    page_url,
    text_of,
)

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Case:
    """A story, the action that follows, and what is true then."""

    action: str
    permission: str
    begin: Callable[[Page], Row]
    status: str
    told: str
    note: str = ""


def _signed(page: Page) -> Order:
    order, identifier = page.approved({"mug": 1})
    page.pi.sign(identifier)
    return order


def _paid(page: Page) -> Order:
    return page.buy({"mug": 1})


def _in_review(page: Page) -> Order:
    return paid_after_cancel(page, {"voucher": 1})


def _being_paid(page: Page) -> Order:
    return page.approved({"mug": 1})[0]


def _payment_of(begin: Callable[[Page], Order]) -> Callable[[Page], PiPayment]:
    return lambda page: begin(page).payments.get()


def _missing(page: Page) -> PiPayment:
    payment = _being_paid(page).payments.get()
    PiPayment.objects.update(notice="not_shown")
    page.pi.reset()
    return payment


DISMISSED = "The notice was dismissed. The timeline still shows it."


def _noticed_order(page: Page) -> Order:
    order = page.buy({"voucher": 1})
    Order.objects.update(notice="unusable_money")
    PiPayment.objects.update(notice="unverified")
    return order


def _requested(page: Page) -> Refund:
    return _in_review(page).refunds.get()


CASES = (
    Case("ask_pi", "ask_pi", _signed, "paid", "Paid. 1 item to ship."),
    Case("ship", "ship_order", _paid, "fulfilled", "Paid, and everything is delivered."),
    Case("honour", "honour_order", _in_review, "fulfilled", "Paid, and everything is delivered."),
    Case("cancel_order", "cancel_order", _being_paid, "cancelled", "Cancelled; nothing was paid."),
    Case(
        "flag_refund",
        "flag_refund",
        _paid,
        "paid",
        ("Paid, but do not ship: decide on the refund first. A refund of 1.5 π is requested."),
        note="it broke",
    ),
    Case("ask_pi", "ask_pi", _payment_of(_signed), "completed", "Completed: the money is ours."),
    Case(
        "flag_refund",
        "flag_refund",
        _payment_of(_paid),
        "completed",
        "A refund of 1.5 π is requested. A second person must approve it.",
        note="it broke",
    ),
    Case(
        "look_on_chain",
        "ask_pi",
        _payment_of(_paid),
        "completed",
        "The chain shows it: 1.5 π arrived in our wallet for this payment.",
    ),
    Case("close_missing", "close_missing", _missing, "cancelled", "Cancelled: nothing was charged."),
    Case("dismiss_notice", "change_order", _noticed_order, "fulfilled", DISMISSED),
    Case("dismiss_notice", "change_pipayment", _payment_of(_noticed_order), "completed", DISMISSED),
    Case(
        "reject_refund",
        "reject_refund",
        _requested,
        "rejected",
        "Rejected: we keep the money.",
        note="sent by hand",
    ),
)


def name(case: Case) -> str:
    return f"{case.action}-{case.begin.__name__}"


every_action = pytest.mark.parametrize("case", CASES, ids=name)


def test_every_action_has_a_case() -> None:
    names = [action.name for action in (*ORDER_ACTIONS, *PAYMENT_ACTIONS, *REFUND_ACTIONS)]

    assert sorted(case.action for case in CASES) == sorted(names)


@every_action
def test_a_button_does_its_action_by_name(alice: Page, case: Case) -> None:
    row = case.begin(alice)
    client = member("cleo", case.permission)
    assert case.action in [action.name for action in client.get(page_url(row)).context["staff_actions"]]

    response = client.post(action_url(row, case.action), {"note": case.note}, follow=True)

    row.refresh_from_db()
    assert row.status == case.status
    assert messages_of(response) == [f"{row}: {case.told}"]
    assert response.redirect_chain == [(page_url(row), 302)]


@pytest.mark.parametrize("case", [case for case in CASES if case.action != "look_on_chain"], ids=name)
def test_an_action_is_recorded_in_the_timeline_and_in_the_admin_log(alice: Page, case: Case) -> None:
    row = case.begin(alice)
    client = member("cleo", case.permission)

    client.post(action_url(row, case.action), {"note": case.note})

    authors = set(Event.objects.values_list("actor", "cause"))
    label = next(
        d.label for d in (*ORDER_ACTIONS, *PAYMENT_ACTIONS, *REFUND_ACTIONS) if d.name == case.action
    )
    assert ("staff cleo", case.action) in authors
    assert logged() == [("cleo", str(row), f"{label}: {case.told}")]


@every_action
def test_without_the_permission_there_is_no_button_and_no_action(alice: Page, case: Case) -> None:
    row = case.begin(alice)
    others = {other.permission for other in CASES} - {case.permission}
    client = member("cleo", *others)
    before, asked = everything(), acts(alice.pi)

    statuses = [
        client.get(action_url(row, case.action)).status_code,
        client.post(action_url(row, case.action), {"note": case.note}).status_code,
    ]
    act(client, type(row), case.action, row, note=case.note, confirmed="yes")

    assert statuses == [403, 403]
    assert case.action not in [action.name for action in client.get(page_url(row)).context["staff_actions"]]
    assert (everything(), acts(alice.pi), logged()) == (before, asked, [])


# Who may change a row may always see it.
@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.permission.startswith("change_")], ids=name
)
def test_an_action_needs_the_permission_to_view_the_row(alice: Page, case: Case) -> None:
    row = case.begin(alice)
    client = member("cleo", case.permission)
    User.objects.get().user_permissions.filter(codename__in=VIEW).delete()
    before = everything()

    assert client.post(action_url(row, case.action), {"note": case.note}).status_code == 403
    assert everything() == before


@every_action
def test_strangers_are_asked_to_sign_in(alice: Page, case: Case) -> None:
    row = case.begin(alice)
    before = everything()

    response = Client().post(action_url(row, case.action), {"note": case.note})

    assert response["Location"].startswith("/admin/login/")
    assert everything() == before


@every_action
def test_a_form_from_elsewhere_is_refused(alice: Page, case: Case) -> None:
    row = case.begin(alice)
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("carol"))
    before = everything()

    response = client.post(action_url(row, case.action), {"note": case.note})

    assert response.status_code == 403
    assert everything() == before


@every_action
def test_the_confirmation_page_explains_the_action(alice: Page, case: Case) -> None:
    row = case.begin(alice)
    before = everything()

    response = chief().get(action_url(row, case.action))

    text, action = text_of(response), response.context["action"]
    assert action.explanation in text
    assert str(row) in text
    assert f"[{action.label}]" in text
    assert everything() == before


@pytest.mark.parametrize(
    ("action", "begin"),
    [("flag_refund", _paid), ("flag_refund", _payment_of(_paid)), ("reject_refund", _requested)],
)
@pytest.mark.parametrize("note", ["", "   ", "\x00", "x" * 201])
def test_an_action_that_needs_a_reason_is_refused_without_one(
    alice: Page, action: str, begin: Callable[[Page], Row], note: str
) -> None:
    row = begin(alice)
    before = everything()

    response = chief().post(action_url(row, action), {"note": note})

    assert response.status_code == 200
    assert response.context["form"].errors
    assert (everything(), logged()) == (before, [])


def test_the_reason_of_a_refund_is_kept(alice: Page) -> None:
    order = alice.buy({"mug": 1})

    chief().post(action_url(order, "flag_refund"), {"note": "it broke"})

    refund = Refund.objects.get()
    assert (refund.reason, refund.asked_by, refund.status) == ("it broke", "staff carol", "requested")


def _going_back(page: Page) -> Order:
    order = _paid(page)
    approve(refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL))
    return order


def _approved_refund(page: Page) -> Refund:
    return approve(_requested(page))


def _flagged(page: Page) -> Order:
    order = _paid(page)
    refunds.flag_for_refund(order.payments.get(), reason="x", by=CAROL)
    return order


def _unpaid(page: Page) -> Order:
    return Order.objects.get(reference=page.order({"mug": 1})["reference"])


@pytest.mark.parametrize(
    ("action", "begin", "told"),
    [
        ("ship", _going_back, "Its money is on its way back to the buyer: the goods must stay here."),
        ("ship", _unpaid, "Only a paid order can be shipped; this one is waiting for payment."),
        ("honour", _paid, "Only an order in review can be honoured; this one is paid."),
        ("cancel_order", _paid, "It can no longer be cancelled. Paid. 1 item to ship."),
        ("cancel_order", _signed, "It can no longer be cancelled. Paid. 1 item to ship."),
        ("flag_refund", _flagged, "There is nothing left to refund."),
        ("flag_refund", _unpaid, "There is nothing left to refund."),
        ("flag_refund", _payment_of(_flagged), "There is nothing left to refund."),
        ("ask_pi", _unpaid, "Nobody has started to pay for it."),
        ("close_missing", _payment_of(_paid), "Only an open payment can be closed; this one is completed."),
        ("reject_refund", _approved_refund, "Only a requested refund can be rejected; this one is approved."),
    ],
)
def test_an_impossible_action_says_why(
    alice: Page, action: str, begin: Callable[[Page], Row], told: str
) -> None:
    row = begin(alice)

    response = chief().post(action_url(row, action), {"note": "x"}, follow=True)

    assert messages_of(response) == [f"{row}: {told}"]
    assert logged() == []


@pytest.mark.parametrize(
    ("action", "begin", "told"),
    [
        ("ask_pi", _signed, "Pi gave no clear answer. Nothing is lost; try again in a minute."),
        ("ask_pi", _payment_of(_signed), "Pi gave no clear answer. Nothing is lost; try again in a minute."),
        ("cancel_order", _being_paid, "Pi gave no clear answer. Nothing is lost; try again in a minute."),
        ("close_missing", _missing, "Pi gave no clear answer. Nothing is lost; try again in a minute."),
    ],
)
@pytest.mark.parametrize("fault", ["down", "html", "malformed", "nonsense", "lose_answer"])
def test_an_outage_is_told_and_nothing_breaks(
    alice: Page, action: str, begin: Callable[[Page], Row], told: str, fault: str
) -> None:
    row = begin(alice)
    alice.pi.faults.add(fault)
    before = everything()

    response = chief().post(action_url(row, action), follow=True)

    assert [message.partition(" (")[0] for message in messages_of(response)] == [f"{row}: {told}"]
    assert (everything(), logged()) == (before, [])


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"status": 401, "body": {"error": "Invalid/missing API key"}},
            "Pi does not accept our key, or our app may not do this: run “manage.py pi_doctor”.",
        ),
    ],
)
def test_errors_of_pi_are_reported_in_our_words(alice: Page, answer: dict[str, object], told: str) -> None:
    order = _signed(alice)
    alice.pi.faults.add("refuse", **answer)

    response = chief().post(action_url(order, "ask_pi"), follow=True)

    assert [message.partition(" (")[0] for message in messages_of(response)] == [f"{order}: {told}"]


def test_a_payment_that_pi_does_not_know_is_named(alice: Page) -> None:
    order = _being_paid(alice)
    alice.pi.reset()
    identifier = order.payments.get().identifier
    client = chief()

    of_order = client.post(action_url(order, "ask_pi"), follow=True)
    of_payment = client.post(action_url(order.payments.get(), "ask_pi"), follow=True)

    assert messages_of(of_order)[0].startswith(
        f"{order}: Pi does not know payment {identifier}. Pi no longer shows the buyer's payment"
    )
    assert messages_of(of_payment) == [f"{identifier}: Pi does not know this payment."]


def test_a_cancelled_payment_that_pi_forgot_does_not_stop_the_others(alice: Page) -> None:
    order, cancelled = alice.approved({"mug": 1})
    alice.pi.cancel_by_user(cancelled)
    alice.cancel(cancelled)
    second = alice.rival_payment(order)
    alice.approve(second)
    alice.pi.sign(second)
    alice.pi.faults.add("refuse", path=cancelled, status=404, body={"error": "payment_not_found"})

    response = chief().post(action_url(order, "ask_pi"), follow=True)

    assert messages_of(response) == [f"{order}: Paid. 1 item to ship."]


def test_a_failed_payment_does_not_stop_the_others(alice: Page) -> None:
    answer = alice.order({"mug": 1})
    old = given_up_while_signed(alice, answer)
    new = alice.create_payment(answer)
    alice.approve(new)
    not_verified_for_long(alice, new, alice.pi.sign(new, verified=False))
    alice.pi.record_transaction(old)
    alice.pi.faults.add("refuse", path=f"{new}/complete", status=400, body={"error": "cancelled_payment"})

    chief().post(action_url(Order.objects.get(), "ask_pi"), follow=True)

    assert (status_of(new), status_of(old)) == ("failed", "completed")


def test_what_pi_refuses_is_told(alice: Page) -> None:
    order = _being_paid(alice)
    alice.pi.faults.add("refuse", path="cancel", status=400, body={"error": "forbidden_today"})

    response = chief().post(action_url(order, "cancel_order"), follow=True)

    (message,) = messages_of(response)
    assert message.startswith(f"{order}: Pi refused. (POST /payments/")
    assert "forbidden_today" in message


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Overtaken("x"), "It changed at the same moment. Reload the page and look again."),
        (OperationalError("database is locked"), "The database was busy. Nothing is lost; try again."),
    ],
)
def test_races_and_database_errors_are_reported(
    alice: Page, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    order = _paid(alice)

    def fail(*args: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(actions.decisions, "ship", fail)

    response = chief().post(action_url(order, "ship"), follow=True)

    assert messages_of(response) == [f"{order}: {told}"]


@pytest.mark.parametrize(
    "url", ["/admin/payments/order/1/do/nonsense/", "/admin/payments/order/999/do/ship/"]
)
def test_an_unknown_row_or_action_is_not_found(alice: Page, url: str) -> None:
    alice.buy({"mug": 1})

    assert chief().get(url).status_code == chief("dora").post(url).status_code == 404


# Many at once ----------------------------------------------------------------------------------------------


def test_each_row_of_a_list_is_told(alice: Page, bob: Page) -> None:
    signed, waiting = _signed(alice), _being_paid(bob)

    response = act(chief(), Order, "ask_pi", signed, waiting)

    waiting.refresh_from_db()
    until = f"{waiting.reserved_until:%H:%M} UTC"
    assert sorted(messages_of(response)) == sorted(
        [
            f"{signed}: Paid. 1 item to ship.",
            f"{waiting}: The buyer is paying. The goods are held until {until}.",
        ]
    )
    assert len(logged()) == 2


def test_asking_pi_again_gives_no_payment_up(alice: Page) -> None:
    payment = _payment_of(_being_paid)(alice)
    PiPayment.objects.update(created_at="2020-01-01T00:00Z")
    Order.objects.update(reserved_until="2020-01-01T00:00Z")

    act(chief(), PiPayment, "ask_pi", payment)

    payment.refresh_from_db()
    assert payment.status == "approved"


def test_an_action_on_a_list_is_confirmed_first(alice: Page, bob: Page) -> None:
    first, second = _paid(alice), _paid(bob)
    client = chief()
    before = everything()

    response = act(client, Order, "ship", first, second)

    assert "Marks the items as shipped" in text_of(response)
    assert {row for row, _, _ in response.context["rows"]} == {first, second}
    assert everything() == before


def test_a_confirmed_action_is_done_to_every_row(alice: Page, bob: Page) -> None:
    first, second = _paid(alice), _paid(bob)

    response = act(chief(), Order, "ship", first, second, confirmed="yes", note="DHL")

    assert set(Order.objects.values_list("status", flat=True)) == {"fulfilled"}
    assert first.events.get(kind="noted").note == "shipped DHL"
    assert len(messages_of(response)) == len(logged()) == 2


def test_one_row_that_cannot_be_done_does_not_stop_the_others(alice: Page, bob: Page) -> None:
    going_back, paid = _going_back(alice), _paid(bob)

    response = act(chief(), Order, "ship", going_back, paid, confirmed="yes")

    paid.refresh_from_db()
    assert paid.status == "fulfilled"
    assert f"{going_back}: Its money is on its way back" in " ".join(messages_of(response))


def test_flagging_a_list_needs_a_reason(alice: Page) -> None:
    order = _paid(alice)

    response = act(chief(), Order, "flag_refund", order, confirmed="yes", note="")

    assert "This field is required." in text_of(response)
    assert not Refund.objects.exists()


def test_refunds_are_rejected_from_their_list(alice: Page, bob: Page) -> None:
    first, second = _requested(alice), _requested(bob)

    act(chief(), Refund, "reject_refund", first, second, confirmed="yes", note="settled by hand")

    assert {story(refund)[-1] for refund in Refund.objects.all()} == {
        ("staff carol", "reject_refund", "requested", "rejected")
    }


@pytest.mark.parametrize("action", ["honour", "cancel_order"])
def test_actions_that_need_a_look_at_the_order_are_not_on_the_list(alice: Page, action: str) -> None:
    order = _in_review(alice)
    before = everything()

    response = act(chief(), Order, action, order, confirmed="yes")

    assert messages_of(response) == ["No action selected."]
    assert everything() == before


def test_too_many_rows_are_refused_as_a_whole(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [_paid(alice) for _ in range(3)]
    monkeypatch.setattr(base, "MAX_ROWS", 2)
    before = everything()

    response = act(chief(), Order, "ship", *orders, confirmed="yes")

    assert messages_of(response) == ["Select at most 2 at once. Nothing was changed."]
    assert everything() == before


def test_no_row_is_started_after_the_time_limit(alice: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [_paid(alice) for _ in range(3)]
    monkeypatch.setattr(base, "SECONDS", -1)
    before = everything()

    response = act(chief(), Order, "ship", *orders, confirmed="yes")

    assert messages_of(response) == ["This took too long: 3 were not started. Select them again."]
    assert everything() == before


def test_when_pi_is_down_the_others_are_not_tried(alice: Page, bob: Page) -> None:
    first, second = _being_paid(alice), _being_paid(bob)
    alice.pi.faults.add("down")

    response = act(chief(), Order, "ask_pi", first, second)

    assert len(messages_of(response)) == 2
    assert messages_of(response)[1] == "The others were not tried, because they would fail the same way."


def test_after_an_action_on_a_list_one_is_back_on_it(alice: Page) -> None:
    response = act(chief(), Order, "ship", _paid(alice), confirmed="yes")

    assert response.redirect_chain == [(list_url(Order), 302)]


def test_an_action_skips_rows_that_no_longer_exist(alice: Page) -> None:
    order = _paid(alice)
    ghost = Order(pk=order.pk + 1)
    with pytest.raises(ObjectDoesNotExist):
        ghost.refresh_from_db()

    response = act(chief(), Order, "ship", order, ghost, confirmed="yes")

    assert messages_of(response) == [f"{order}: Paid, and everything is delivered."]


# Looking on the chain --------------------------------------------------------------------------------------


def test_looking_on_the_chain_is_logged_and_changes_nothing(alice: Page) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    before = everything()

    chief().post(action_url(payment, "look_on_chain"))

    told = "The chain shows it: 1.5 π arrived in our wallet for this payment."
    assert logged() == [("carol", str(payment), f"Look on the chain: {told}")]
    assert everything() == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": "1.4"}, "The chain shows the transaction, but it moved 1.5 π."),
        (
            {"identifier": "a" * 28, "amount": "1.4"},
            "The chain shows the transaction, but it is for another payment and it moved 1.5 π.",
        ),
        (
            {"txid": "f" * 64},
            "The chain does not show the transaction. It may be delayed: try again in a minute.",
        ),
        ({"txid": "not a hash"}, "It has no transaction to look up."),
    ],
)
def test_the_chain_is_compared_with_the_payment(alice: Page, changes: dict[str, str], told: str) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    PiPayment.objects.update(**changes)
    before = everything()

    response = chief().post(action_url(payment, "look_on_chain"), follow=True)

    payment.refresh_from_db()
    assert messages_of(response) == [f"{payment}: {told}"]
    assert everything() == before


def test_money_that_went_to_another_wallet_is_noticed(alice: Page, settings: Settings) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    settings.PI_WALLET_ADDRESS = "G" + "A" * 55

    response = chief().post(action_url(payment, "look_on_chain"), follow=True)

    assert messages_of(response) == [
        f"{payment}: The chain shows the transaction, but it went to another wallet."
    ]


def test_a_chain_that_cannot_be_asked_is_told(alice: Page) -> None:
    payment = alice.buy({"mug": 1}).payments.get()
    alice.pi.faults.add("html")

    response = chief().post(action_url(payment, "look_on_chain"), follow=True)

    assert "no clear answer" in messages_of(response)[0]
