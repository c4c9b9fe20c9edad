"""Names of things in the shapes Pi gives them: identifiers, uids, wallet addresses, txids."""

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
    """A fresh payment identifier: 28 characters of base62."""
    return "".join(secrets.choice(BASE62) for _ in range(IDENTIFIER_LENGTH))


def new_txid() -> str:
    """A fresh transaction hash: 64 hexadecimal characters."""
    return secrets.token_hex(32)


def uid_of(username: str, app: str) -> str:
    """The uid by which one app knows a pioneer; another app gets another.

    The same name gives the same uid after a restart, so a shop's records stay about the same
    person.
    """
    return str(uuid.UUID(bytes=_digest("uid", username, app)[:16], version=4))


def wallet_of(name: str) -> str:
    """A well-formed wallet address (G, 56 characters, right check sum); same name, same wallet."""
    payload = bytes([ACCOUNT_VERSION_BYTE]) + _digest("wallet", name)
    check = binascii.crc_hqx(payload, 0).to_bytes(2, "little")
    return base64.b32encode(payload + check).decode()


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode()).digest()
