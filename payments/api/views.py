"""The HTTP contract: one class per route, each with one call of the protocol. The rules are in `protocol`."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, ClassVar

from django.db.models import QuerySet, prefetch_related_objects
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments.api.serializers import (
    ApproveRequest,
    CancelRequest,
    CompleteRequest,
    ErrorAnswer,
    ErrorRequest,
    IncompleteRequest,
    MessageAnswer,
    OrderAnswer,
    OrderRequest,
    PaymentAnswer,
    PioneerAnswer,
    ReportAnswer,
    SignInAnswer,
    SignInRequest,
    StrictText,
)
from payments.api.throttles import (
    AccessTokenThrottle,
    CallbackThrottle,
    PioneerThrottle,
    SignInThrottle,
    StrangersThrottle,
)
from payments.domain import protocol
from payments.domain.ordering import Shipping
from payments.domain.sign_in import remember, sign_in
from payments.domain.verdict import READ_BY_VERDICT
from payments.models import Order, Pioneer, PiPayment
from payments.moves import Author
from payments.pi.client import PiClient
from payments.pi.formats import as_words
from payments.statuses import Cause

logger = logging.getLogger(__name__)

MAX_KEY = 64  # characters of an Idempotency-Key

FAILURES = {
    400: ErrorAnswer,
    401: ErrorAnswer,
    403: ErrorAnswer,
    404: ErrorAnswer,
    409: ErrorAnswer,
    413: ErrorAnswer,
    415: ErrorAnswer,
    429: ErrorAnswer,
    503: ErrorAnswer,
}

# No cache on the way may keep what is meant for one caller.
private = method_decorator(never_cache, name="dispatch")


# The SDK's callbacks -----------------------------------------------------------------------------------


@private
class Callback(APIView):
    """What all callbacks share. Strangers may call them, because all we do follows from Pi's record."""

    throttle_classes = [CallbackThrottle, StrangersThrottle]
    body: ClassVar[type[serializers.Serializer[Any]]]

    def perform_authentication(self, request: Request) -> None:
        """Treat a caller with an expired token as a stranger, so that they can still finish a payment."""
        with suppress(AuthenticationFailed):
            super().perform_authentication(request)

    def read(self, request: Request) -> dict[str, Any]:
        serializer = self.body(data=request.data)
        serializer.is_valid(raise_exception=True)
        content: dict[str, Any] = serializer.validated_data
        return content

    def caller(self, request: Request) -> Pioneer | None:
        return request.user if isinstance(request.user, Pioneer) else None

    def tell(self, payment: PiPayment, caller: Pioneer | None) -> Response:
        """Return the status to anybody, and the reference of the order to its payer only."""
        is_payer = caller is not None and caller.uid == payment.user_uid and payment.order is not None
        reference = payment.order.reference if is_payer and payment.order is not None else None
        return Response(PaymentAnswer({"status": payment.status, "order": reference}).data)


class Approve(Callback):
    body = ApproveRequest
    throttle_classes = [*Callback.throttle_classes, AccessTokenThrottle]

    @extend_schema(request=ApproveRequest, responses={200: PaymentAnswer, **FAILURES})
    def post(self, request: Request) -> Response:
        """onReadyForServerApproval: hold the goods, then let the buyer sign."""
        content, caller = self.read(request), self.caller(request)
        pi = PiClient(seconds=protocol.CALLBACK_SECONDS)
        if caller is None and content.get("accessToken"):
            caller = remember(pi.me(content["accessToken"]))
        return self.tell(protocol.approve(content["paymentId"], caller=caller, pi=pi), caller)


class Complete(Callback):
    body = CompleteRequest

    @extend_schema(request=CompleteRequest, responses={200: PaymentAnswer, **FAILURES})
    def post(self, request: Request) -> Response:
        """onReadyForServerCompletion: have Pi confirm the payment, then hand over the goods."""
        content, caller = self.read(request), self.caller(request)
        payment = protocol.complete(content["paymentId"], content["txid"], caller=caller)
        return self.tell(payment, caller)


class Cancel(Callback):
    body = CancelRequest

    @extend_schema(request=CancelRequest, responses={200: PaymentAnswer, **FAILURES})
    def post(self, request: Request) -> Response:
        """onCancel: look the payment up at Pi, and answer with its real status."""
        content, caller = self.read(request), self.caller(request)
        return self.tell(protocol.cancel(content["paymentId"], caller=caller), caller)


class Incomplete(Callback):
    body = IncompleteRequest

    @extend_schema(request=IncompleteRequest, responses={200: PaymentAnswer, **FAILURES})
    def post(self, request: Request) -> Response:
        """onIncompletePaymentFound: complete or cancel the payment that an earlier visit left open."""
        content, caller = self.read(request), self.caller(request)
        return self.tell(protocol.recover(content["paymentId"], caller=caller), caller)


