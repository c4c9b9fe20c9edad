"""What can go wrong on the way to Pi and back."""

from __future__ import annotations

import time

import pytest
import requests

from pi_simulator import Call, Simulator

from .conftest import Shop


def is_approved(pi: Simulator, identifier: str) -> bool:
    return bool(pi.payment(identifier)["status"]["developer_approved"])


def test_pi_acts_although_its_answer_is_lost(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("lose_answer", path="approve", times=1)

    with pytest.raises(requests.ReadTimeout):
        shop.approve(opened)

    assert is_approved(pi, opened)


def test_pi_does_nothing_on_a_refusal(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("refuse", status=503, body={"error": "maintenance"})

    assert shop.approve(opened) == (503, {"error": "maintenance"})
    assert not is_approved(pi, opened)


@pytest.mark.parametrize(("kind", "done"), [("html", False), ("html_after", True)])
def test_a_crash_answers_with_an_html_page(
    pi: Simulator, shop: Shop, opened: str, kind: str, done: bool
) -> None:
    pi.faults.add(kind)  # type: ignore[arg-type]

    response = shop.session.post(f"{pi.url}/payments/{opened}/approve")

    assert (response.status_code, response.headers["Content-Type"]) == (
        500,
        "text/html; charset=utf-8",
    )
    assert is_approved(pi, opened) is done


def test_malformed_json_comes_with_a_good_status(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("malformed")

    response = shop.session.post(f"{pi.url}/payments/{opened}/approve")

    assert (response.status_code, response.text) == (200, '{"identifier":"')
    assert not is_approved(pi, opened)


def test_nonsense_is_json_of_another_shape(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("nonsense")

    assert shop.approve(opened) == (200, ["all", {"is": "well"}, None])
    assert not is_approved(pi, opened)


def test_pi_receives_no_call_while_it_is_down(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("down")

    with pytest.raises(requests.ConnectionError):
        shop.approve(opened)

    assert pi.calls == []


def test_a_slow_answer_is_delayed(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("latency", seconds=0.05)
    started = time.monotonic()

    shop.approve(opened, timeout=1)

    assert time.monotonic() - started >= 0.05


def test_an_answer_later_than_the_callers_timeout_is_lost(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("latency", seconds=30)

    with pytest.raises(requests.ReadTimeout):
        shop.approve(opened, timeout=(3, 5))

    assert is_approved(pi, opened)


def test_virtual_time_moves_the_clock_instead_of_waiting(opened: str) -> None:
    pi = Simulator(virtual_time=True)
    pi.faults.add("latency", seconds=30)
    before = pi.clock.now()

    Shop(pi).payment(opened)

    assert (pi.clock.now() - before).total_seconds() >= 30


def test_a_fault_applies_to_its_path_and_number_of_calls(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("refuse", path="approve", times=1)

    assert shop.payment(opened)[0] == 200
    assert [shop.approve(opened)[0], shop.approve(opened)[0]] == [500, 200]


def test_faults_are_removed_by_kind_or_all_at_once(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("refuse")
    pi.faults.add("down")
    pi.faults.remove("down")
    assert shop.payment(opened)[0] == 500

    pi.faults.clear()

    assert shop.payment(opened)[0] == 200


def test_an_unknown_fault_raises_an_error(pi: Simulator) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        pi.faults.add("gremlins")  # type: ignore[arg-type]


def test_faults_do_not_apply_to_calls_of_browsers(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.faults.add("down")

    status, _ = shop.get(f"/payments/{opened}", headers={"Origin": "http://127.0.0.1:8000"})

    assert status == 200


def test_calls_are_recorded_in_order(pi: Simulator, shop: Shop, opened: str) -> None:
    shop.approve(opened)
    shop.get("/payments/incomplete_server_payments")

    assert pi.calls == [
        Call("POST", f"/v2/payments/{opened}/approve", 200, opened),
        Call("GET", "/v2/payments/incomplete_server_payments", 200, ""),
    ]


def test_a_rival_may_act_before_pi_does(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.before_call = lambda call: pi.cancel_by_user(opened)

    assert shop.code_of(shop.approve(opened)) == (400, "cancelled_payment")


def test_a_rival_may_act_before_the_answer_leaves(pi: Simulator, shop: Shop, opened: str) -> None:
    pi.after_call = lambda call: pi.sign(opened)

    status, payment = shop.approve(opened)

    assert (status, payment["transaction"]) == (200, None)
    assert pi.payment(opened)["transaction"]["txid"] == pi.txid_of(opened)


def test_a_rival_may_call_pi_over_http(pi: Simulator, shop: Shop, opened: str) -> None:
    def rival(call: Call) -> None:
        pi.before_call = None
        shop.approve(opened)

    pi.before_call = rival

    assert shop.code_of(shop.approve(opened)) == (400, "already_approved")
