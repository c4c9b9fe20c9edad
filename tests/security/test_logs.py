"""What the log holds after everything went right and everything went wrong: no secret, and no line that
somebody made up."""

from __future__ import annotations

import logging
import logging.config
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as real_settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client

from catalog.models import DeliveryCode
from payments.domain import protocol
from payments.models import Order, PiPayment
from pi_simulator.faults import OFF_THE_WIRE, Kind
from pi_simulator.server import running
from storefront.downloads import download_url
from tests.payments.page import Page
from tests.payments.staff import action_url

pytestmark = pytest.mark.django_db

PASSWORD, MISTYPED = "the password of carol", "the pasword of carol"
FAULTS: tuple[Kind, ...] = ("refuse", "lose_answer", "html", "html_after", "malformed", "nonsense", "down")


class Ear(logging.Handler):
    """Hears every logger at every level, as the shop's own log would write it. Pi itself may say more."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        line = real_settings.LOGGING["formatters"]["line"]
        self.setFormatter(logging.config.DictConfigurator({}).configure_formatter(dict(line)))
        self.heard: list[str] = []
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("pi_simulator"):
            self.heard.append(self.format(record))
            self.names.add(record.name.partition(".")[0])

    def __str__(self) -> str:
        return "\n".join(self.heard)


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in sorted(logging.root.manager.loggerDict))]
    before = [(each, each.level, each.propagate, each.disabled) for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
        each.propagate, each.disabled = True, False
    root.addHandler(ear)
    yield ear
    root.removeHandler(ear)
    for each, level, propagate, disabled in before:
        each.level, each.propagate, each.disabled = level, propagate, disabled
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.fixture
def alice(alice: Page, settings: Any) -> Iterator[Page]:
    """In front of a Pi that is reached through a socket, so that the HTTP library has its say, too."""
    with running(alice.pi) as address:
        settings.PI_API_URL, settings.PI_HORIZON_URL = f"{address}/v2", f"{address}/horizon"
        yield alice


# The stories. Each returns what nobody may find in the log afterwards. ---------------------------------


def buying(alice: Page) -> list[str]:
    access_token = alice.pi.sign_in(alice.pioneer)
    alice.token = alice.post("/user/signin", {"accessToken": access_token})["token"]
    order = alice.order({"voucher": 2, "book": 1, "mug": 1})
    identifier = alice.create_payment(order)
    stranger = Page(alice.pi, "alice")
    stranger.post("/payments/approve", {"paymentId": identifier, "accessToken": access_token})
    alice.complete(identifier, alice.pi.sign(identifier))
    alice.client.get(f"/fragments/orders/{order['reference']}/", headers=bearer(alice.token))
    codes = DeliveryCode.objects.exclude(sold_at=None).values_list("text", flat=True)
    return [access_token, alice.token, *codes]


def downloading(alice: Page) -> list[str]:
    book = Path(real_settings.DOWNLOADS_ROOT) / "goods" / "book.pdf"
    book.parent.mkdir(parents=True, exist_ok=True)
    book.write_bytes(b"once upon a time")
    order = alice.buy({"book": 1})
    page = alice.client.get(f"/fragments/orders/{order.reference}/", headers=bearer(alice.token))
    [link] = re.findall(r"/downloads/([^/]+)/", page.content.decode())
    answer = Client().get(f"/downloads/{link}/")
    assert b"".join(answer) == b"once upon a time"
    return [link]


def downloading_while_everything_fails(alice: Page) -> list[str]:
    order = alice.buy({"book": 1})
    address = download_url(order.lines.get())

    def away(*_: Any) -> None:
        raise OperationalError("the server is gone")

    with connection.execute_wrapper(away):
        assert alice.client.get(address).status_code == 503
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("storefront.views.file_behind", lambda _: 1 / 0)
        assert alice.client.get(address).status_code == 500
    (Path(real_settings.DOWNLOADS_ROOT) / "goods" / "book.pdf").unlink(missing_ok=True)
    assert alice.client.get(address).status_code == 503
    for wrong, status in ((address.rstrip("/"), 404), (f"{address}x", 404), (f"/x{address}", 404)):
        assert alice.client.get(wrong).status_code == status
    assert alice.client.post(address).status_code == 405
    assert alice.client.get(address, headers={"Host": "elsewhere.example"}).status_code == 400
    Order.objects.update(status="refunded")
    assert alice.client.get(address).status_code == 410
    return [address.split("/")[2]]


def signing_in_with_what_is_wrong(alice: Page) -> list[str]:
    revoked = alice.pi.sign_in(alice.pioneer)
    alice.pi.revoke(revoked)
    made_up = "made-up-access-token"
    for token in (revoked, made_up, f"{made_up} with a space", f"{made_up}\nand a line"):
        alice.post("/user/signin", {"accessToken": token}, expect=401)
    alice.client.post("/user/signin", f'{{"accessToken": "{made_up}"', content_type="application/json")
    alice.post("/user/signin", {"authResult": {"accessToken": [made_up]}}, expect=400)
    forged = alice.token[:-1] + ("A" if alice.token[-1] != "A" else "B")
    for path in ("/user/me", "/api/orders/", "/fragments/orders/"):
        assert alice.client.get(path, headers=bearer(forged)).status_code == 401
    return [revoked, made_up, forged]


def paying_while_everything_fails(alice: Page) -> list[str]:
    access_token = alice.pi.sign_in(alice.pioneer)
    for kind in FAULTS:
        alice.post("/payments/approve", {"paymentId": "x", "accessToken": access_token}, expect=None)
        order = alice.order({"voucher": 1})
        identifier = alice.create_payment(order)
        body = {"paymentId": identifier, "accessToken": access_token}
        for step in ("signin", "approve", "complete", "error", "incomplete"):
            alice.pi.faults.add(kind)
            if step == "signin":
                alice.post("/user/signin", {"accessToken": access_token}, expect=None)
            else:
                alice.post(f"/payments/{step}", body | {"txid": "made", "error": "e"}, expect=None)
            with suppress(CommandError):
                call_command("reconcile_payments", verbosity=0)
            alice.pi.faults.clear()
        alice.incomplete(identifier)
    return [access_token]


def mistakes_of_ours(alice: Page) -> list[str]:
    access_token = alice.pi.sign_in(alice.pioneer)
    identifier = alice.create_payment(alice.order({"voucher": 1}))
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(protocol, "approve", lambda *_, **__: 1 / 0)
        body = {"paymentId": identifier, "accessToken": access_token}
        alice.post("/payments/approve", body, expect=500)
    return [access_token]


def a_key_that_pi_does_not_take(alice: Page) -> list[str]:
    wrong = "a-key-of-another-app"
    alice.pi.faults.add("refuse", status=401, body={"error": "Invalid/missing API key"})
    with pytest.MonkeyPatch.context() as broken:
        for key in (wrong, f"{wrong}\nwith a line"):
            broken.setattr(real_settings, "PI_API_KEY", key)
            alice.cancel("unknown", expect=503)
            call_doctor()
    alice.pi.faults.clear()
    return [wrong]


def asking_the_doctor(alice: Page) -> list[str]:
    call_doctor()
    return []


def staff_at_work(alice: Page) -> list[str]:
    User.objects.create_superuser("carol", password=PASSWORD)
    order = alice.buy({"mug": 1})
    client = Client()
    for password in (MISTYPED, PASSWORD):
        client.post("/admin/login/", {"username": "carol", "password": password, "next": "/admin/"})
    client.post(action_url(order, "ask_pi"))
    codes = {"new_codes": "CODE-PASTED-1\nCODE-PASTED-2"}
    voucher = DeliveryCode.objects.first().variant
    client.post(
        f"/admin/catalog/variant/{voucher.pk}/change/",
        {"sku": "voucher", "option": "", "price": "0.1", "delivery": "code", "tracked": "on", **codes},
    )
    new = {"old_password": PASSWORD, "new_password1": MISTYPED, "new_password2": "other"}
    client.post("/admin/password_change/", new)
    assert DeliveryCode.objects.filter(text="CODE-PASTED-2").exists()
    cookies = [cookie.value for cookie in client.cookies.values()]
    client.post("/admin/logout/")
    return [PASSWORD, MISTYPED, "CODE-PASTED", *cookies]


STORIES: list[Callable[[Page], list[str]]] = [
    buying,
    downloading,
    downloading_while_everything_fails,
    signing_in_with_what_is_wrong,
    paying_while_everything_fails,
    mistakes_of_ours,
    a_key_that_pi_does_not_take,
    asking_the_doctor,
    staff_at_work,
]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def call_doctor() -> None:
    with suppress(CommandError):
        call_command("pi_doctor", no_color=True)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_no_log_holds_a_secret(
    alice: Page, ear: Ear, capsys: pytest.CaptureFixture[str], story: Callable[[Page], list[str]]
) -> None:
    ours = [real_settings.PI_API_KEY, real_settings.SECRET_KEY]

    secrets = [*ours, *story(alice)]

    told = str(ear) + "".join(capsys.readouterr())
    assert [secret for secret in secrets if secret in told] == []


def test_every_logger_is_recorded_and_a_secret_would_be_seen(alice: Page, ear: Ear) -> None:
    [access_token, *_] = buying(alice)
    alice.cancel("unknown", expect=404)
    User.objects.create_superuser("carol", password=PASSWORD)
    Client().post("/admin/login/", {"username": "carol", "password": MISTYPED})
    logging.getLogger("urllib3").debug("GET /me Authorization: Bearer %s", access_token)
    try:
        raise ValueError(real_settings.PI_API_KEY)
    except ValueError:
        logging.getLogger("payments.api.views").exception("oh")

    assert {"urllib3", "django", "axes", "payments"} <= ear.names
    assert access_token in str(ear)
    assert real_settings.PI_API_KEY in str(ear)


def test_the_logged_stories_meet_every_fault_of_the_simulator() -> None:
    assert {*FAULTS, *OFF_THE_WIRE, "latency"} == set(Kind.__args__)


IN_THE_DEMO = """
import logging, django
django.setup()
for name in ("django.request", "django.server", "payments"):
    logging.getLogger(name).warning("GET %s", "/downloads/1:a-time:a-signature/")
