"""Who is asking: an access token of Pi's is exchanged for a signed token of ours.

Ours is stateless and travels in `Authorization: Bearer`. Buyers get no cookie: cookies are lost in the
frames of the Pi Browser, and without them there is nothing to forge across sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core import signing
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from payments.models import Pioneer
from payments.pi_client import PiClient, PiRefused, PiUser
from payments.protocol import CALLBACK_SECONDS

LONGEST = timedelta(hours=24)
SALT = "pistore.pioneer"
LONGEST_TOKEN = 2_000  # characters; Pi's own are far shorter


class InvalidToken(Exception):
    """The token is not one of ours, or it is too old. Authenticate again."""


@dataclass(frozen=True)
class SignedIn:
    """`token` goes into `Authorization: Bearer`; it is valid until `expires_at` (UTC)."""

    token: str
    expires_at: datetime
    pioneer: Pioneer


def sign_in(access_token: str) -> SignedIn:
    """This will ask Pi whose access token it is, and give them a token of ours: valid for 24 hours, and never
    longer than Pi's own. PiRefused `invalid_token` when Pi does not know it, or says that it is over."""
    user = PiClient(seconds=CALLBACK_SECONDS).me(access_token)
    now = datetime.now(UTC)
    if user.valid_until <= now:
        raise PiRefused("invalid_token", "GET /me: this access token is over")
    pioneer = remember(user)
    expires_at = min(now + LONGEST, user.valid_until)
    token = signing.dumps({"uid": pioneer.uid, "until": expires_at.timestamp()}, salt=SALT)
    return SignedIn(token, expires_at, pioneer)


def remember(user: PiUser) -> Pioneer:
    """This will return the Pioneer of this uid, new or known, under the username that Pi gives now."""
    pioneer, is_new = Pioneer.objects.get_or_create(uid=user.uid, defaults={"username": user.username})
    if not is_new and user.username and pioneer.username != user.username:
        Pioneer.objects.filter(pk=pioneer.pk).update(username=user.username)
        pioneer.username = user.username
    return pioneer


def uid_of(token: str) -> str:
    """Return whose token it is. Raises InvalidToken when we did not sign it, or it is over."""
    try:
        content = signing.loads(token, salt=SALT)
        uid, until = str(content["uid"]), float(content["until"])
    except (signing.BadSignature, ValueError, TypeError, KeyError) as error:
        raise InvalidToken from error
    if until <= datetime.now(UTC).timestamp():
        raise InvalidToken
    return uid


class PioneerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <our token>`; no header means a stranger, a wrong one is refused with 401."""

    def authenticate(self, request: Request) -> tuple[Pioneer, str] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        pioneer = self.pioneer(token)
        if pioneer is None:
            raise AuthenticationFailed("Sign in again.", code="invalid_token")
        return pioneer, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    @staticmethod
    def pioneer(token: str) -> Pioneer | None:
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            return Pioneer.objects.filter(uid=uid_of(token)).first()
        except InvalidToken:
            return None


class _Scheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = PioneerAuthentication
    name = "pioneer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "The token of /user/signin."}
