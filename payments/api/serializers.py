"""The bodies of requests, checked, and the bodies of answers."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from payments.domain.ordering import MAX_LINES, MAX_UNITS, payment_to_create
from payments.domain.verdict import Verdict, verdict_of
from payments.models import Order, OrderLine, Pioneer
from payments.pi.formats import IDENTIFIER
from payments.statuses import OrderStatus, PaymentStatus, ReviewReason

MAX_ACCESS_TOKEN = 2_000


class StrictText(serializers.CharField):
    """A JSON string; numbers, true and false are refused."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class _StrictTextInSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = StrictText

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        text = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)
        # Blanks alone are refused.
        return {**text} if self.target.allow_blank else {**text, "pattern": r"\S"}


class StrictName(StrictText, serializers.RegexField):
    """A JSON string that matches a pattern exactly."""

    def __init__(self, pattern: str, **options: Any) -> None:
        super().__init__(regex=pattern, trim_whitespace=False, **options)


class StrictNumber(serializers.IntegerField):
    """A whole JSON number; strings, fractions, true and false are refused."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.NUMBER)
class PiNumber(serializers.FloatField):
    """An amount as a JSON number."""


def identifier_field(**options: Any) -> StrictName:
    return StrictName(rf"^{IDENTIFIER}\Z", **options)


def txid_field(**options: Any) -> StrictName:
    return StrictName(r"^[A-Za-z0-9]{1,64}\Z", **options)


def access_token_field(**options: Any) -> StrictText:
    return StrictText(max_length=MAX_ACCESS_TOKEN, required=False, allow_null=True, **options)


class AliasedRequest(serializers.Serializer[Any]):
    """A body that may give a value under several names. At least one of `aliases` must not be null."""

    aliases: ClassVar[tuple[str, ...]]


class _AliasesInSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = AliasedRequest
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        body = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        kinds = {name: body["properties"][name]["type"] for name in self.target.aliases}
        said = [{"required": [name], "properties": {name: {"type": kind}}} for name, kind in kinds.items()]
        return {**body, "anyOf": said}


def _object_with(name: str, of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: of}, "required": [name], "additionalProperties": {}}


# Sign-in ---------------------------------------------------------------------------------------------


@extend_schema_field(
    _object_with("accessToken", {"type": "string", "minLength": 1, "maxLength": MAX_ACCESS_TOKEN})
)
class AuthResult(serializers.DictField):
    """What `Pi.authenticate` returned. Only the access token is used."""


class SignInRequest(AliasedRequest):
    """`{"accessToken"}`, or Pi's demo frontend's `{"authResult": {"accessToken", …}}`."""

    aliases = ("accessToken", "authResult")

    accessToken = access_token_field()  # noqa: N815  (Pi's word)
    authResult = AuthResult(required=False, allow_null=True)  # noqa: N815

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        token = attrs.get("accessToken") or (attrs.get("authResult") or {}).get("accessToken")
        if not isinstance(token, str) or not 0 < len(token) <= MAX_ACCESS_TOKEN:
            raise serializers.ValidationError("accessToken is missing.")
        return {"accessToken": token}


class PioneerAnswer(serializers.ModelSerializer[Pioneer]):
    class Meta:
        model = Pioneer
        fields = ["uid", "username"]


class SignInAnswer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    pioneer = PioneerAnswer()


# Orders ----------------------------------------------------------------------------------------------


class LineRequest(serializers.Serializer[Any]):
    sku = StrictText(max_length=64)
    quantity = StrictNumber(min_value=1, max_value=MAX_UNITS)


class ShippingRequest(serializers.Serializer[Any]):
    name = StrictText(max_length=120)
    address = StrictText(max_length=500)


class Lines(serializers.ListField):
    """A list that is counted before its items are checked: checking thousands of lines takes too long."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and len(data) > MAX_LINES:
            self.fail("max_length", max_length=MAX_LINES)
        return super().to_internal_value(data)


class OrderRequest(serializers.Serializer[Any]):
    lines = Lines(child=LineRequest(), min_length=1, max_length=MAX_LINES)
    shipping = ShippingRequest(required=False, allow_null=True)

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if max(_basket(lines).values()) > MAX_UNITS:
            raise serializers.ValidationError(f"No more than {MAX_UNITS} of one kind.")
        return lines

    def basket(self) -> dict[str, int]:
        return _basket(self.validated_data["lines"])


def _basket(lines: list[dict[str, Any]]) -> dict[str, int]:
    """Return sku -> units. Quantities of a sku that appears twice are added up."""
    basket: dict[str, int] = {}
    for line in lines:
        basket[line["sku"]] = basket.get(line["sku"], 0) + line["quantity"]
    return basket


