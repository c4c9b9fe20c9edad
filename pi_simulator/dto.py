"""The objects the Platform API sends, field by field and in the order of its real answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .quirks import Quirks
from .records import Payment, Token


def payment_dto(payment: Payment, quirks: Quirks, horizon_url: str) -> dict[str, Any]:
    """Return a payment as real answers show it, with the fields that a test has replaced."""
    dto: dict[str, Any] = {
        "identifier": payment.identifier,
        "user_uid": payment.user_uid,
        "amount": payment.amount,
        "memo": payment.memo,
        "metadata": payment.metadata,
        "from_address": payment.from_address,
        "to_address": payment.to_address,
        "direction": payment.direction,
        "status": {
            "developer_approved": payment.developer_approved,
            "transaction_verified": payment.verified,
            "developer_completed": payment.developer_completed,
            "cancelled": payment.cancelled,
            "user_cancelled": payment.user_cancelled,
        },
        "transaction": _transaction_dto(payment, horizon_url),
        "created_at": _milliseconds(payment.created_at),
        "network": payment.network,
    }
    if not payment.incoming:
        dto |= quirks.outgoing_extra_keys
    return dto | quirks.extra_keys | payment.lies


def user_dto(token: Token, quirks: Quirks) -> dict[str, Any]:
    """Return the answer of `GET /me`, without what was not granted."""
    scopes = list(token.scopes)
    if quirks.platform_scope and "platform" not in scopes:
        scopes.append("platform")
    user: dict[str, Any] = {
        "uid": token.pioneer.uid,
        "credentials": {
            "scopes": scopes,
            "valid_until": {
                "timestamp": int(token.valid_until.timestamp()),
                "iso8601": token.valid_until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        },
    }
    if "username" in token.scopes:
        user["username"] = token.pioneer.username
    if "wallet_address" in token.scopes:
        user["wallet_address"] = token.pioneer.wallet
    if "roles" in token.scopes:
        user["roles"] = list(token.pioneer.roles)
    if "preferred_language" in token.scopes:
        user["preferred_language"] = token.pioneer.language
    return user


def _transaction_dto(payment: Payment, horizon_url: str) -> dict[str, Any] | None:
    if payment.signed is None or not payment.recorded:
        return None
    txid = payment.signed.hash
    return {
        "txid": txid,
        "verified": payment.verified,
        "_link": f"{horizon_url}/transactions/{txid}",
    }


def _milliseconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
