"""Texts, files and addresses that somebody chose to do harm: they are shown, refused or left alone."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from requests.adapters import BaseAdapter

from catalog.models import Picture, Product
from payments.models import Event, Order, Pioneer, PiPayment, Refund
from payments.pi import http
from tests.catalog.admin_forms import address, errors, form_on, submit
from tests.catalog.goods import codes, product, variant
from tests.payments.page import Page
from tests.payments.staff import action_url, chief, list_url, page_url

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parent.parent.parent
EVIL = """'"><script>alert(1)</script>{{ 7|add:41000 }}"""

# Texts on pages ----------------------------------------------------------------------------------------


@pytest.fixture
def mallory(alice: Page) -> Page:
    """Return a buyer whose every text is an attack, in a shop whose staff are careless with theirs."""
    goods = product(f"Gift {EVIL}", slug="gift", description=f"{EVIL}\n\n{EVIL}")
    goods.category.name = f"Home {EVIL}"[:80]
    goods.category.save()
    Picture.objects.create(product=goods, image=f"products/{EVIL}.png", width=1, height=1, alt=EVIL)
    variant(goods, sku="gift", option=EVIL, on_hand=9)
    codes(*(f"{EVIL} {n}" for n in range(5)), of=goods, sku="gift-code", option=f"code {EVIL}")
    page = Page(alice.pi, f"mallory {EVIL}")
    alice.pi.pioneer(page.username)
    return page.sign_in()


def bought(mallory: Page) -> Order:
    """Return an order of all that, with everything that went wrong reported in her own words."""
    shipping = {"name": EVIL, "address": f"{EVIL}\n{EVIL}"}
    order = mallory.order({"gift": 1, "gift-code": 1}, shipping=shipping)
    identifier = mallory.create_payment(order)
    mallory.pi.tamper(identifier, memo=EVIL)
    mallory.approve(identifier)
    mallory.post("/payments/error", {"paymentId": identifier, "error": {"message": EVIL}})
    mallory.complete(identifier, mallory.pi.sign(identifier))
    Order.objects.update(attention=EVIL)
    PiPayment.objects.update(attention=EVIL)
    found = Order.objects.get(reference=order["reference"])
    client = chief(f"carol {EVIL}")
    client.post(action_url(found, "flag_refund"), {"note": EVIL})
    return found


def pages_for_buyers(mallory: Page, order: Order) -> Iterator[str]:
    token = {"Authorization": f"Bearer {mallory.token}"}
    basket = "/fragments/basket/?line=gift:1&line=gift-code:1"
    hostile = escape(EVIL, quote=False)
    for path in (
        *("/", "/c/home/", "/products/gift/", "/basket/", basket, f"/basket/?line={EVIL}", f"/?page={EVIL}"),
        *(f"/fragments/orders/{order.reference}/", "/fragments/orders/", f"/orders/{order.reference}/"),
        *(f"/{EVIL}/", f"/orders/{EVIL}/", f"/downloads/{EVIL}/", f"/{hostile}"),
    ):
        yield mallory.client.get(path, headers=token).content.decode()


def pages_for_staff(order: Order) -> Iterator[str]:
    client = chief(f"dora {EVIL}")
    rows = [order, order.pioneer, *order.payments.all(), *order.refunds.all(), *Event.objects.all()]
    paths = [page_url(row) for row in rows] + [
        list_url(m) for m in (Order, PiPayment, Refund, Pioneer, Event)
    ]
    paths += [action_url(order, "ship"), action_url(order, "flag_refund"), list_url(Order) + "clean-up/"]
    paths += [address(name, "changelist") for name in ("product", "variant", "category", "deliverycode")]
    gift = Product.objects.get(slug="gift")
    paths += [address("product", "change", gift.pk), address("product", "delete", gift.pk)]
    paths += [
        address("product", "history", gift.pk),
        "/admin/",
        "/admin/auth/user/",
        "/admin/axes/accessattempt/",
    ]
    paths += [list_url(Order) + f"?q={EVIL}", f"/admin/login/?next={EVIL}", f"/admin/{EVIL}/"]
    paths += [address("variant", "change", each.pk) for each in gift.variants.all()]
    Client().post("/admin/login/", {"username": EVIL, "password": EVIL}, headers={"User-Agent": EVIL})
    for path in paths:
        yield client.get(path).content.decode()
    submit(client, address("product", "changelist"), {"action": "unpublish", "_selected_action": gift.pk})
    yield client.get("/admin/").content.decode()


