"""Members of staff at their browsers, for the tests of the admin."""

from __future__ import annotations

from html.parser import HTMLParser

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from payments.models import Event, Order, Pioneer, PiPayment, Refund

VIEW = ("view_order", "view_pipayment", "view_refund", "view_event", "view_pioneer")
Row = Order | PiPayment | Refund | Event | Pioneer


def member(username: str, *permissions: str) -> Client:
    """Sign in a member of staff who may see everything and do what is named."""
    user = User.objects.create_user(username, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=(*VIEW, *permissions)))
    client = Client()
    client.force_login(user)
    return client


def chief(username: str = "carol") -> Client:
    """Sign in a member of staff who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser(username))
    return client


def list_url(model: type[Row], query: str = "") -> str:
    return reverse(f"admin:payments_{model._meta.model_name}_changelist") + query


def page_url(row: Row) -> str:
    return reverse(f"admin:payments_{row._meta.model_name}_change", args=[row.pk])


def action_url(row: Row, name: str) -> str:
    return reverse(f"admin:payments_{row._meta.model_name}_staff_action", args=[row.pk, name])


def act(client: Client, model: type[Row], name: str, *rows: Row, **more: str) -> HttpResponse:
    """Choose an action on a list, follow where it leads."""
    chosen = {"action": name, "_selected_action": [row.pk for row in rows]}
    return client.post(list_url(model), chosen | more, follow=True)


def messages_of(response: HttpResponse) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def logged() -> list[tuple[str, str, str]]:
    """Return Django's own log: who, about what, what."""
    entries = LogEntry.objects.order_by("pk").select_related("user")
    return [(entry.user.get_username(), entry.object_repr, entry.change_message) for entry in entries]


def text_of(response: HttpResponse) -> str:
    """Return what a person reads on the page: its text in one line, without the tags."""
    reader = _Reader()
    reader.feed(response.content.decode())
    return " ".join(" ".join(reader.texts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "input" and values.get("type") == "submit":
            self.texts.append(f"[{values.get('value')}]")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
