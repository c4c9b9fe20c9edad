"""What the admin's pages are made of: read-only rows with actions, a note for colleagues, and the timeline.

An action is confirmed, carried out, reported and logged in one way, `StaffAdmin.carry_out`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from catalog.admin.filters import StrictListMixin
from catalog.admin.forms import FreshField
from payments.admin.actions import StaffAction, attempt
from payments.models import Event, EventKind, Order, PiPayment, Refund, WithNotice
from payments.moves import Author, record
from payments.statuses import Cause
from web.generic import ModelAdmin, ModelForm

Row = TypeVar("Row", bound=Model)

Actions = dict[str, tuple[Callable[..., str], str, str] | None]

# The most that one click may take: rows, and seconds after which no further row is started.
MAX_ROWS = 50
SECONDS = 12


class NoteForm(forms.Form):
    """The note that an action asks for; without fields when it asks for none."""

    def __init__(self, action: StaffAction, answers: Any = None) -> None:
        super().__init__(answers)
        if action.note_label:
            self.fields["note"] = forms.CharField(
                label=action.note_label,
                required=action.note_needed,
                max_length=200,
                widget=forms.TextInput(attrs={"class": "vTextField"}),
            )

    @property
    def note(self) -> str:
        return str(self.cleaned_data.get("note", ""))


class AttentionForm(ModelForm[Any]):
    """Edits only the note for colleagues, and only if nobody has changed it since the page was loaded."""

    bound_field_class = FreshField

    def clean_attention(self) -> str:
        shown = self.data.get(self.add_initial_prefix("attention"))
        if shown is not None and shown != self.instance.attention:
            raise forms.ValidationError("Somebody else has changed this in the meantime. Reload the page.")
        return str(self.cleaned_data["attention"])


class StaffAdmin(StrictListMixin, ModelAdmin[Row]):
    """Read-only, with buttons on the page of a row and actions on lists; both lead to `carry_out`."""

    staff_actions: ClassVar[tuple[StaffAction, ...]] = ()
    list_per_page = MAX_ROWS
    show_full_result_count = False
    view_on_site = False
    change_form_template = "admin/payments/change_form.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def situation_of(self, row: Row) -> str:
        """Return what is true about the row, in a sentence; empty where there is nothing to decide."""
        return ""

    @admin.display(description="created (UTC)", ordering="created_at")
    def created(self, row: Any) -> str:
        return utc(row.created_at)

    # Pages

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context.get("original")
        if row is not None:
            panel = self.panel(row)
            context |= panel | {
                "title": f"{capfirst(self.opts.verbose_name)} {row}",
                "subtitle": None,
                "show_save_and_continue": False,
                "staff_actions": self.open_actions(request, row),
                "situation": self.situation_of(row),
                "notes": row.notes if isinstance(row, WithNotice) else [],
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def panel(self, row: Row) -> dict[str, Any]:
        """Return what the page shows beside the fields."""
        return {}

    def open_actions(self, request: HttpRequest, row: Row) -> list[StaffAction]:
        return [action for action in self.staff_actions if action.fits(row) and self._may(request, action)]

    def _may(self, request: HttpRequest, action: StaffAction) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(action.permission)

    # Actions

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_staff_action"
        view = self.admin_site.admin_view(self.action_view)
        return [path("<path:object_id>/do/<str:action_name>/", view, name=name), *super().get_urls()]

    def action_view(self, request: HttpRequest, object_id: str, action_name: str) -> HttpResponse:
        """Show the page between the button and the action. Only a POST does anything."""
        action = next((action for action in self.staff_actions if action.name == action_name), None)
        if action is None:
            raise Http404
        if not self._may(request, action):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        form = NoteForm(action, request.POST if request.method == "POST" else None)
        if form.is_valid():
            self.carry_out(request, action, [row], form.note)
            return HttpResponseRedirect(self.url_of(row))
        return self.confirm(request, action, [row], form)

    def get_actions(self, request: HttpRequest) -> Actions:
        return {
            action.name: (self._action(action), action.name, action.label)
            for action in self.staff_actions
            if action.on_lists and self._may(request, action)
        }

    def _action(self, action: StaffAction) -> Callable[..., Any]:
        def act(self: StaffAdmin[Row], request: HttpRequest, queryset: QuerySet[Row]) -> HttpResponse | None:
            rows = list(queryset[: MAX_ROWS + 1])
            if len(rows) > MAX_ROWS:
                messages.warning(request, f"Select at most {MAX_ROWS} at once. Nothing was changed.")
                return None
            is_confirmed = action.is_harmless or "confirmed" in request.POST
            form = NoteForm(action, request.POST if is_confirmed else None)
            if not form.is_valid():
                return self.confirm(request, action, rows, form, is_action=True)
            self.carry_out(request, action, rows, form.note)
            return None

        return act

    def confirm(
        self,
        request: HttpRequest,
        action: StaffAction,
        rows: Sequence[Row],
        form: NoteForm,
        *,
        is_action: bool = False,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.label,
            "action": action,
            "form": form,
            "rows": [(row, self.url_of(row), self.situation_of(row)) for row in rows],
            "is_action": is_action,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/payments/action.html", context)

    def carry_out(self, request: HttpRequest, action: StaffAction, rows: Sequence[Row], note: str) -> None:
        """Carry the action out row by row; report and log each result."""
        by, until = by_staff(request, action.name), time.monotonic() + SECONDS
        for number, row in enumerate(rows):
            if time.monotonic() > until:
                left = len(rows) - number
                messages.warning(request, f"This took too long: {left} were not started. Select them again.")
                return
            outcome = attempt(action, row, by=by, note=note)
            messages.add_message(request, outcome.level, f"{row}: {outcome.text}")
            if outcome.is_done:
                self.log_change(request, row, f"{action.label}: {outcome.text}")
            elif outcome.level == messages.ERROR and number + 1 < len(rows):
                messages.warning(request, "The others were not tried, because they would fail the same way.")
                return

    def url_of(self, row: Row) -> str:
        return url_of(row)


class WithAttention(StaffAdmin[Row]):
    """Rows that carry a note for colleagues, the only thing on them that staff may edit."""

    form = AttentionForm

    @admin.display(description="situation")
    def situation(self, row: Any) -> SafeString | str:
        said = format_html_join("", ' <span class="attention">{}</span>', ((note,) for note in row.notes))
        return format_html("{}{}", self.situation_of(row), said)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "attention":
            kwargs["show_hidden_initial"] = True
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Write nothing but the note, so that a page left open overnight cannot undo a sale."""
        if "attention" in form.changed_data:
            type(obj)._default_manager.filter(pk=obj.pk).update(attention=obj.attention)
            note = f"attention: {obj.attention}" if obj.attention else "attention: cleared"
            record(obj, EventKind.NOTED, by=by_staff(request, Cause.ATTENTION), note=note)


