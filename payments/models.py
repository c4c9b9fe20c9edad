"""Orders, Pi payments, refunds, and the events that explain every status.

The constraints below forbid what must never happen. Statuses change through `payments.moves` alone.
Amounts are Pi with 7 decimal places, times are UTC.
"""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.urls import reverse

from catalog.amounts import PI, format_pi
from catalog.models import Delivery, DeliveryCode, Variant
from payments.pi.formats import IDENTIFIER
from payments.statuses import (
    LIVE,
    Cause,
    Notice,
    OrderStatus,
    PaymentStatus,
    RefundOrigin,
    RefundStatus,
    ReviewReason,
)

# No 0/O, 1/I/L, 2/Z, 5/S, 8/B, U/V: a reference is read out over the phone and typed by hand.
REFERENCE_ALPHABET = "34679ACDEFGHJKMNPQRTWXY"


def new_reference() -> str:
    """Return a reference like `K7QD-M4XP-9R`: 45 random bits, so that nobody can guess another's."""
    letters = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(10))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def amount_field(**options: Any) -> models.DecimalField[Decimal, Decimal]:
    return models.DecimalField(max_digits=15, decimal_places=7, **options)


class Pioneer(models.Model):
    """A buyer, as Pi names them to this app. Not a Django user: a buyer can never become staff."""

    uid = models.CharField(max_length=64, unique=True)
    username = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["username"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.username or self.uid

    # What DRF expects of whoever is signed in.
    is_authenticated = True


class WithNotice(models.Model):
    """What staff should know about a row: from the shop (`notice`), and from each other (`attention`).

    Neither blocks anything. The shop never changes `attention`.
    """

    notice = models.CharField(max_length=20, choices=Notice, blank=True, editable=False)
    notice_detail = models.CharField(max_length=200, blank=True, editable=False)
    attention = models.CharField(
        max_length=200, blank=True, help_text="What staff should know; blocks nothing."
    )

    class Meta:
        abstract = True

    @property
    def notice_text(self) -> str:
        """The shop's notice as staff read it; empty without one."""
        label = str(self.get_notice_display())
        return f"{label} ({self.notice_detail})" if self.notice_detail else label

    @property
    def notes(self) -> list[str]:
        """The shop's notice and the colleagues' note, where there are any."""
        return [text for text in (self.notice_text, self.attention) if text]


class Order(WithNotice):
    reference = models.CharField(max_length=16, unique=True, default=new_reference, editable=False)
    pioneer = models.ForeignKey(Pioneer, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=12, choices=OrderStatus, default=OrderStatus.PENDING, editable=False)
    total = amount_field()
    held_by = models.OneToOneField(
        "PiPayment",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="holds",
        editable=False,
        help_text="The payment for which the goods are held.",
    )
    reserved_until = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(help_text="An unpaid order stays open until then.")
    review_reason = models.CharField(max_length=20, choices=ReviewReason, blank=True, editable=False)
    shipping_name = models.CharField(max_length=120, blank=True)
    shipping_address = models.TextField(max_length=500, blank=True)
    idempotency_key = models.CharField(max_length=64, null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("change", "view")
        permissions = [
            ("ship_order", "Can ship a paid order"),
            ("honour_order", "Can hand over the goods of an order in review"),
            ("cancel_order", "Can cancel an unpaid order"),
            ("clean_up", "Can clean up stale orders"),
        ]
        indexes = [
            models.Index(fields=["status", "expires_at"], name="order_stale"),
            models.Index(fields=["pioneer", "-id"], name="order_of_pioneer"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total__gt=0), name="order_total_above_zero"),
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_status_known"),
            models.CheckConstraint(
                condition=Q(status=OrderStatus.RESERVED, held_by__isnull=False, reserved_until__isnull=False)
                | (~Q(status=OrderStatus.RESERVED) & Q(held_by__isnull=True, reserved_until__isnull=True)),
                name="order_reserved_is_held",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.NEEDS_REVIEW) | ~Q(review_reason=""),
                name="order_review_has_reason",
            ),
            models.UniqueConstraint(
                fields=["pioneer", "idempotency_key"], name="order_once_per_idempotency_key"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("order", args=[self.reference])

    def quantities(self) -> dict[int, int]:
        """Return the units of each variant, by primary key: what `catalog.stock` takes."""
        return {line.variant_id: line.quantity for line in self.lines.all()}


class OrderLine(models.Model):
    """A variant as it was when it was ordered: later changes of name or price leave it alone."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=210)
    unit_price = amount_field()
    quantity = models.PositiveIntegerField()
    delivered_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["order", "variant"], name="line_once_per_variant"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="line_quantity_above_zero"),
            models.CheckConstraint(condition=Q(unit_price__gt=0), name="line_price_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def amount(self) -> Decimal:
        return self.unit_price * self.quantity

    @property
    def shipped_by_staff(self) -> bool:
        return self.variant.delivery == Delivery.PHYSICAL


class DeliveredCode(models.Model):
    """A code that was handed out for a line of an order. No code can be handed out twice."""

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="codes")
    code = models.OneToOneField(DeliveryCode, on_delete=models.PROTECT, related_name="+")

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return str(self.code)


class PiPayment(WithNotice):
    """A payment from a pioneer to this app, as Pi's own record last showed it.

    Nothing in here comes from a browser. `order` is empty for an orphan: a payment that names no order of
    its payer. Outgoing payments are refunds, and have a table of their own.
    """

    identifier = models.CharField(
        max_length=64, unique=True, validators=[RegexValidator(rf"^{IDENTIFIER}\Z")]
    )
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, blank=True, related_name="payments")
    status = models.CharField(
        max_length=10, choices=PaymentStatus, default=PaymentStatus.CREATED, editable=False
    )
    user_uid = models.CharField("payer's uid", max_length=64)
    amount = amount_field()
    txid = models.CharField(max_length=64, db_index=True, null=True, blank=True)
    from_address = models.CharField(max_length=80, blank=True)
    to_address = models.CharField(max_length=80, blank=True)
    network = models.CharField(max_length=20)
    memo = models.CharField(max_length=200, blank=True)
    refusal = models.CharField(max_length=40, blank=True, editable=False, help_text="Why it was refused.")
    created_at = models.DateTimeField(auto_now_add=True)
    held_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When goods were first held for it; from then on Pi may take the buyer's signature.",
    )
    doubted_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When Pi first refused to verify its transaction.",
    )
    next_check_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When Pi is asked again; empty when finished.",
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "Pi payment"
        default_permissions = ("change", "view")
        permissions = [
            ("ask_pi", "Can ask Pi again"),
            ("close_missing", "Can close a payment that Pi does not know"),
        ]
        indexes = [models.Index(fields=["next_check_at"], name="payment_next_check")]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_above_zero"),
            models.CheckConstraint(condition=Q(status__in=PaymentStatus.values), name="payment_status_known"),
            models.CheckConstraint(
                condition=~Q(status=PaymentStatus.CANCELLED) | Q(txid__isnull=True),
                name="payment_with_transaction_not_cancelled",
            ),
            models.CheckConstraint(
                condition=Q(txid__isnull=False)
                | ~Q(
                    status__in=[
                        PaymentStatus.SUBMITTED,
                        PaymentStatus.COMPLETED,
                        PaymentStatus.FAILED,
                    ]
                ),
                name="payment_with_money_has_txid",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=LIVE) | Q(order__isnull=False, held_at__isnull=False),
                name="payment_approved_has_order",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(status__in=LIVE),
                name="payment_one_live_per_order",
            ),
            # Pi may show a transaction on a payment before it has verified that it belongs there.
            models.UniqueConstraint(
                fields=["txid"],
                condition=Q(status=PaymentStatus.COMPLETED),
                name="payment_one_completed_per_txid",
            ),
        ]

    def __str__(self) -> str:
        return self.identifier


class Refund(models.Model):
    """Money that goes back to the pioneer who paid it. Never sent without a second person's approval."""

    payment = models.ForeignKey(PiPayment, on_delete=models.PROTECT, related_name="refunds")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, blank=True, related_name="refunds")
    amount = amount_field()
    reason = models.CharField(max_length=200)
    status = models.CharField(
        max_length=10, choices=RefundStatus, default=RefundStatus.REQUESTED, editable=False
    )
    origin = models.CharField(max_length=6, choices=RefundOrigin, default=RefundOrigin.PERSON, editable=False)
    asked_by = models.CharField(max_length=160)
    approved_by = models.CharField(max_length=160, blank=True)
    identifier = models.CharField(max_length=64, unique=True, null=True, blank=True)
    envelope = models.TextField(blank=True)
    txid = models.CharField(max_length=64, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("flag_refund", "Can flag a payment for refund"),
            ("reject_refund", "Can reject a requested refund"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_above_zero"),
            models.CheckConstraint(condition=Q(status__in=RefundStatus.values), name="refund_status_known"),
            models.CheckConstraint(
                condition=Q(approved_by="") | ~Q(approved_by=F("asked_by")),
                name="refund_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(approved_by="") | Q(status__in=[RefundStatus.REQUESTED, RefundStatus.REJECTED]),
                name="refund_not_sent_unapproved",
            ),
            # Pi allows one open outgoing payment per app, and the wallet's sequence number serves one.
            models.UniqueConstraint(
                Case(When(status__in=[RefundStatus.SENDING, RefundStatus.SUBMITTED], then=Value(1))),
                name="refund_one_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{format_pi(self.amount, unit=PI)} of {self.payment_id}"


class EventKind(models.TextChoices):
    MOVED = "moved", "status changed"
    REFUSED = "refused", "refused"
    NOTED = "noted", "noted"


class Event(models.Model):
    """One line of the story of an order, a payment or a refund. Written once, never changed or deleted."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    payment = models.ForeignKey(
        PiPayment, on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    kind = models.CharField(max_length=8, choices=EventKind)
    actor = models.CharField(max_length=160, help_text="Who did it.")
    cause = models.CharField(max_length=40, choices=Cause, help_text="The entry point through which it came.")
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12, blank=True)
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(order__isnull=False, payment__isnull=True, refund__isnull=True)
                | Q(order__isnull=True, payment__isnull=False, refund__isnull=True)
                | Q(order__isnull=True, payment__isnull=True, refund__isnull=False),
                name="event_has_one_subject",
            ),
            models.CheckConstraint(condition=~Q(actor=""), name="event_has_author"),
            models.CheckConstraint(
                condition=~Q(kind=EventKind.MOVED) | ~Q(after=""), name="event_move_has_status"
            ),
        ]

    def __str__(self) -> str:
        change = f"{self.before or 'new'} → {self.after}" if self.after else self.get_kind_display()
        return f"{change} {self.note}".strip()

    def save(self, **options: Any) -> None:
        if self.pk is not None:
            raise TypeError("events are written once")
        super().save(**options)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("events are never deleted")