class LineAnswer(serializers.ModelSerializer[OrderLine]):
    sku = serializers.CharField(source="variant.sku")
    delivery = serializers.CharField(source="variant.delivery")

    class Meta:
        model = OrderLine
        fields = ["sku", "name", "unit_price", "quantity", "delivery", "delivered_at"]


class PaymentToCreate(serializers.Serializer[Any]):
    """What to pass to `Pi.createPayment`, unchanged."""

    amount = PiNumber()
    memo = serializers.CharField(read_only=True)
    metadata = serializers.DictField(child=serializers.CharField(), read_only=True)


class OrderAnswer(serializers.ModelSerializer[Order]):
    """`payment` is null unless the order can still be paid; `total` is a string with 7 decimal places.

    Prefetch `READ_BY_VERDICT` to serialize several orders without queries for each.
    """

    lines = LineAnswer(many=True)
    # Usually empty, which the schema of the model's own field would not allow.
    review_reason = serializers.ChoiceField(choices=ReviewReason.choices, allow_blank=True)
    verdict = serializers.SerializerMethodField()
    network = serializers.SerializerMethodField()
    payment = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = [
            "reference",
            "status",
            "verdict",
            "total",
            "network",
            "expires_at",
            "reserved_until",
            "review_reason",
            "created_at",
            "lines",
            "payment",
        ]

    @extend_schema_field(
        serializers.ChoiceField(
            choices=Verdict.choices,
            help_text="The state of the order and its money, as the shop's own pages show it to the buyer.",
        )
    )
    def get_verdict(self, order: Order) -> str:
        return verdict_of(order)

    def get_network(self, order: Order) -> str:
        return str(settings.PI_NETWORK)

    @extend_schema_field(PaymentToCreate(allow_null=True))
    def get_payment(self, order: Order) -> dict[str, Any] | None:
        if order.status not in (OrderStatus.PENDING, OrderStatus.RESERVED):
            return None
        return payment_to_create(order)


# Callbacks -------------------------------------------------------------------------------------------


class ApproveRequest(serializers.Serializer[Any]):
    """pi-sdk-js adds the access token; Pi's demo frontend sends only the identifier."""

    paymentId = identifier_field()  # noqa: N815
    accessToken = access_token_field(allow_blank=True)  # noqa: N815


class CompleteRequest(AliasedRequest):
    """Pi's demo frontend sends `txid`, pi-sdk-js `transactionId`."""

    aliases = ("txid", "transactionId")

    paymentId = identifier_field()  # noqa: N815
    txid = txid_field(required=False, allow_null=True)
    transactionId = txid_field(required=False, allow_null=True)  # noqa: N815

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        txid = attrs.get("txid") or attrs.get("transactionId")
        if not txid:
            raise serializers.ValidationError("txid is missing.")
        return {"paymentId": attrs["paymentId"], "txid": txid}


class CancelRequest(serializers.Serializer[Any]):
    paymentId = identifier_field()  # noqa: N815


class ErrorRequest(serializers.Serializer[Any]):
    """`error` is `{}` from pi-sdk-js, which cannot serialize it, and a string or an object from others."""

    paymentId = identifier_field(required=False, allow_null=True)  # noqa: N815
    error = serializers.JSONField(required=False, allow_null=True)


@extend_schema_field(_object_with("identifier", {"type": "string", "pattern": rf"^{IDENTIFIER}$"}))
class ShownPayment(serializers.DictField):
    """A PaymentDTO, as the browser received it from the SDK."""


class IncompleteRequest(AliasedRequest):
    """`{"payment": PaymentDTO}`, or pi-sdk-js's `{"paymentId", "transactionId" or null}`. Only the identifier
    is used; for everything else we ask Pi."""

    aliases = ("paymentId", "payment")

    paymentId = identifier_field(required=False, allow_null=True)  # noqa: N815
    payment = ShownPayment(required=False, allow_null=True)
    transactionId = serializers.JSONField(required=False, allow_null=True)  # noqa: N815

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = attrs.get("paymentId") or (attrs.get("payment") or {}).get("identifier")
        return {"paymentId": identifier_field().run_validation(named)}


class PaymentAnswer(serializers.Serializer[Any]):
    """`status` of the payment; `order` is the reference of its order, shown to the payer only."""

    status = serializers.ChoiceField(choices=PaymentStatus.choices)
    order = serializers.CharField(allow_null=True)


class ReportAnswer(PaymentAnswer):
    """Both are null if the report named no payment."""

    status = serializers.ChoiceField(choices=PaymentStatus.choices, allow_null=True)


class MessageAnswer(serializers.Serializer[Any]):
    message = serializers.CharField()


class ErrorAnswer(serializers.Serializer[Any]):
    """Every failure: `error` is a code for programs, `message` a text for people."""

    error = serializers.CharField()
    message = serializers.CharField()
