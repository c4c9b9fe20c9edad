"""Identifiers, uids, wallet addresses and txids in the formats that Pi uses."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import string
import uuid

BASE62 = string.ascii_letters + string.digits
IDENTIFIER_LENGTH = 28
"""A payment's identifier travels as the text memo of its transaction, which holds 28 bytes."""

ACCOUNT_VERSION_BYTE = 6 << 3


def new_identifier() -> str:
    """Return a new payment identifier: 28 characters of base62."""
    return "".join(secrets.choice(BASE62) for _ in range(IDENTIFIER_LENGTH))


def new_txid() -> str:
    """Return a new transaction hash: 64 hexadecimal characters."""
    return secrets.token_hex(32)


def uid_of(username: str, app: str) -> str:
    """Return the uid by which an app knows a pioneer; every app gets another one.

    A name has the same uid after a restart, so that a shop's records still fit.
    """
    return str(uuid.UUID(bytes=_digest("uid", username, app)[:16], version=4))


def wallet_of(name: str) -> str:
    """Return a well-formed wallet address (G, 56 characters, valid checksum); same name, same address."""
    payload = bytes([ACCOUNT_VERSION_BYTE]) + _digest("wallet", name)
    check = binascii.crc_hqx(payload, 0).to_bytes(2, "little")
    return base64.b32encode(payload + check).decode()


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode()).digest()
