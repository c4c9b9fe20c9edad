"""The chain as Horizon shows it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pi_simulator import Pioneer, Simulator

from .conftest import Answer, Shop


def look(pi: Simulator, shop: Shop, path: str) -> Answer:
    response = shop.session.get(pi.horizon_url + path)
    return response.status_code, response.json()


def test_the_root_names_the_network(pi: Simulator, shop: Shop) -> None:
    assert look(pi, shop, "/")[1]["network_passphrase"] == "Pi Testnet"


def test_a_signed_payment_is_a_transaction_with_its_identifier_as_memo(
    pi: Simulator, alice: Pioneer, shop: Shop, approved: str
) -> None:
    txid = pi.sign(approved)

    status, transaction = look(pi, shop, f"/transactions/{txid}")

    assert status == 200
    assert (transaction["memo_type"], transaction["memo"]) == ("text", approved)
    assert (transaction["hash"], transaction["successful"]) == (txid, True)
    assert (transaction["source_account"], transaction["fee_charged"]) == (alice.wallet, "100000")


def test_the_operation_of_a_transaction_is_one_native_payment(
    pi: Simulator, alice: Pioneer, shop: Shop, approved: str
) -> None:
    txid = pi.sign(approved)

    _, page = look(pi, shop, f"/transactions/{txid}/operations")

    [operation] = page["_embedded"]["records"]
    shown = {key: operation[key] for key in ("type", "asset_type", "amount", "from", "to")}
    assert shown == {
        "type": "payment",
        "asset_type": "native",
        "amount": "1.5000000",
        "from": alice.wallet,
        "to": pi.app_wallet,
    }


def test_an_account_shows_balance_and_sequence(
    pi: Simulator, alice: Pioneer, shop: Shop, approved: str
) -> None:
    pi.sign(approved)

    _, account = look(pi, shop, f"/accounts/{alice.wallet}")

    assert account["sequence"] == "1"
    assert account["balances"] == [{"balance": "98.4900000", "asset_type": "native"}]


def test_a_wallets_transactions_come_newest_first_when_asked(pi: Simulator, shop: Shop) -> None:
    txids = []
    for name in ("ann", "bob", "eve"):
        payment = pi.create_payment(pi.pioneer(name))
        pi.approve(payment)
        txids.append(pi.sign(payment))
    path = f"/accounts/{pi.app_wallet}/transactions?order=desc&limit=2"

    _, page = look(pi, shop, path)
    records = page["_embedded"]["records"]
    _, rest = look(pi, shop, f"{path}&cursor={records[-1]['paging_token']}")

    assert [record["hash"] for record in records] == txids[:0:-1]
    assert [record["hash"] for record in rest["_embedded"]["records"]] == txids[:1]


def test_anybody_may_send_money_with_any_memo(pi: Simulator, alice: Pioneer, shop: Shop) -> None:
    txid = pi.send(alice, "1.5", memo="a gift")

    _, page = look(pi, shop, f"/accounts/{pi.app_wallet}/transactions")

    [record] = page["_embedded"]["records"]
    assert (record["hash"], record["memo"], record["source_account"]) == (txid, "a gift", alice.wallet)
    assert pi.payments() == []


@pytest.mark.parametrize("query", ["?limit=0", "?limit=x", "?cursor=²", f"?limit={'9' * 5000}"])
def test_invalid_paging_parameters_are_ignored(pi: Simulator, shop: Shop, approved: str, query: str) -> None:
    txid = pi.sign(approved)

    _, page = look(pi, shop, f"/accounts/{pi.app_wallet}/transactions{query}")

    assert [record["hash"] for record in page["_embedded"]["records"]] == [txid]


def test_horizon_may_lag_behind_the_chain(pi: Simulator, shop: Shop, approved: str) -> None:
    pi.quirks.horizon_lag = 10
    txid = pi.sign(approved)
    assert look(pi, shop, f"/transactions/{txid}")[0] == 404

    pi.clock.move(seconds=10)

    assert look(pi, shop, f"/transactions/{txid}")[0] == 200


def test_the_last_ledger_has_just_closed(pi: Simulator, shop: Shop) -> None:
    _, page = look(pi, shop, "/ledgers?order=desc&limit=1")

    closed_at = datetime.fromisoformat(page["_embedded"]["records"][0]["closed_at"])
    assert timedelta(0) <= pi.clock.now() - closed_at <= timedelta(seconds=5)


def test_an_unknown_resource_gets_horizons_problem_document(pi: Simulator, shop: Shop) -> None:
    response = shop.session.get(f"{pi.horizon_url}/transactions/{'0' * 64}")

    assert response.headers["Content-Type"].startswith("application/problem+json")
    assert (response.status_code, response.json()["title"]) == (404, "Resource Missing")


def test_a_platform_call_to_horizon_is_not_found(pi: Simulator, shop: Shop) -> None:
    status, problem = look(pi, shop, "/payments/x")

    assert (status, problem["type"]) == (404, "https://stellar.org/horizon-errors/not_found")
