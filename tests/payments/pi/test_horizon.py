"""Looking things up on Pi's blockchain, through Horizon."""

from __future__ import annotations

from decimal import Decimal

import pytest
import responses
from django.conf import settings
from django.db import transaction

from payments.pi.client import PiUnclear
from payments.pi.horizon import ChainPayment, Horizon
from payments.pi.http import InsideTransaction
from pi_simulator import Simulator

ABSENT = "0" * 64
ADDRESS = "G" + "A" * 55
ROOT = "http://pi.simulated/horizon"


def horizon(seconds: float = 5) -> Horizon:
    return Horizon(seconds=seconds)


@pytest.fixture
def paid(pi: Simulator) -> tuple[str, str]:
    """Return the identifier and the hash of a signed payment of 1.5 π."""
    identifier = pi.create_payment(pi.pioneer("alice"), amount="1.5")
    pi.approve(identifier)
    return identifier, pi.sign(identifier)


def test_the_network_has_a_name(pi: Simulator) -> None:
    assert horizon().network() == "Pi Testnet"


def test_a_wallet_exists_or_not(pi: Simulator) -> None:
    assert horizon().has_wallet(settings.PI_WALLET_ADDRESS)
    assert not horizon().has_wallet(ADDRESS)


def test_a_transaction_tells_what_it_moved(pi: Simulator, paid: tuple[str, str]) -> None:
    identifier, txid = paid

    assert horizon().payment(txid) == ChainPayment(
        txid=txid,
        successful=True,
        memo=identifier,
        from_address=pi.pioneer("alice").wallet,
        to_address=settings.PI_WALLET_ADDRESS,
        amount=Decimal("1.5"),
    )


def test_a_transaction_that_is_not_shown_is_none(pi: Simulator) -> None:
    assert horizon().payment(ABSENT) is None


def test_horizon_may_lag(pi: Simulator, paid: tuple[str, str]) -> None:
    pi.quirks.horizon_lag = 30

    assert horizon().payment(paid[1]) is None


@pytest.mark.parametrize(
    "txid", ["", "f" * 63, "f" * 65, "g" * 64, "../" * 21 + "f", "f" * 64 + "\n", "f" * 60 + "?a=b"]
)
def test_only_a_hash_becomes_part_of_an_address(pi: Simulator, txid: str) -> None:
    with pytest.raises(ValueError, match="not the hash"):
        horizon().payment(txid)

    assert list(pi.calls) == []


@pytest.mark.parametrize(
    "address", ["", "G" * 55, "G" * 57, ADDRESS.lower(), ADDRESS + "\n", "G" + "../" * 18 + "A"]
)
def test_only_a_wallet_becomes_part_of_an_address(pi: Simulator, address: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        horizon().has_wallet(address)

    assert list(pi.calls) == []


@pytest.mark.parametrize("fault", ["down", "html", "malformed", "refuse", "lose_answer"])
def test_without_a_usable_answer_nothing_is_known(pi: Simulator, paid: tuple[str, str], fault: str) -> None:
    pi.faults.add(fault)

    for ask in (
        horizon().network,
        lambda: horizon().has_wallet(ADDRESS),
        lambda: horizon().payment(paid[1]),
    ):
        with pytest.raises(PiUnclear):
            ask()


def test_what_is_no_horizon_has_no_network(pi: Simulator) -> None:
    pi.faults.add("nonsense")

    with pytest.raises(PiUnclear, match="no Horizon"):
        horizon().network()


@responses.activate
@pytest.mark.parametrize("status", [404, 400, 403, 301])
def test_a_404_of_somebody_else_says_nothing_about_the_chain(status: int) -> None:
    responses.get(f"{ROOT}/accounts/{ADDRESS}", json={"error": "no such page"}, status=status)

    with pytest.raises(PiUnclear):
        horizon().has_wallet(ADDRESS)


@responses.activate
@pytest.mark.parametrize(
    "operation",
    [
        {"type": "create_account"},
        {"asset_type": "credit_alphanum4"},
        {"amount": "much"},
        {"amount": None},
        {"from": "left out"},
    ],
)
def test_what_is_not_one_payment_of_pi_is_unclear(operation: dict[str, object]) -> None:
    usual = {"type": "payment", "asset_type": "native", "from": "GA", "to": "GB", "amount": "1.5"} | operation
    if usual["from"] == "left out":
        del usual["from"]
    _serve([usual])

    with pytest.raises(PiUnclear, match="not one payment of Pi"):
        horizon().payment(ABSENT)


@responses.activate
@pytest.mark.parametrize("number", [0, 2])
def test_a_transaction_moves_one_amount(number: int) -> None:
    _serve([{"type": "payment", "asset_type": "native", "from": "GA", "to": "GB", "amount": "1.5"}] * number)

    with pytest.raises(PiUnclear, match="not one payment of Pi"):
        horizon().payment(ABSENT)


@responses.activate
def test_a_failed_transaction_is_shown_as_failed() -> None:
    operation = {"type": "payment", "asset_type": "native", "from": "GA", "to": "GB", "amount": "1.5000000"}
    _serve([operation], successful=False)

    shown = horizon().payment(ABSENT)

    assert shown is not None
    assert (shown.successful, shown.amount) == (False, Decimal("1.5"))


def _serve(operations: list[dict[str, object]], **facts: object) -> None:
    shown = {"hash": ABSENT, "successful": True, "memo": "m"} | facts
    responses.get(f"{ROOT}/transactions/{ABSENT}", json=shown)
    responses.get(f"{ROOT}/transactions/{ABSENT}/operations", json={"_embedded": {"records": operations}})


@responses.activate
def test_no_secret_travels_to_the_chain() -> None:
    responses.get(f"{ROOT}/accounts/{ADDRESS}", json={})

    horizon().has_wallet(ADDRESS)

    assert not {"Authorization", "Cookie"} & set(responses.calls[0].request.headers)


@pytest.mark.django_db(transaction=True)
def test_the_chain_is_not_asked_inside_a_transaction(pi: Simulator) -> None:
    with transaction.atomic(), pytest.raises(InsideTransaction):
        horizon().network()


def test_one_budget_for_all_that_is_asked(pi: Simulator) -> None:
    with pytest.raises(PiUnclear, match="used up"):
        horizon(seconds=0).network()
