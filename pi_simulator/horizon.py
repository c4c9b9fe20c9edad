"""Horizon, the API of the chain: look-ups only, in the format of Stellar's server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from .chain import BASE_FEE, STROOPS_PER_PI, Transaction
from .http import Request, Response, json_response
from .world import World

PREFIX = "/horizon"
DEFAULT_PAGE = 10
MAX_PAGE = 200


class NotFound(Exception):
    """Horizon does not know what was asked for, or not yet."""


class Horizon:
    """Answers one request at a time; the caller must hold the world's lock."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, request: Request) -> Response:
        """Look up what the path names, or answer Horizon's problem document."""
        for pattern, look_up in LOOK_UPS:
            match = pattern.fullmatch(request.path.rstrip("/"))
            if match and request.method == "GET":
                try:
                    return _hal(look_up(self, match.groupdict().get("id", ""), request.query))
                except NotFound:
                    break
        return json_response(404, PROBLEM, content_type="application/problem+json; charset=utf-8")

    def root(self, identifier: str, query: dict[str, str]) -> dict[str, Any]:
        """Return the network and its latest ledger"""
        chain = self.world.chain
        return {
            "horizon_version": "simulated",
            "core_version": "simulated",
            "history_latest_ledger": chain.last_ledger,
            "history_latest_ledger_closed_at": _seconds(chain.closed_at(chain.last_ledger)),
            "core_latest_ledger": chain.last_ledger,
            "network_passphrase": chain.passphrase,
        }

    def transaction(self, identifier: str, query: dict[str, str]) -> dict[str, Any]:
        """Return a transaction by its hash"""
        return self._transaction_record(self._visible(identifier))

    def operations(self, identifier: str, query: dict[str, str]) -> dict[str, Any]:
        """Return the operations of a transaction: one native payment"""
        return _page([self._operation_record(self._visible(identifier))])

    def account(self, identifier: str, query: dict[str, str]) -> dict[str, Any]:
        """Return a wallet's balance and sequence number"""
        chain = self.world.chain
        if identifier not in chain.balances:
            raise NotFound
        return {
            "id": identifier,
            "account_id": identifier,
            "sequence": str(chain.sequence_of(identifier)),
            "subentry_count": 0,
            "balances": [
                {"balance": _places(chain.balances[identifier]), "asset_type": "native"},
            ],
        }

    def account_transactions(self, identifier: str, query: dict[str, str]) -> dict[str, Any]:
        """Return a wallet's transactions, oldest first unless `order=desc`"""
        if identifier not in self.world.chain.balances:
            raise NotFound
        newest_first = query.get("order") == "desc"
        found = [t for t in self._all_visible() if t.touches(identifier)]
        found.sort(key=lambda t: t.paging_token, reverse=newest_first)
        cursor = _number(query.get("cursor"))
        if cursor is not None:
            found = [t for t in found if _beyond(t.paging_token, cursor, newest_first=newest_first)]
        length = _number(query.get("limit")) or DEFAULT_PAGE
        return _page([self._transaction_record(t) for t in found[: min(length, MAX_PAGE)]])

    def ledger(self, identifier: str, query: dict[str, str]) -> dict[str, Any]:
        """Return a ledger by its number"""
        sequence = _number(identifier)
        if sequence is None or sequence > self.world.chain.last_ledger:
            raise NotFound
        return self._ledger_record(sequence)

    def ledgers(self, identifier: str, query: dict[str, str]) -> dict[str, Any]:
        """Return the latest ledger, whatever order was asked for"""
        return _page([self._ledger_record(self.world.chain.last_ledger)])

    def _all_visible(self) -> list[Transaction]:
        lag = timedelta(seconds=self.world.quirks.horizon_lag)
        latest = self.world.clock.now() - lag
        return [t for t in self.world.chain.transactions.values() if t.signed_at <= latest]

    def _visible(self, txid: str) -> Transaction:
        for transaction in self._all_visible():
            if transaction.hash == txid:
                return transaction
        raise NotFound

    def _transaction_record(self, transaction: Transaction) -> dict[str, Any]:
        return {
            "id": transaction.hash,
            "paging_token": str(transaction.paging_token),
            "successful": True,
            "hash": transaction.hash,
            "ledger": transaction.ledger,
            "created_at": _seconds(self.world.chain.closed_at(transaction.ledger)),
            "source_account": transaction.source,
            "source_account_sequence": str(transaction.sequence),
            "fee_charged": str(int(BASE_FEE * STROOPS_PER_PI)),
            "operation_count": 1,
            "memo_type": "text",
            "memo": transaction.memo,
        }

    def _operation_record(self, transaction: Transaction) -> dict[str, Any]:
        return {
            "id": str(transaction.paging_token + 1),
            "paging_token": str(transaction.paging_token + 1),
            "transaction_successful": True,
            "source_account": transaction.source,
            "type": "payment",
            "type_i": 1,
            "created_at": _seconds(self.world.chain.closed_at(transaction.ledger)),
            "transaction_hash": transaction.hash,
            "asset_type": "native",
            "from": transaction.source,
            "to": transaction.destination,
            "amount": _places(transaction.amount),
        }

    def _ledger_record(self, sequence: int) -> dict[str, Any]:
        return {
            "id": str(sequence),
            "paging_token": str(sequence << 32),
            "sequence": sequence,
            "closed_at": _seconds(self.world.chain.closed_at(sequence)),
        }


PROBLEM = {
    "type": "https://stellar.org/horizon-errors/not_found",
    "title": "Resource Missing",
    "status": 404,
    "detail": "The resource at the url requested was not found.",
}


def _hal(value: dict[str, Any]) -> Response:
    return json_response(200, value, content_type="application/hal+json; charset=utf-8")


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[0-9]{1,20}", text) else None


def _beyond(token: int, cursor: int, *, newest_first: bool) -> bool:
    return token < cursor if newest_first else token > cursor


def _page(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {"_embedded": {"records": records}}


def _places(amount: Decimal) -> str:
    return f"{amount:.7f}"


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


LookUp = Callable[[Horizon, str, dict[str, str]], dict[str, Any]]

_ID = "(?P<id>[^/]+)"
_TABLE: list[tuple[str, LookUp]] = [
    ("", Horizon.root),
    (f"/transactions/{_ID}", Horizon.transaction),
    (f"/transactions/{_ID}/operations", Horizon.operations),
    (f"/accounts/{_ID}", Horizon.account),
    (f"/accounts/{_ID}/transactions", Horizon.account_transactions),
    ("/ledgers", Horizon.ledgers),
    (f"/ledgers/{_ID}", Horizon.ledger),
]
LOOK_UPS = [(re.compile(PREFIX + path), look_up) for path, look_up in _TABLE]
