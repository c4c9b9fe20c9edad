"""The control panel's commands."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from pi_simulator import Simulator

from .conftest import Answer, Shop


@pytest.fixture
def panel(pi: Simulator) -> requests.Session:
    session = requests.Session()
    session.mount("http://", pi.adapter())
    return session


def command(panel: requests.Session, path: str, /, **fields: Any) -> Answer:
    response = panel.post(f"http://localhost:8314/_control{path}", json=fields)
    return response.status_code, response.json()


def test_the_state_shows_everything_and_no_secret(
    pi: Simulator, panel: requests.Session, shop: Shop, approved: str
) -> None:
    token = pi.sign_in(pi.pioneer("alice"))
    shop.payment(approved)
    pi.faults.add("latency", seconds=2)

    text = panel.get("http://localhost:8314/_control/state").text

    state = json.loads(text)
    assert [pioneer["username"] for pioneer in state["pioneers"]] == ["alice"]
    assert [payment["identifier"] for payment in state["payments"]] == [approved]
    assert [call["path"] for call in state["calls"]] == [f"/v2/payments/{approved}"]
    assert [fault["kind"] for fault in state["faults"]] == ["latency"]
    assert pi.api_key not in text
    assert token not in text


def test_a_pioneer_is_created_with_a_balance(pi: Simulator, panel: requests.Session) -> None:
    status, pioneer = command(panel, "/pioneers", username="carol", balance="3.5")

    assert (status, pioneer["uid"]) == (200, pi.pioneer("carol").uid)
    assert str(pi.balance_of(pi.pioneer("carol"))) == "3.5"


def test_a_sign_in_gives_a_token_that_pi_knows(panel: requests.Session, shop: Shop) -> None:
    _, answer = command(panel, "/sign_in", username="carol", scopes=["username"])

    shop.session.headers["Authorization"] = f"Bearer {answer['accessToken']}"
    assert shop.get("/me")[1]["username"] == "carol"


def test_signing_says_whether_the_app_is_closed(
    pi: Simulator, panel: requests.Session, approved: str
) -> None:
    pi.faults.add("close_after_paying", times=1)

    answer = command(panel, f"/payments/{approved}/sign")

    assert answer == (200, {"txid": pi.txid_of(approved), "close_app": True})


def test_the_payments_are_listed_with_their_transactions_on_the_chain(
    pi: Simulator, panel: requests.Session, approved: str
) -> None:
    txid = pi.sign(approved, recorded=False)
    other = pi.create_payment(pi.pioneer("bob"))

    listed = panel.get("http://localhost:8314/_control/payments").json()["payments"]

    assert [(p["identifier"], p["transaction"], p["on_chain"]) for p in listed] == [
        (approved, None, txid),
        (other, None, None),
    ]


@pytest.mark.parametrize(("verb", "flag"), [("cancel", "user_cancelled"), ("expire", "cancelled")])
def test_a_payment_can_be_cancelled_or_expired(
    pi: Simulator, panel: requests.Session, opened: str, verb: str, flag: str
) -> None:
    status, _ = command(panel, f"/payments/{opened}/{verb}")

    assert (status, pi.payment(opened)["status"][flag]) == (200, True)


def test_a_late_transaction_is_recorded(pi: Simulator, panel: requests.Session, approved: str) -> None:
    command(panel, f"/payments/{approved}/sign", recorded=False)
    assert pi.payment(approved)["transaction"] is None

    command(panel, f"/payments/{approved}/record")

    assert pi.payment(approved)["transaction"]["txid"] == pi.txid_of(approved)


def test_faults_are_switched_on_and_off(pi: Simulator, panel: requests.Session) -> None:
    command(panel, "/faults", kind="latency", seconds=2, path="approve")
    command(panel, "/faults", kind="down")
    command(panel, "/faults/clear", kind="down")

    assert [(f.kind, f.seconds, f.path) for f in pi.faults.armed] == [("latency", 2, "approve")]


def test_the_clock_is_moved(pi: Simulator, panel: requests.Session) -> None:
    command(panel, "/clock", seconds=3600)

    assert 3600 <= pi.clock.offset < 3601


def test_reset_forgets_the_payments(pi: Simulator, panel: requests.Session, opened: str) -> None:
    command(panel, "/reset")

    assert pi.state()["payments"] == []


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/payments/nothing/sign", {}, 409),
        ("/pioneers", {}, 400),
        ("/pioneers", {"username": "<b>"}, 400),
        ("/pioneers", {"username": "carol", "balance": "much"}, 400),
        ("/pioneers", {"username": "carol", "balance": "NaN"}, 400),
        ("/pioneers", {"username": "carol", "balance": -1}, 400),
        ("/faults", {"kind": "gremlins"}, 400),
        ("/faults", {"kind": "latency", "times": 0}, 400),
        ("/faults", {"kind": "latency", "seconds": 1e9}, 400),
        ("/faults", {"kind": "refuse", "status": 42}, 400),
        ("/clock", {"seconds": -5}, 400),
        ("/clock", {"seconds": 1e12}, 400),
        ("/teapot", {}, 404),
    ],
)
def test_invalid_commands_are_refused(
    panel: requests.Session, path: str, fields: dict[str, object], status: int
) -> None:
    assert command(panel, path, **fields)[0] == status


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://localhost:8314", {"Origin": "https://example.com"}),
        ("http://localhost:8314", {"Origin": "null"}),
        ("http://rebound.example.com:8314", {}),
        ("http://localhost:8314", {"Content-Type": "text/plain"}),
    ],
)
def test_commands_from_other_machines_and_sites_are_refused(
    pi: Simulator, panel: requests.Session, opened: str, url: str, headers: dict[str, str]
) -> None:
    headers = {"Content-Type": "application/json"} | headers

    response = panel.post(f"{url}/_control/reset", data="{}", headers=headers)

    assert response.status_code == 403
    assert pi.payment(opened)