"""


def test_the_demo_writes_each_line_once_and_no_link() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "pistore.settings"}

    demo = subprocess.run(
        [sys.executable, "-c", IN_THE_DEMO],
        cwd=real_settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.split(maxsplit=2)[2] for line in demo.stderr.splitlines()] == [
        "WARNING django.request GET /downloads/…",
        "WARNING django.server GET /downloads/…",
        "WARNING payments GET /downloads/…",
    ]


# Lines that somebody made up ---------------------------------------------------------------------------

FORGED = "2026-01-01 00:00:00,000 INFO payments.api.views all is well"
BREAKS = ("\n", "\r\n", "\x0b", "\x85", "\u2028")


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_nobody_makes_up_a_line_of_the_log(alice: Page, ear: Ear, line_break: str) -> None:
    lie = f"x{line_break}{FORGED}"
    alice.post("/payments/error", {"error": lie})
    alice.pi.faults.add("refuse", status=400, body={"error": lie, "error_message": lie}, path="/payments/")
    alice.cancel("unknown", expect=None)
    identifier = alice.create_payment(alice.order({"mug": 1}))
    alice.approve(identifier, expect=None)
    call_command("reconcile_payments", verbosity=0)
    alice.client.get("/nowhere", {"x": lie}, headers={"User-Agent": lie, "Host": lie})
    Client().post("/admin/login/", {"username": lie, "password": "x"})
    logging.getLogger("payments").warning("payment %s", lie)

    lines = str(ear).splitlines()
    assert any("all is well" in line for line in lines)
    assert [line for line in lines if line.startswith("2026-01-01")] == []


def test_a_traceback_keeps_its_lines(ear: Ear) -> None:
    try:
        Order(reference="x").lines.get()
    except ValueError:
        logging.getLogger("payments").exception("it broke")
        last = traceback.format_exception(*sys.exc_info())[-1].strip()

    assert str(ear).splitlines()[-1] == last
    assert str(ear).splitlines()[0].endswith("ERROR payments it broke")


def test_a_payment_with_line_breaks_in_its_metadata_stays_on_one_log_line(alice: Page, ear: Ear) -> None:
    identifier = alice.pi.create_payment(
        alice.pioneer, amount="1", memo=FORGED, metadata={"order": f"\n{FORGED}"}
    )
    alice.approve(identifier, expect=409)

    assert PiPayment.objects.get().refusal == "unknown_order"
    assert [line for line in str(ear).splitlines() if line.startswith("2026-01-01")] == []
