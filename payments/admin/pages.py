"""What each list and each page of the admin shows: the situation of an order, in five seconds.

Money and statuses are read-only. What staff can do is a table in `payments.admin.actions`; how it is done is
in `payments.admin.base`.
"""

from __future__ import annotations

import re
import time
from datetime import UTC
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.admin import base, summary
from payments.admin.actions import ORDER_ACTIONS, PAYMENT_ACTIONS, REFUND_ACTIONS
from payments.admin.base import (
    NeedsFilter,
    StaffAdmin,
    WithAttention,
    badge,
    by_staff,
    link_to,
    timeline,
    url_of,
    utc,
)
from payments.domain import reconciliation
from payments.domain.reconciliation import expire_stale, stale_orders
from payments.domain.verdict import READ_BY_VERDICT
from payments.models import Event, Order, Pioneer, PiPayment, Refund
from payments.money import in_pi
from payments.pi.client import PiError
from payments.statuses import UNPAID, Cause, OrderStatus, PaymentStatus, RefundStatus


def _doubted() -> Q:
    """Match orders, open or closed, with a transaction that Pi does not verify: their buyers read that we are
    checking the payment."""
    failed = PiPayment.objects.filter(status=PaymentStatus.FAILED)
    return Q(status__in=UNPAID, pk__in=failed.values("order"))


def _noted() -> Q:
    """Match rows with a notice of the shop or a note of a colleague."""
    return ~Q(attention="", notice="")


def _refund_requested() -> Q:
    return Q(pk__in=Refund.objects.filter(status=RefundStatus.REQUESTED).values("order"))


class OrderNeeds(NeedsFilter):
    conditions = {
        "something": (
            "something",
            lambda: (
                Q(status__in=(OrderStatus.NEEDS_REVIEW, OrderStatus.PAID))
                | _noted()
                | _refund_requested()
                | _doubted()
            ),
        ),
        "review": ("a decision", lambda: Q(status=OrderStatus.NEEDS_REVIEW)),
        "ship": ("to be shipped", lambda: Q(status=OrderStatus.PAID)),
        "refund": ("a decision on a refund", _refund_requested),
        "attention": ("attention", _noted),
        "clean_up": ("to be cleaned up", lambda: Q(pk__in=stale_orders().values("pk"))),
    }


class PaymentNeeds(NeedsFilter):
    conditions = {
        "attention": ("attention", _noted),
        "overdue": ("an overdue check", lambda: Q(pk__in=reconciliation.overdue_checks().values("pk"))),
        "order": ("an order (it has none)", lambda: Q(order=None)),
    }


