"""The list of what our wallet received and sent, through Horizon."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import responses
from django.conf import settings

from payments.pi import horizon
from payments.pi.client import PiUnclear
from payments.pi.horizon import ChainEntry, Horizon
from pi_simulator import Simulator

WALLET = settings.PI_WALLET_ADDRESS
URL = f"http://pi.simulated/horizon/accounts/{WALLET}/transactions"
SHOWN = {
    "hash": "a" * 64,
    "successful": True,
    "memo_type": "text",
    "memo": "m",
    "source_account": "GA",
    "created_at": "2026-11-24T03:30:00Z",
    "paging_token": "7",
}


def entries(older_than: str = "") -> list[ChainEntry]:
    return Horizon(seconds=5).transactions(WALLET, older_than=older_than)


def pay(pi: Simulator, name: str) -> str:
    identifier = pi.create_payment(pi.pioneer(name))
    pi.approve(identifier)
    pi.sign(identifier)
    return identifier


def serve(*records: dict[str, object]) -> None:
    responses.get(URL, json={"_embedded": {"records": list(records)}})


def test_the_newest_comes_first_and_page_follows_page(pi: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horizon, "PAGE", 2)
    paid = [pay(pi, name) for name in ("ann", "bob", "eve")]

    first = entries()
    second = entries(first[-1].paging_token)
    third = entries(second[-1].paging_token)

    assert [[entry.memo for entry in page] for page in (first, second, third)] == [
        paid[:0:-1],
        paid[:1],
        [],
    ]


def test_an_entry_tells_who_sent_it_and_when(pi: Simulator) -> None:
    identifier = pay(pi, "alice")

    [entry] = entries()

    assert (entry.memo, entry.txid) == (identifier, pi.txid_of(identifier))
    assert (entry.source, entry.successful) == (pi.pioneer("alice").wallet, True)
    assert abs((entry.created_at - pi.clock.now()).total_seconds()) <= 5


@responses.activate
def test_a_page_is_read_as_horizon_writes_it() -> None:
    serve(SHOWN)

    assert entries() == [
        ChainEntry(
            txid="a" * 64,
            successful=True,
            memo="m",
            source="GA",
            created_at=datetime(2026, 11, 24, 3, 30, tzinfo=UTC),
            paging_token="7",
        )
    ]


@responses.activate
@pytest.mark.parametrize("lack", [{"memo_type": "none"}, {"memo_type": "hash", "memo": "AAAA"}])
def test_only_words_are_a_memo(lack: dict[str, object]) -> None:
    serve(SHOWN | lack)

    assert [entry.memo for entry in entries()] == [""]


@responses.activate
@pytest.mark.parametrize(
    "oddity",
    [
        {"hash": "x"},
        {"hash": None},
        {"paging_token": "-1"},
        {"paging_token": 7},
        {"created_at": "yesterday"},
        {"created_at": None},
    ],
)
def test_what_is_no_transaction_is_unclear(oddity: dict[str, object]) -> None:
    serve(SHOWN | oddity)

    with pytest.raises(PiUnclear, match="no list of transactions"):
        entries()


@responses.activate
@pytest.mark.parametrize("answer", ["[]", "{}", '{"_embedded": {}}', '{"_embedded": {"records": [1]}}'])
def test_what_is_no_list_is_unclear(answer: str) -> None:
    responses.get(URL, body=answer)

    with pytest.raises(PiUnclear, match="no list of transactions"):
        entries()


@responses.activate
@pytest.mark.parametrize(
    ("tokens", "older_than"), [(["7", "8"], ""), (["7", "7"], ""), (["7"], "7"), (["8"], "7")]
)
def test_pages_that_do_not_go_back_are_unclear(tokens: list[str], older_than: str) -> None:
    """Otherwise the paging might never end."""
    serve(*(SHOWN | {"paging_token": token} for token in tokens))

    with pytest.raises(PiUnclear, match="out of order"):
        entries(older_than)


@pytest.mark.parametrize(("wallet", "place"), [("GA", ""), (WALLET, "7&limit=1"), (WALLET, "now")])
def test_only_a_wallet_and_a_place_become_part_of_an_address(pi: Simulator, wallet: str, place: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        Horizon(seconds=5).transactions(wallet, older_than=place)

    assert list(pi.calls) == []


def test_a_wallet_that_is_not_there_is_unclear(pi: Simulator) -> None:
    with pytest.raises(PiUnclear, match="knows no wallet"):
        Horizon(seconds=5).transactions("G" + "A" * 55)
