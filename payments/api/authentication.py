"""Who calls the API: the pioneer whose token is in `Authorization: Bearer`."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from payments.domain.sign_in import pioneer_of
from payments.models import Pioneer
from web.bearer import bearer_token


class PioneerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <our token>`. No header means a stranger; a wrong token is refused with 401."""

    def authenticate(self, request: Request) -> tuple[Pioneer, str] | None:
        token = bearer_token(request)
        if not token:
            return None
        pioneer = pioneer_of(token)
        if pioneer is None:
            raise AuthenticationFailed("Sign in again.", code="invalid_token")
        return pioneer, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _Scheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = PioneerAuthentication
    name = "pioneer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "The token from /user/signin."}
