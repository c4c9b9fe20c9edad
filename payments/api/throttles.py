"""How often one caller may ask. Requests are counted in the shared cache; over the limit the answer is 429.

A broken cache must not keep anybody from paying: then nothing is counted, and the log says so.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from payments.models import Pioneer, PiPayment
from payments.pi.formats import IDENTIFIER
from payments.statuses import LIVE, PaymentStatus
from web.callers import address_of

if TYPE_CHECKING:
    # Views ask for their throttles while they are being imported themselves.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class Throttle(SimpleRateThrottle):
    def get_ident(self, request: Request) -> str:
        return address_of(request)

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except Exception:  # each kind of cache has errors of its own
            logger.exception("the cache fails, so nobody is throttled")
            return True


class CallbackThrottle(Throttle):
    """Counts per pioneer where we know whose call it is: the caller, or the payer of a payment we know.
    Others are counted per client address, so that made-up identifiers cannot use up our budget at Pi."""

    scope = "pioneer"

    def allow_request(self, request: Request, view: APIView) -> bool:
        self.caller = self._caller(request)
        self.rate = self.THROTTLE_RATES["pioneer" if self.caller else "stranger"]
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return super().allow_request(request, view)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"callback:{self.caller or self.get_ident(request)}"

    def _caller(self, request: Request) -> str:
        if isinstance(request.user, Pioneer):
            return request.user.uid
        payment = _known_payment(request.data)
        if payment is None:
            return ""
        # With the address, because identifiers are on the chain for everybody to read and to misuse.
        return f"{payment.user_uid}:{self.get_ident(request)}"


class StrangersThrottle(Throttle):
    """Counts all that strangers from one address ask about payments, known ones too: the chain shows
    identifiers of old payments with a payer each, so that asking about all of them would still be a flood.

    Over the limit a payment under way is still let through, as often as its payer may ask: goods are held for
    it, or money has been sent, and the attacker may only happen to share the buyer's address.
    """

    scope = "strangers"

    def allow_request(self, request: Request, view: APIView) -> bool:
        return super().allow_request(request, view) or _is_under_way(_known_payment(request.data))

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return None if isinstance(request.user, Pioneer) else f"strangers:{self.get_ident(request)}"


def _known_payment(body: Any) -> PiPayment | None:
    """Return the payment that the body names, in either way, if it is one of ours."""
    shown = body.get("payment")
    named = body.get("paymentId") or (shown.get("identifier") if isinstance(shown, dict) else None)
    if not isinstance(named, str) or not re.fullmatch(IDENTIFIER, named):
        return None
    return PiPayment.objects.filter(identifier=named).only("user_uid", "status").first()


def _is_under_way(payment: PiPayment | None) -> bool:
    return payment is not None and payment.status in (*LIVE, PaymentStatus.SUBMITTED)


class PioneerThrottle(Throttle):
    """Counts per pioneer, and strangers per address."""

    scope = "pioneer"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        who = request.user.uid if isinstance(request.user, Pioneer) else self.get_ident(request)
        return f"{self.scope}:{who}"


class ApiThrottle(PioneerThrottle):
    """The throttle of every API route that has no other."""

    scope = "api"


class SignInThrottle(Throttle):
    scope = "sign-in"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return f"sign-in:{self.get_ident(request)}"


class AccessTokenThrottle(SignInThrottle):
    """Counts access tokens that strangers send with a payment. Each costs a request to Pi, as at the sign-in,
    so both are counted together."""

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        body: Any = {} if isinstance(request.user, Pioneer) else request.data
        return super().get_cache_key(request, view) if body.get("accessToken") else None


class LogInThrottle(Throttle):
    """Counts log-ins of staff, whatever the account, so that nobody tries a few passwords on all of them."""

    scope = "log-in"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"log-in:{self.get_ident(request)}"
