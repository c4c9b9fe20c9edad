"""Horizon, the window onto Pi's blockchain: look-ups only. Decides nothing.

Addresses are built from PI_HORIZON_URL and what has the shape of a hash or of a wallet; a link that somebody
sent (`_link`) is never followed. Errors are those of `pi_client`: PiUnclear when there is no usable answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import requests
from django.conf import settings
from requests.auth import AuthBase

from payments.pi_client import Caller, PiUnclear, parse

TXID = r"[0-9a-fA-F]{64}"
WALLET = r"G[A-Z2-7]{55}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainPayment:
    """A transaction that moves Pi from one wallet to another; `memo` is the identifier of Pi's payment."""

    txid: str
    successful: bool
    memo: str
    from_address: str
    to_address: str
    amount: Decimal


class _Anonymous(AuthBase):
    """Keeps a .netrc on the machine from sending a password along."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Horizon(Caller):
    """Looks things up on the chain."""

    def network(self) -> str:
        """This will return the network's passphrase, which at Pi is its name."""
        answer = self._get("/")
        try:
            return str(answer["network_passphrase"])
        except (KeyError, TypeError) as error:
            raise PiUnclear("GET /: this is no Horizon") from error

    def has_wallet(self, address: str) -> bool:
        """This will say whether the wallet exists on this network."""
        if not re.fullmatch(WALLET, address):
            raise ValueError("not the address of a wallet")
        return self._get(f"/accounts/{address}") is not None

    def payment(self, txid: str) -> ChainPayment | None:
        """This will return what the transaction moved; None while Horizon does not show it (it may lag)."""
        if not re.fullmatch(TXID, txid):
            raise ValueError("not the hash of a transaction")
        shown = self._get(f"/transactions/{txid}")
        if shown is None:
            return None
        return _as_payment(txid, shown, self._get(f"/transactions/{txid}/operations"))

    def _get(self, path: str) -> Any:
        """Return the answer, or None when Horizon says that there is no such thing."""
        url = settings.PI_HORIZON_URL + path
        status, content = self.call("GET", url, what=f"GET {path}", auth=_Anonymous())
        answer = parse(content, what=f"GET {path}: HTTP {status}")
        if status == HTTPStatus.OK:
            return answer
        if status == HTTPStatus.NOT_FOUND and _is_horizons(answer):
            return None
        raise PiUnclear(f"GET {path}: HTTP {status}")


def _is_horizons(problem: Any) -> bool:
    """A 404 of anything else than a Horizon says nothing about the chain."""
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
            memo=str(shown.get("memo") or ""),
            from_address=str(operation["from"]),
            to_address=str(operation["to"]),
            amount=Decimal(operation["amount"]),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise PiUnclear(f"transaction {txid} is not one payment of Pi") from error
