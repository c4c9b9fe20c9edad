"""Signing in: an access token of Pi's is exchanged for a signed token of ours.

Ours is stateless and travels in `Authorization: Bearer`. Buyers get no cookie: cookies are lost in the
frames of the Pi Browser, and without them there is nothing to forge across sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core import signing

from payments.domain.protocol import CALLBACK_SECONDS
from payments.models import Pioneer
from payments.pi.client import PiClient, PiRefused, PiUser

MAX_AGE = timedelta(hours=24)
SALT = "pistore.pioneer"
MAX_TOKEN = 2_000  # characters; Pi's own are far shorter


class InvalidToken(Exception):
    """The token is not one of ours, or it is too old. Authenticate again."""


@dataclass(frozen=True)
class SignedIn:
    """`token` goes into `Authorization: Bearer`; it is valid until `expires_at` (UTC)."""

    token: str
    expires_at: datetime
    pioneer: Pioneer


def sign_in(access_token: str) -> SignedIn:
    """Ask Pi whose access token it is, and return a token of ours: valid for 24 hours, but never longer than
    Pi's own. Raise PiRefused `invalid_token` when Pi does not know it, or says that it has expired."""
    user = PiClient(seconds=CALLBACK_SECONDS).me(access_token)
    now = datetime.now(UTC)
    if user.valid_until <= now:
        raise PiRefused("invalid_token", "GET /me: this access token has expired")
    pioneer = remember(user)
    expires_at = min(now + MAX_AGE, user.valid_until)
    token = signing.dumps({"uid": pioneer.uid, "until": expires_at.timestamp()}, salt=SALT)
    return SignedIn(token, expires_at, pioneer)


def remember(user: PiUser) -> Pioneer:
    """Return the Pioneer of this uid, new or known, with the username that Pi gives now."""
    pioneer, is_new = Pioneer.objects.get_or_create(uid=user.uid, defaults={"username": user.username})
    if not is_new and user.username and pioneer.username != user.username:
        Pioneer.objects.filter(pk=pioneer.pk).update(username=user.username)
        pioneer.username = user.username
    return pioneer


def pioneer_of(token: str) -> Pioneer | None:
    """Return whose token it is; None when it is not ours, has expired, or names nobody we know."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        return Pioneer.objects.filter(uid=uid_of(token)).first()
    except InvalidToken:
        return None


def uid_of(token: str) -> str:
    """Return the uid in a token of ours. Raise InvalidToken when we did not sign it, or it has expired."""
    try:
        content = signing.loads(token, salt=SALT)
        uid, until = str(content["uid"]), float(content["until"])
    except (signing.BadSignature, ValueError, TypeError, KeyError) as error:
        raise InvalidToken from error
    if until <= datetime.now(UTC).timestamp():
        raise InvalidToken
    return uid