@admin.register(Order)
class OrderAdmin(WithAttention[Order]):
    staff_actions = ORDER_ACTIONS
    change_list_template = "admin/payments/order/change_list.html"
    list_display = ("reference", "state", "total_in_pi", "situation", "buyer", "created")
    list_filter = (OrderNeeds, "status", "review_reason", "created_at")
    search_fields = (
        "reference",
        "pioneer__username",
        "=pioneer__uid",
        "=payments__identifier",
        "=payments__txid",
        "=lines__variant__sku",
        "=refunds__identifier",
        "=refunds__txid",
    )
    search_help_text = "Reference, buyer (name or uid), payment identifier, transaction, SKU."
    fieldsets = (
        (None, {"fields": ("attention",)}),
        ("Buyer", {"fields": ("buyer", "shipping_name", "shipping_address")}),
        ("Times", {"fields": ("created", "open_until", "held_until")}),
    )
    readonly_fields = ("buyer", "shipping_name", "shipping_address", "created", "open_until", "held_until")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        orders = super().get_queryset(request).select_related("pioneer")
        return orders.prefetch_related(*READ_BY_VERDICT)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Find a reference also without its dashes, as people type it who hear it on the phone."""
        letters = re.sub(r"[\s-]", "", search_term)
        if re.fullmatch("[A-Za-z0-9]{10}", letters):
            search_term = f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"
        return super().get_search_results(request, queryset, search_term)

    def situation_of(self, row: Order) -> str:
        return summary.describe_order(row)

    def panel(self, row: Order) -> dict[str, Any]:
        prefetch_related_objects([row], "lines__codes__code", "payments__refunds", "refunds__payment")
        return {
            "sums": summary.sums(row),
            "lines": row.lines.all(),
            "payments": sorted(row.payments.all(), key=lambda payment: payment.pk),
            "refunds": sorted(row.refunds.all(), key=lambda refund: refund.pk),
            "events": timeline(row, row.payments.all()),
        }

    @admin.display(description="status", ordering="status")
    def state(self, order: Order) -> SafeString:
        return badge(order)

    @admin.display(description="total", ordering="total")
    def total_in_pi(self, order: Order) -> str:
        return in_pi(order.total)

    @admin.display(description="buyer", ordering="pioneer__username")
    def buyer(self, order: Order) -> SafeString:
        return format_html('<a href="{}">{}</a>', url_of(order.pioneer), order.pioneer)

    @admin.display(description="open until (UTC)")
    def open_until(self, order: Order) -> str:
        return utc(order.expires_at)

    @admin.display(description="goods held until (UTC)")
    def held_until(self, order: Order) -> str:
        return utc(order.reserved_until)

    # Clean up stale orders: show first what would be done, then do no more than that.

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.clean_up_view)
        return [path("clean-up/", view, name="payments_order_clean_up"), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> base.Actions:
        actions = super().get_actions(request)
        if self.may_clean_up(request):
            act: Any = OrderAdmin.clean_up_action
            actions["clean_up"] = (act, "clean_up", "Clean up stale orders")
        return actions

    def may_clean_up(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("payments.clean_up")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_clean_up": self.may_clean_up(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def clean_up_action(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        chosen = list(queryset.values_list("pk", flat=True)[: base.MAX_ROWS + 1])
        return self.show_clean_up(request, stale_orders().filter(pk__in=chosen))

    def clean_up_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may_clean_up(request):
            raise PermissionDenied
        if request.method != "POST":
            return self.show_clean_up(request, stale_orders())
        chosen = [
            pk for pk in request.POST.getlist("order")[: base.MAX_ROWS] if re.fullmatch("[0-9]{1,18}", pk)
        ]
        self.clean_up(request, stale_orders().filter(pk__in=chosen[: base.MAX_ROWS]))
        return HttpResponseRedirect(reverse("admin:payments_order_changelist"))

    def show_clean_up(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse:
        stale = orders.count()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Clean up stale orders",
            "rows": [(order, url_of(order), reconciliation.plan(order)) for order in orders[: base.MAX_ROWS]],
            "left": max(stale - base.MAX_ROWS, 0),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/payments/clean_up.html", context)

    def clean_up(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        by, until = by_staff(request, Cause.CLEAN_UP), time.monotonic() + base.SECONDS
        chosen, done = orders.count(), 0
        try:
            for outcome in expire_stale(orders, proceed=lambda: time.monotonic() < until, by=by):
                done += 1
                expired = outcome.status == OrderStatus.EXPIRED and not outcome.problem
                level = messages.SUCCESS if expired else messages.WARNING
                messages.add_message(request, level, f"{outcome.subject}: {outcome}")
                self.log_change(request, outcome.subject, f"Clean up stale orders: {outcome}")
        except PiError as problem:
            messages.error(request, f"Pi could not be asked, so the others were left unchanged. ({problem})")
            return
        if not chosen:
            messages.info(request, "There was nothing to clean up.")
        elif done < chosen:
            left = chosen - done
            messages.warning(request, f"This took too long: {left} were not started. Clean up again.")


@admin.register(PiPayment)
class PiPaymentAdmin(WithAttention[PiPayment]):
    staff_actions = PAYMENT_ACTIONS
    list_display = (
        "identifier",
        "state",
        "amount_in_pi",
        "of_order",
        "situation",
        "created",
    )
    list_filter = (PaymentNeeds, "status", "created_at")
    search_fields = (
        "=identifier",
        "=txid",
        "=user_uid",
        "order__reference",
        "order__pioneer__username",
        "=order__lines__variant__sku",
    )
    search_help_text = "Identifier, transaction, payer's uid or name, order reference, SKU."
    fieldsets = (
        (None, {"fields": ("attention",)}),
        ("As Pi last showed it", {"fields": ("user_uid", "memo", "network", "from_address", "to_address")}),
        ("Here", {"fields": ("refusal", "created", "first_held", "next_check")}),
    )
    readonly_fields = (
        "user_uid",
        "memo",
        "network",
        "from_address",
        "to_address",
        "refusal",
        "created",
        "first_held",
        "next_check",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PiPayment]:
        return super().get_queryset(request).select_related("order").prefetch_related("refunds")

    def situation_of(self, row: PiPayment) -> str:
        return summary.describe_payment(row)

    def panel(self, row: PiPayment) -> dict[str, Any]:
        return {
            "payments": [row],
            "refunds": sorted(row.refunds.all(), key=lambda refund: refund.pk),
            "events": timeline(row.order, [row]),
        }

    @admin.display(description="status", ordering="status")
    def state(self, payment: PiPayment) -> SafeString:
        return badge(payment)

    @admin.display(description="amount", ordering="amount")
    def amount_in_pi(self, payment: PiPayment) -> str:
        return in_pi(payment.amount)

    @admin.display(description="goods first held (UTC)")
    def first_held(self, payment: PiPayment) -> str:
        return utc(payment.held_at)

    @admin.display(description="next check (UTC)")
    def next_check(self, payment: PiPayment) -> str:
        return utc(payment.next_check_at)

    @admin.display(description="order", ordering="order")
    def of_order(self, payment: PiPayment) -> SafeString | str:
        return link_to(payment.order)


@admin.register(Refund)
class RefundAdmin(StaffAdmin[Refund]):
    staff_actions = REFUND_ACTIONS
    list_display = ("amount_in_pi", "state", "of_order", "reason", "asked_by", "approved_by", "created")
    list_filter = ("status", "created_at")
    search_fields = (
        "=identifier",
        "=txid",
        "=payment__identifier",
        "=payment__txid",
        "order__reference",
        "order__pioneer__username",
        "=payment__user_uid",
    )
    search_help_text = "Order reference, buyer (name or uid), identifier or transaction of payment or refund."
    fields = ("reason", "asked_by", "approved_by", "of_order", "of_payment", "identifier", "created")
    readonly_fields = fields

    def has_change_permission(self, request: HttpRequest, obj: Refund | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).select_related("payment", "order")

    def situation_of(self, row: Refund) -> str:
        return f"{in_pi(row.amount)}: {row.get_status_display()}."

    def panel(self, row: Refund) -> dict[str, Any]:
        return {"refunds": [row], "events": timeline(row.order, [row.payment])}

    @admin.display(description="amount", ordering="amount")
    def amount_in_pi(self, refund: Refund) -> str:
        return in_pi(refund.amount)

    @admin.display(description="status", ordering="status")
    def state(self, refund: Refund) -> SafeString:
        return badge(refund)

    @admin.display(description="order", ordering="order")
    def of_order(self, refund: Refund) -> SafeString | str:
        return link_to(refund.order)

    @admin.display(description="payment", ordering="payment")
    def of_payment(self, refund: Refund) -> SafeString | str:
        return link_to(refund.payment)


@admin.register(Pioneer)
class PioneerAdmin(StaffAdmin[Pioneer]):
    list_display = ("__str__", "uid", "order_count", "created")
    search_fields = ("username", "=uid")
    search_help_text = "Name or uid."
    fields = ("username", "uid", "created", "orders_link")
    readonly_fields = fields

    def has_change_permission(self, request: HttpRequest, obj: Pioneer | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pioneer]:
        orders = Order.objects.filter(pioneer=OuterRef("pk")).order_by().values("pioneer")
        count = Subquery(orders.annotate(count=Count("pk")).values("count"))
        return super().get_queryset(request).annotate(order_count=Coalesce(count, 0))

    @admin.display(description="orders", ordering="order_count")
    def order_count(self, pioneer: Any) -> int:
        return int(pioneer.order_count)

    @admin.display(description="orders")
    def orders_link(self, pioneer: Any) -> SafeString:
        url = f"{reverse('admin:payments_order_changelist')}?q={pioneer.uid}"
        return format_html('<a href="{}">{} orders</a>', url, pioneer.order_count)


@admin.register(Event)
class EventAdmin(StaffAdmin[Event]):
    list_display = ("when", "subject", "__str__", "actor", "cause")
    list_filter = ("kind", "at")
    search_fields = (
        "actor",
        "note",
        "order__reference",
        "=payment__identifier",
        "=payment__txid",
        "payment__order__reference",
    )
    search_help_text = "Who, note, order reference, payment identifier or transaction."
    ordering = ("-id",)
    fields = ("when", "subject", "kind", "before", "after", "actor", "cause", "note")
    readonly_fields = fields

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).select_related("order", "payment", "refund")

    @admin.display(description="when (UTC)", ordering="id")
    def when(self, event: Event) -> str:
        return f"{event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="of")
    def subject(self, event: Event) -> SafeString | str:
        return link_to(event.order or event.payment or event.refund)