class NeedsFilter(admin.SimpleListFilter):
    """What waits for staff. The choices are the conditions of the list that it belongs to."""

    title = "what it needs"
    parameter_name = "needs"
    conditions: ClassVar[dict[str, tuple[str, Callable[[], Q]]]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        condition = self.conditions.get(str(self.value()))
        return queryset.filter(condition[1]()) if condition else queryset.none()


# What several of them show -----------------------------------------------------------------------------


def by_staff(request: HttpRequest, cause: Cause) -> Author:
    return Author(f"staff {request.user.get_username()}", cause)


def timeline(order: Order | None, payments: Iterable[PiPayment]) -> QuerySet[Event]:
    """Return everything that happened to an order, its payments and their refunds, in one list."""
    of_payments = Q(payment__in=[payment.pk for payment in payments])
    if order is not None:
        of_payments = Q(payment__in=PiPayment.objects.filter(order=order))
    refunds = Refund.objects.filter(of_payments)
    story = of_payments | Q(refund__in=refunds)
    if order is not None:
        story |= Q(order=order)
    return Event.objects.filter(story).select_related("order", "payment", "refund").order_by("id")


def utc(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment is not None else "–"


def url_of(row: Model) -> str:
    return reverse(f"admin:payments_{row._meta.model_name}_change", args=[row.pk])


def link_to(row: Model | None) -> SafeString | str:
    return format_html('<a href="{}">{}</a>', url_of(row), row) if row is not None else "–"


def badge(row: Order | PiPayment | Refund) -> SafeString:
    return format_html('<span class="badge badge-{}">{}</span>', row.status, row.status.replace("_", " "))
