"""How often one caller may ask. Counted in the shared cache; over the limit the answer is 429."""

from __future__ import annotations

import re

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from payments.models import IDENTIFIER, Pioneer, PiPayment


class CallbackThrottle(SimpleRateThrottle):
    """Per pioneer where we know whose call it is: the caller, or the payer of a payment that we know. Others
    are counted per client address, so that made-up identifiers cannot use up our budget at Pi."""

    scope = "pioneer"

    def allow_request(self, request: Request, view: APIView) -> bool:
        self.payer = self._payer(request)
        self.rate = self.THROTTLE_RATES["pioneer" if self.payer else "stranger"]
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return super().allow_request(request, view)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"callback:{self.payer or self.get_ident(request)}"

    @staticmethod
    def _payer(request: Request) -> str:
        if isinstance(request.user, Pioneer):
            return request.user.uid
        identifier = request.data.get("paymentId") if isinstance(request.data, dict) else None
        if not isinstance(identifier, str) or not re.fullmatch(IDENTIFIER, identifier):
            return ""
        payment = PiPayment.objects.filter(identifier=identifier).only("user_uid").first()
        return payment.user_uid if payment is not None else ""


class PioneerThrottle(SimpleRateThrottle):
    scope = "pioneer"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        who = request.user.uid if isinstance(request.user, Pioneer) else self.get_ident(request)
        return f"pioneer:{who}"


class SignInThrottle(SimpleRateThrottle):
    scope = "sign-in"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"sign-in:{self.get_ident(request)}"