def harm_in(html: str) -> list[str]:
    """Places where the attack left the text that it was: as an element, as an attribute, or in a template."""
    return re.findall(r"<script>alert|\"><script|'><script|41007", html)


def test_hostile_texts_are_shown_to_buyers_as_texts(mallory: Page) -> None:
    pages = list(pages_for_buyers(mallory, bought(mallory)))

    assert [harm for page in pages for harm in harm_in(page)] == []
    assert sum(escape(EVIL) in page for page in pages) >= 5


def test_hostile_texts_are_shown_to_staff_as_texts(mallory: Page) -> None:
    pages = list(pages_for_staff(bought(mallory)))

    assert [harm for page in pages for harm in harm_in(page)] == []
    assert sum(escape(EVIL) in page for page in pages) >= 20


def test_a_text_that_has_become_markup_would_be_found() -> None:
    assert harm_in(f'<p title="{EVIL}">') != []
    assert harm_in(escape(EVIL.replace("{{ 7|add:41000 }}", "41007"))) != []
    assert harm_in(escape(EVIL)) == []


# What could make a text more than a text, in our own code ---------------------------------------------

SINKS = (
    r"\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function|\.srcdoc\b"
    r"|postMessage\(|addEventListener\(\s*[\"']message|javascript:|setAttribute\(\s*[\"']on"
)
UNESCAPED = (
    r"\|\s*safe\b|\|\s*safeseq\b|autoescape\s+off|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:|hx-on"
)


def sinks_in(source: str) -> list[str]:
    return re.findall(SINKS, source)


def unescaped_in(source: str) -> list[str]:
    return re.findall(UNESCAPED, source)


def trusted_in(source: str) -> list[str]:
    """Return the calls that declare a text to be HTML. `format_html` escapes all but its first argument."""
    found = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in {"mark_safe", "SafeString", "SafeText"}:
            found.append(name)
        if name == "format_html" and not isinstance(call.args[0], ast.Constant):
            found.append("format_html of something else than a constant")
    return found


def ours(*folders: str, ending: str) -> list[Path]:
    files = [file for folder in folders for file in (ROOT / folder).rglob(f"*{ending}")]
    return [file for file in files if "vendor" not in file.parts]


@pytest.mark.parametrize(
    ("files", "found_in"),
    [
        (ours("storefront/static", "catalog/static", ending=".js"), sinks_in),
        (ours("templates", "payments/templates", ending=".html"), unescaped_in),
        (ours("payments", "storefront", "catalog", "demo", "pistore", "web", ending=".py"), trusted_in),
    ],
    ids=["scripts", "templates", "Python"],
)
def test_no_script_template_or_module_of_ours_turns_text_into_markup(
    files: list[Path], found_in: Any
) -> None:
    assert len(files) > 5
    assert {file.name: found for file in files if (found := found_in(file.read_text()))} == {}


@pytest.mark.parametrize(
    ("found_in", "source"),
    [
        (sinks_in, "place.innerHTML = answer.message"),
        (sinks_in, 'window.addEventListener("message", act)'),
        (sinks_in, "eval(answer)"),
        (unescaped_in, "{{ name|safe }}"),
        (unescaped_in, "{% autoescape off %}"),
        (unescaped_in, "<script>let name = '{{ name }}'</script>"),
        (unescaped_in, '<img onerror="x">'),
        (trusted_in, "mark_safe(order.note)"),
        (trusted_in, "format_html(f'<b>{note}</b>')"),
    ],
)
def test_code_that_turns_text_into_markup_would_be_found(found_in: Any, source: str) -> None:
    assert len(found_in(source)) == 1


def test_htmx_runs_no_script_that_the_server_sends() -> None:
    base = (ROOT / "templates" / "base.html").read_text()

    assert '"allowEval": false, "allowScriptTags": false' in base
    assert "selfRequestsOnly" not in base, "htmx asks nobody but us, unless it is told otherwise"


# Pictures ----------------------------------------------------------------------------------------------


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2)).save(file, "PNG")
    return file.getvalue()


PAGE = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><script>alert(1)</script></svg>'


