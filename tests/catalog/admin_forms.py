"""Staff at work in the admin: load a page, change its form, submit it."""

from __future__ import annotations

from typing import Any

from django.forms.utils import ErrorList
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from catalog.models import Category, Product, Variant


def address(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:catalog_{model}_{page}", args=args)


def page_of(thing: Category | Product | Variant) -> str:
    return address(thing._meta.model_name or "", "change", thing.pk)


def form_on(page: HttpResponse) -> dict[str, Any]:
    """Return what a browser sends when the form on the page is submitted as it is."""
    forms = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    sent = {}
    for field in [field for form in forms for field in form if not field.field.disabled]:
        value = field.value()
        if value is not None and value is not False and not hasattr(value, "storage"):
            sent[field.html_name] = "on" if value is True else value
        if field.field.show_hidden_initial:
            sent[field.html_initial_name] = field.field.hidden_widget().format_value(value) or ""
    return sent


def send(client: Client, thing: Product | Variant, **changes: Any) -> HttpResponse:
    """Load the page of the object, change some fields (None: leave out) and save."""
    return submit(client, page_of(thing), form_on(client.get(page_of(thing))) | changes)


def submit(client: Client, path: str, form: dict[str, Any]) -> HttpResponse:
    return client.post(path, {name: value for name, value in form.items() if value is not None}, follow=True)


def act(client: Client, model: str, action: str, *things: Any) -> HttpResponse:
    """Select objects in their list and run an action on them."""
    form = {"action": action, "_selected_action": [thing.pk for thing in things]}
    return client.post(address(model, "changelist"), form, follow=True)


def told(page: HttpResponse) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def errors(page: HttpResponse) -> list[str]:
    """Return every error on the page; empty when it was saved."""
    found = page.context["errors"].data if "errors" in page.context else []
    return [text for each in found for text in (each if isinstance(each, ErrorList) else each.messages)]