class Error(Callback):
    body = ErrorRequest

    @extend_schema(request=ErrorRequest, responses={200: ReportAnswer, **FAILURES})
    def post(self, request: Request) -> Response:
        """onError: note the error for staff, then look the payment up at Pi."""
        content, caller = self.read(request), self.caller(request)
        text = as_words(str(content.get("error") or "an error without a text"))[:200]
        if not content.get("paymentId"):
            logger.info("the SDK reports: %r", text)
            return Response({"status": None, "order": None})
        return self.tell(protocol.report_error(content["paymentId"], text, caller=caller), caller)


# Who is asking -----------------------------------------------------------------------------------------


@private
class SignIn(APIView):
    authentication_classes = []
    throttle_classes = [SignInThrottle]

    @extend_schema(request=SignInRequest, responses={200: SignInAnswer, **FAILURES})
    def post(self, request: Request) -> Response:
        """Exchange Pi's access token for ours."""
        serializer = SignInRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(SignInAnswer(sign_in(serializer.validated_data["accessToken"])).data)


class SignOut(APIView):
    authentication_classes = ()

    @extend_schema(request=None, responses={200: MessageAnswer, 429: ErrorAnswer})
    def get(self, request: Request) -> Response:
        """Answer only: the server keeps no session, so a client that forgets its token has signed out."""
        return Response({"message": "Signed out."})

    @extend_schema(request=None, responses={200: MessageAnswer, 429: ErrorAnswer})
    def post(self, request: Request) -> Response:
        """Do the same as GET."""
        return self.get(request)


@private
class Me(APIView):
    permission_classes = [IsAuthenticated]

    @extend_schema(responses={200: PioneerAnswer, 401: ErrorAnswer, 429: ErrorAnswer, 503: ErrorAnswer})
    def get(self, request: Request) -> Response:
        """Return the pioneer to whom the token belongs."""
        return Response(PioneerAnswer(signed_in(request)).data)


# Orders ------------------------------------------------------------------------------------------------


def signed_in(request: Request) -> Pioneer:
    if not isinstance(request.user, Pioneer):
        raise NotAuthenticated
    return request.user


class Pages(LimitOffsetPagination):
    default_limit = 20
    max_limit = 100


@private
class OrdersView(GenericAPIView[Order]):
    """What all views of orders share: a pioneer sees their own orders only; any other is not found."""

    permission_classes = [IsAuthenticated]
    throttle_classes = [PioneerThrottle]
    serializer_class = OrderAnswer
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Order]:
        if not isinstance(self.request.user, Pioneer):
            return Order.objects.none()
        return self.request.user.orders.all()

    def own(self, reference: str) -> Order:
        return get_object_or_404(self.get_queryset(), reference=reference)

    def tell(self, order: Order, status: int = 200) -> Response:
        prefetch_related_objects([order], *READ_BY_VERDICT)
        return Response(OrderAnswer(order).data, status=status)


class Orders(OrdersView):
    @extend_schema(
        responses={200: OrderAnswer(many=True), 401: ErrorAnswer, 429: ErrorAnswer, 503: ErrorAnswer}
    )
    def get(self, request: Request) -> Response:
        """List the pioneer's own orders, newest first."""
        page = self.paginate_queryset(self.get_queryset().prefetch_related(*READ_BY_VERDICT))
        return self.get_paginated_response(OrderAnswer(page, many=True).data)

    @extend_schema(
        request=OrderRequest,
        responses={201: OrderAnswer, **FAILURES},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "maxLength": MAX_KEY, "pattern": r"^$|\S"},
                location="header",
                description="One order per key: sent again, the request returns the same order.",
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Place an order. The shop sets prices and total; pass `payment` to Pi.createPayment unchanged."""
        serializer = OrderRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        shipping = serializer.validated_data.get("shipping")
        order = protocol.place_order(
            signed_in(request),
            serializer.basket(),
            shipping=Shipping(**shipping) if shipping else None,
            idempotency_key=self._key(request),
        )
        return self.tell(order, status=201)

    @staticmethod
    def _key(request: Request) -> str | None:
        key = request.headers.get("Idempotency-Key")
        return StrictText(max_length=MAX_KEY).run_validation(key) if key else None


class OneOrder(OrdersView):
    @extend_schema(responses={200: OrderAnswer, **FAILURES})
    def get(self, request: Request, reference: str) -> Response:
        """Return one of the pioneer's own orders."""
        return self.tell(self.own(reference))


class CancelOrder(OrdersView):
    @extend_schema(request=None, responses={200: OrderAnswer, **FAILURES})
    def post(self, request: Request, reference: str) -> Response:
        """Cancel the order, after a payment under way is cancelled at Pi; 409 if the order is paid."""
        by = Author(f"pioneer {signed_in(request)}", Cause.CANCEL_ORDER)
        return self.tell(protocol.cancel_order(self.own(reference), by=by))


class ReopenOrder(OrdersView):
    @extend_schema(request=None, responses={200: OrderAnswer, **FAILURES})
    def post(self, request: Request, reference: str) -> Response:
        """Reopen an expired order at the same price; 409 if the shop no longer offers the goods at it."""
        by = Author(f"pioneer {signed_in(request)}", Cause.REOPEN)
        return self.tell(protocol.reopen(self.own(reference), by=by))