def upload(name: str, content: bytes) -> list[str]:
    """Return what the admin says is wrong with it."""
    gift = product("Gift", published=False)
    variant(gift)
    client = chief()
    page = address("product", "change", gift.pk)
    file = SimpleUploadedFile(name, content, "image/png")
    picture = {"pictures-TOTAL_FORMS": "1", "pictures-0-position": "0", "pictures-0-alt": "x"}
    return errors(submit(client, page, form_on(client.get(page)) | picture | {"pictures-0-image": file}))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", PAGE),
        ("picture.svg", SVG),
        ("picture.png", PAGE),
        ("picture.png", SVG),
        ("page.html", png() + PAGE),
        ("picture.svg", png() + SVG),
        ("script.js", png()),
        ("picture.png.html", png() + PAGE),
        ("picture.pdf", png()),
        ("picture.xbm", b"#define x_width 1\n#define x_height 1\nstatic char x_bits[] = {0};" + PAGE),
        ("picture", png()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_upload_that_is_no_picture_is_refused(name: str, content: bytes) -> None:
    assert len(upload(name, content)) == 1
    assert not Picture.objects.exists()


@pytest.mark.parametrize("name", ["picture.png", "../../picture.png", "picture.PNG"])
def test_a_picture_is_stored_in_the_folder_of_pictures(name: str) -> None:
    assert upload(name, png()) == []

    kept = Path(Picture.objects.get().image.path).resolve()
    assert kept.parent == Path(settings.MEDIA_ROOT).resolve() / "products"


# Addresses ---------------------------------------------------------------------------------------------


class Watch(BaseAdapter):
    """Whoever is asked of and is not Pi."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        self.asked.append(str(request.url))
        raise requests.ConnectionError

    def close(self) -> None:
        pass


@pytest.fixture
def watch(alice: Page) -> Iterator[Watch]:
    watch, session = Watch(), http.session
    before = {prefix: session.adapters[prefix] for prefix in ("http://", "https://")}
    for prefix in before:
        session.mount(prefix, watch)
    yield watch
    for prefix, adapter in before.items():
        session.mount(prefix, adapter)


LINK = "http://169.254.169.254/latest/meta-data/"


def test_a_link_is_followed_neither_for_a_browser_nor_for_pi(alice: Page, watch: Watch) -> None:
    order, identifier = alice.approved({"voucher": 1})
    txid = alice.pi.sign(identifier)
    lie = {"identifier": identifier, "transaction": {"txid": txid, "verified": True, "_link": LINK}}
    alice.pi.tamper(identifier, transaction={"txid": txid, "verified": True, "_link": LINK})
    alice.post("/payments/incomplete", {"payment": lie | {"_link": LINK, "callback_url": LINK}})
    chief().post(action_url(order.payments.get(), "look_on_chain"))

    assert watch.asked == []
    assert {call.path.split("/")[1] for call in alice.pi.calls} == {"v2", "horizon"}


@pytest.mark.parametrize(
    "identifier", ["../me", "x/../../v2/me", "x?y=z", "x#y", "http://evil.example/", LINK]
)
def test_no_identifier_leads_to_another_address(alice: Page, watch: Watch, identifier: str) -> None:
    before = len(alice.pi.calls)

    for path in ("approve", "complete", "cancel", "error"):
        alice.post(f"/payments/{path}", {"paymentId": identifier, "txid": "a"}, expect=400)
    alice.post("/payments/incomplete", {"payment": {"identifier": identifier}}, expect=400)

    assert (watch.asked, len(alice.pi.calls)) == ([], before)


def test_a_request_to_anybody_but_pi_would_be_noticed(watch: Watch) -> None:
    with pytest.raises(requests.ConnectionError):
        http.session.get(LINK)

    assert watch.asked == [LINK]


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"]
)
def test_nobody_chooses_the_shops_name_in_links(alice: Page, header: str) -> None:
    gift = product("Gift")
    variant(gift)
    Picture.objects.create(product=gift, image="products/g.png", width=1, height=1, alt="g")
    evil = {header: "host=evil.example" if header == "Forwarded" else "evil.example"}
    paths = ["/pinet/meta?pathname=/products/gift/", "/api/products/?page_size=1", "/api/schema/", "/admin/"]

    answers = [Client().get(path, headers=evil) for path in (*paths, reverse("shop"))]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 302, 200]
    assert [a for a in answers if b"evil" in a.content or "evil" in a.get("Location", "")] == []
    assert b"http://testserver/media/products/g.png" in answers[0].content
