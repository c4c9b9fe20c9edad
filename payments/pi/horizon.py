"""Horizon, the API of Pi's blockchain: look-ups only. Decides nothing.

URLs are built from PI_HORIZON_URL and values in the format of a hash or a wallet; links in an answer
(`_link`) are never followed. Every method raises PiUnclear if there is no usable answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.conf import settings

from payments.pi.formats import CURSOR, TXID, WALLET, as_amount, as_text, as_words
from payments.pi.http import Anonymous, Caller, PiUnclear, parse

# A real transaction takes four kilobytes or more, and an answer may have a million bytes.
PAGE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainPayment:
    """A transaction that moves Pi from one wallet to another; `memo` is the identifier of Pi's payment."""

    txid: str
    successful: bool
    memo: str
    from_address: str
    to_address: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainEntry:
    """A transaction in a wallet's list. `source` is its sender, `memo` its text (may be empty), and
    `paging_token` its place in the list."""

    txid: str
    successful: bool
    memo: str
    source: str
    created_at: datetime
    paging_token: str


class Horizon(Caller):
    """Looks up wallets and transactions."""

    def network(self) -> str:
        """Return the network's passphrase, which at Pi is its name."""
        answer = self._get("/")
        try:
            return as_text(answer["network_passphrase"], max_length=200)
        except (KeyError, TypeError, ValueError) as error:
            raise PiUnclear("GET /: this is no Horizon") from error

    def has_wallet(self, address: str) -> bool:
        """Return whether the wallet exists on this network."""
        if not re.fullmatch(WALLET, address):
            raise ValueError("not the address of a wallet")
        return self._get(f"/accounts/{address}") is not None

    def payment(self, txid: str) -> ChainPayment | None:
        """Return what the transaction moved, or None while Horizon does not show it (it may lag)."""
        if not re.fullmatch(TXID, txid):
            raise ValueError("not the hash of a transaction")
        shown = self._get(f"/transactions/{txid}")
        if shown is None:
            return None
        return _as_payment(txid, shown, self._get(f"/transactions/{txid}/operations"))

    def transactions(self, wallet: str, *, older_than: str = "") -> list[ChainEntry]:
        """Return one page of what the wallet sent and received, newest first. An empty page is the end.

        `older_than` is the paging token of the last transaction of the page before.
        """
        if not re.fullmatch(WALLET, wallet) or not re.fullmatch(CURSOR, older_than or "0"):
            raise ValueError("not the address of a wallet, or not a place in its list")
        cursor = f"&cursor={older_than}" if older_than else ""
        shown = self._get(f"/accounts/{wallet}/transactions?order=desc&limit={PAGE}{cursor}")
        if shown is None:
            raise PiUnclear(f"the chain knows no wallet {wallet}")
        return _as_entries(shown, older_than=older_than)

    def _get(self, path: str) -> Any:
        """Return the answer, or None if Horizon says that there is no such thing."""
        url = settings.PI_HORIZON_URL + path
        status, content = self.call("GET", url, what=f"GET {path}", auth=Anonymous())
        answer = parse(content, what=f"GET {path}: HTTP {status}")
        if status == HTTPStatus.OK:
            return answer
        if status == HTTPStatus.NOT_FOUND and _is_horizons(answer):
            return None
        raise PiUnclear(f"GET {path}: HTTP {status}")


def _is_horizons(problem: Any) -> bool:
    """Return whether a 404 comes from a Horizon; from anything else it says nothing about the chain."""
    return isinstance(problem, dict) and "stellar.org" in str(problem.get("type", ""))


def _as_payment(txid: str, shown: Any, operations: Any) -> ChainPayment:
    try:
        (operation,) = operations["_embedded"]["records"]
        if (
            operation["type"] != "payment"
            or operation["asset_type"] != "native"
            or shown["hash"] != txid.lower()
        ):
            raise ValueError("not a payment of Pi")
        return ChainPayment(
            txid=txid,
            successful=shown["successful"] is True,
            memo=as_text(shown.get("memo") or "", min_length=0, max_length=200),
            from_address=as_text(operation["from"], max_length=80),
            to_address=as_text(operation["to"], max_length=80),
            amount=as_amount(Decimal(as_text(operation["amount"], max_length=30))),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise PiUnclear(f"transaction {txid} is not one payment of Pi") from error


def _as_entries(page: Any, *, older_than: str) -> list[ChainEntry]:
    try:
        entries = [_as_entry(record) for record in page["_embedded"]["records"]]
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise PiUnclear("what the chain shows is no list of transactions") from error
    places = [int(entry.paging_token) for entry in entries]
    # Otherwise whoever follows the pages might never reach the end.
    if places != sorted(set(places), reverse=True) or (
        older_than and places and places[0] >= int(older_than)
    ):
        raise PiUnclear("the chain's list of transactions is out of order")
    return entries


def _as_entry(record: Any) -> ChainEntry:
    if not re.fullmatch(TXID, record["hash"]) or not re.fullmatch(CURSOR, record["paging_token"]):
        raise ValueError("not a transaction")
    return ChainEntry(
        txid=record["hash"],
        successful=record["successful"] is True,
        # Anybody can send us any memo. It is cleaned, because an odd one must not hide the others.
        memo=as_words(record.get("memo") or "")[:200] if record["memo_type"] == "text" else "",
        source=as_text(record["source_account"], max_length=80),
        created_at=datetime.fromisoformat(record["created_at"]).astimezone(UTC),
        paging_token=record["paging_token"],
    )
