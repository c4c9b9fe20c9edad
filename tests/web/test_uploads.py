"""Files come from staff alone; those of strangers are not even read."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.test import Client

pytestmark = pytest.mark.django_db

ADD = "/admin/catalog/product/add/"
TOKEN = "t" * 32


class Scale(FileUploadHandler):
    """Weighs what the handlers before it let through."""

    weighed: ClassVar[int] = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        type(self).weighed += len(raw_data)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        pass


@pytest.fixture(autouse=True)
def scale(settings: Any) -> type[Scale]:
    first, *rest = settings.FILE_UPLOAD_HANDLERS
    settings.FILE_UPLOAD_HANDLERS = [first, f"{__name__}.Scale", *rest]
    Scale.weighed = 0
    return Scale


def send(client: Client, path: str = ADD, **form: Any) -> int:
    """Send a form with a file, and with the right token, as a page of ours would or a stranger could."""
    client.cookies["csrftoken"] = TOKEN
    file = SimpleUploadedFile("large.bin", b"x" * 3_000_000)
    return client.post(path, {"csrfmiddlewaretoken": TOKEN, **form, "file": file}).status_code


@pytest.mark.parametrize("path", [ADD, "/admin/login/", "/admin/", "/", "/readyz", "/api/docs/"])
def test_the_file_of_a_stranger_is_not_read(scale: type[Scale], path: str) -> None:
    assert send(Client(enforce_csrf_checks=True), path) in (200, 302, 405)
    assert scale.weighed == 0


def test_who_has_an_account_and_is_no_staff_is_a_stranger(scale: type[Scale]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("former colleague"))

    assert send(client) == 302
    assert scale.weighed == 0


def test_the_file_of_a_member_of_staff_is_read(scale: type[Scale]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("carol"))

    assert send(client) == 200
    assert scale.weighed == 3_000_000


def test_a_form_without_a_file_is_read_as_ever() -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = TOKEN
    words = {"csrfmiddlewaretoken": TOKEN, "username": "carol", "password": "x"}

    assert "correct username and password" in client.post("/admin/login/", words).content.decode()
