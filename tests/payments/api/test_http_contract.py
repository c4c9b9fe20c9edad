"""The contract of the JSON routes: which bodies are taken, that every answer is JSON, who may read it where.

Browsers cannot be believed and networks break, so whatever arrives is answered with JSON, never with a 500,
and Pi is asked only about what is at least well-formed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.http import HttpResponse, UnreadablePostError
from django.test import Client
from django.urls import resolve
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from payments.domain.sign_in import SALT
from payments.models import Order, Pioneer, PiPayment
from pi_simulator import Simulator
from tests.payments.page import Page, shelf, status_of
from web.json_bodies import MAX_BODY

pytestmark = pytest.mark.django_db

ID = "rfZCa0Kr8l0vcEoGnpU1SKwjhZCI"
TXID = "bc076f92" + "0" * 52 + "e6c0"
ORIGIN = "https://frontend.example"
JSON = "application/json"

SIGN_IN = "/user/signin"
ORDERS = "/api/orders/"
STEPS = ("approve", "complete", "cancel", "incomplete", "error")
FAMILIES = [f"/{family}/{step}" for family in ("payments", "pi_payment") for step in STEPS]
CALLBACKS = [*FAMILIES, "/payments/cancelled_payment"]
POSTS = [SIGN_IN, ORDERS, *CALLBACKS]

# A body that each route takes.
BODIES: dict[str, dict[str, Any]] = {
    SIGN_IN: {"accessToken": "token", "authResult": {"accessToken": "token"}},
    ORDERS: {
        "lines": [{"sku": "book", "quantity": 1}],
        "shipping": {"name": "Alice", "address": "1 Main Street"},
    },
    "approve": {"paymentId": ID, "accessToken": "token"},
    "complete": {"paymentId": ID, "txid": TXID, "transactionId": TXID},
    "cancel": {"paymentId": ID},
    "cancelled_payment": {"paymentId": ID},
    "incomplete": {"paymentId": ID, "payment": {"identifier": ID}, "transactionId": None},
    "error": {"paymentId": ID, "error": {}},
}


@pytest.fixture
def browser(pi: Simulator) -> Client:
    """Signed in, with CSRF checked as in real life, and with a server error shown as an answer."""
    pioneer = Pioneer.objects.create(uid="u-1", username="alice")
    until = datetime.now(UTC).timestamp() + 3600
    token = signing.dumps({"uid": pioneer.uid, "until": until}, salt=SALT)
    headers = {"Authorization": f"Bearer {token}"}
    return Client(enforce_csrf_checks=True, raise_request_exception=False, headers=headers)


def body_of(path: str) -> dict[str, Any]:
    return json.loads(json.dumps(BODIES.get(path) or BODIES[path.rpartition("/")[2]]))


def post(browser: Client, path: str, body: Any, content_type: str = JSON, **more: Any) -> HttpResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return browser.generic("POST", path, content, content_type, **more)


def check_refusal(response: HttpResponse, *statuses: int) -> None:
    """Check that a refusal is JSON that tells programs and people why."""
    assert response.status_code in statuses, response.content[:300]
    assert response["Content-Type"] == JSON
    answer = response.json()
    assert answer["error"], answer
    assert answer["message"], answer
    assert "Traceback" not in response.content.decode()


# Bodies that are no JSON object ------------------------------------------------------------------------

DEEP = MAX_BODY // 6
BROKEN: dict[str, bytes] = {
    "blanks": b"  \n ",
    "words": b"paymentId is mine",
    "form": b"paymentId=abc&txid=def",
    "html": b"<html></html>",
    "cut": b'{"paymentId": "abc',
    "two objects": b"{}{}",
    "list": b'[{"paymentId": "abc"}]',
    "empty list": b"[]",
    "text": b'"abc"',
    "number": b"5",
    "null": b"null",
    "true": b"true",
    "NaN": b"NaN",
    "NaN inside": b'{"paymentId": "abc", "error": NaN}',
    "Infinity inside": b'{"paymentId": "abc", "error": -Infinity}',
    "number of 9,000 digits": b'{"error": ' + b"9" * 9_000 + b"}",
    "latin-1": '{"paymentId": "é"}'.encode("latin-1"),
    "utf-16": '{"paymentId": "abc"}'.encode("utf-16"),
    "utf-32": '{"paymentId": "abc"}'.encode("utf-32"),
    "bytes": bytes(range(256)),
    "NUL": b'{"paymentId": "abc", "error": "\x00"}',
    "escaped NUL": b'{"paymentId": "abc", "error": "a\\u0000b"}',
    "escaped NUL in a name": b'{"paymentId": "abc", "a\\u0000b": 1}',
    "lone surrogate": b'{"paymentId": "abc", "error": "\\ud83d"}',
    "lone surrogate in a name": b'{"paymentId": "abc", "\\udc00": 1}',
    "deep lists": b'{"error": ' + b"[" * DEEP * 2 + b"]" * DEEP * 2 + b"}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "unclosed": b'{"a":' * DEEP,
    "21 levels": b'{"a":' * 21 + b"1" + b"}" * 21,
}


@pytest.mark.parametrize("path", POSTS)
def test_what_is_no_json_object_is_refused(browser: Client, pi: Simulator, path: str) -> None:
    for name, body in BROKEN.items():
        if name != "blanks":
            response = post(browser, path, body)
            check_refusal(response, 400)
            assert response.json()["error"] == "malformed", name
    assert pi.calls == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"", b"  \n ", b"{}"])
def test_a_body_that_says_nothing_is_refused(browser: Client, pi: Simulator, path: str, body: bytes) -> None:
    response = post(browser, path, body)

    if path.endswith("/error"):  # an error without a payment is a line in the log
        assert (response.status_code, response.json()) == (200, {"status": None, "order": None})
    else:
        check_refusal(response, 400)
        assert response.json()["error"] == "invalid"
    assert pi.calls == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("size", [MAX_BODY + 1, 10 * MAX_BODY])
def test_a_body_over_64_kb_is_refused(browser: Client, pi: Simulator, path: str, size: int) -> None:
    body = json.dumps(body_of(path)).encode()

    response = post(browser, path, body + b" " * (size - len(body)))

    check_refusal(response, 413)
    assert pi.calls == []


def test_a_body_of_64_kb_is_read(browser: Client) -> None:
    body = json.dumps({"error": "it did not work"}).encode()

    response = post(browser, "/payments/error", body + b" " * (MAX_BODY - len(body)))

    assert response.status_code == 200


def test_twenty_levels_are_read(browser: Client) -> None:
    assert post(browser, "/payments/error", b'{"error":' * 20 + b"1" + b"}" * 20).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "application/json; charset=utf-8",
        "application/json; charset=nonsense",
        "application/vnd.api+json",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "nonsense",
        ";;;=",
        "/",
        "a/b/c",
    ],
)
def test_json_is_read_whatever_its_content_type(browser: Client, pi: Simulator, content_type: str) -> None:
    response = post(browser, "/payments/cancel", {"paymentId": ID}, content_type)

    check_refusal(response, 404)
    assert response.json()["error"] == "payment_not_found"
    assert [call.identifier for call in pi.calls] == [ID]


def test_a_content_type_without_end_is_refused(browser: Client, pi: Simulator) -> None:
    content_type = JSON + "; x=y" * 500

    check_refusal(post(browser, "/payments/cancel", {"paymentId": ID}, content_type), 415)
    assert pi.calls == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_is_no_json(browser: Client, pi: Simulator, path: str, content_type: str) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="paymentId"\r\n\r\nabc\r\n--x--\r\n'
    body = form if "multipart" in content_type else b"paymentId=abc&accessToken=abc"

    check_refusal(post(browser, path, body, content_type), 400)
    assert pi.calls == []


@pytest.mark.parametrize("length", ["", "abc", "-1", "0", "1e3"])
def test_a_body_of_unknown_length_counts_as_none(browser: Client, pi: Simulator, length: str) -> None:
    response = post(browser, "/payments/cancel", {"paymentId": ID}, CONTENT_LENGTH=length)

    check_refusal(response, 400)
    assert pi.calls == []


def test_a_body_that_breaks_off_is_refused(browser: Client, pi: Simulator) -> None:
    class BrokenOff(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            raise UnreadablePostError("the client hung up")

    stream = {"wsgi.input": BrokenOff(), "CONTENT_LENGTH": "100"}
    response = browser.generic("POST", "/payments/cancel", content_type=JSON, **stream)

    check_refusal(response, 400)
    assert pi.calls == []


# Fields of another kind ----------------------------------------------------------------------------------

NO_TEXT = [5, 0, 1.5, True, False, [], ["x"], {}, {"x": 1}, "", " ", "a\x00b", "x" * 10_000, "\ud800"]
NO_IDENTIFIER = [
    *NO_TEXT,
    None,
    "a/b",
    "../me",
    "..",
    "a b",
    "a\n",
    " a",
    "é",
    "🙂",
    "%2e",
    "x" * 65,
    "a?b=c",
]
NO_TXID = [value for value in NO_IDENTIFIER if value is not None] + ["a-b", "a_b"]
NO_OBJECT = [None, 5, True, "x", [], ["x"]]

# Step or route, and field -> values that it does not take. A number is a place in a list.
WRONG: dict[tuple[str, str], list[Any]] = {
    ("approve", "paymentId"): NO_IDENTIFIER,
    ("approve", "accessToken"): [value for value in NO_TEXT if value not in ("", " ")],
    ("complete", "paymentId"): NO_IDENTIFIER,
    ("complete", "txid"): NO_TXID,
    ("complete", "transactionId"): NO_TXID,
    ("cancel", "paymentId"): NO_IDENTIFIER,
    ("cancelled_payment", "paymentId"): NO_IDENTIFIER,
    ("incomplete", "paymentId"): [value for value in NO_IDENTIFIER if value is not None],
    ("incomplete", "payment"): [*NO_OBJECT, {}],
    ("incomplete", "payment.identifier"): NO_IDENTIFIER,
    ("error", "paymentId"): [value for value in NO_IDENTIFIER if value is not None],
    (SIGN_IN, "accessToken"): [*NO_TEXT, "x" * 2_001],
    (SIGN_IN, "authResult"): NO_OBJECT[1:],
    (ORDERS, "lines"): [*NO_OBJECT, {}, [5], [None], [[]], ["book"], [{}], BODIES[ORDERS]["lines"] * 51],
    (ORDERS, "lines.0.sku"): [*NO_TEXT, None, "x" * 65],
    (ORDERS, "lines.0.quantity"): [None, *NO_TEXT[1:], "1", "1.0", "x", 1.0, 0, -1, 1000, 10**30, "٣"],
    (ORDERS, "shipping"): [5, True, "x", [], ["x"], {}],
    (ORDERS, "shipping.name"): [*NO_TEXT, None, "x" * 121],
    (ORDERS, "shipping.address"): [*NO_TEXT, None, "x" * 501],
}
CASES = [(path, *case) for case in WRONG for path in POSTS if path == case[0] or path.endswith(f"/{case[0]}")]


def replaced(body: Any, where: str, value: Any) -> Any:
    name, _, rest = where.partition(".")
    key: Any = int(name) if isinstance(body, list) else name
    body[key] = replaced(body[key], rest, value) if rest else value
    return body


@pytest.mark.parametrize(("path", "step", "where"), CASES, ids=lambda part: part)
def test_a_field_of_another_kind_is_refused(
    browser: Client, pi: Simulator, path: str, step: str, where: str
) -> None:
    shelf()
    body = body_of(path)
    if where in ("payment", "payment.identifier"):
        del body["paymentId"]
    for value in WRONG[step, where]:
        cache.clear()
        response = post(browser, path, replaced(body, where, value))
        check_refusal(response, 400)
        assert response.json()["error"] in ("invalid", "malformed"), value
    assert (pi.calls, Order.objects.count(), PiPayment.objects.count()) == ([], 0, 0)


@pytest.mark.parametrize("path", POSTS)
def test_every_field_that_is_needed_is_asked_for(browser: Client, pi: Simulator, path: str) -> None:
    needed = {SIGN_IN: "accessToken authResult", ORDERS: "lines", "complete": "txid transactionId"}
    names = needed.get(path) or needed.get(path.rpartition("/")[2], "paymentId payment")
    body = {name: value for name, value in body_of(path).items() if name not in names.split()}

    response = post(browser, path, body)

    if path.endswith("/error"):
        assert response.status_code == 200
    else:
        check_refusal(response, 400)
    assert pi.calls == []


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        (SIGN_IN, "accessToken", "authResult"),
        ("/payments/complete", "txid", "transactionId"),
        ("/payments/incomplete", "paymentId", "payment"),
    ],
)
def test_a_field_that_is_null_leaves_the_word_to_the_other(
    browser: Client, path: str, one: str, other: str
) -> None:
    body = body_of(path)

    for nothing in (one, other):
        assert post(browser, path, body | {nothing: None}).status_code in (401, 404), "read, and asked about"
    check_refusal(post(browser, path, body | {one: None, other: None}), 400)


def test_a_refusal_names_the_field(browser: Client) -> None:
    lines = [{"sku": "book", "quantity": 1}, {"sku": "book", "quantity": 0}]

    answer = post(browser, ORDERS, {"lines": lines}).json()

    assert answer["message"].startswith("lines: ")
    assert answer["details"]["lines"]["1"]["quantity"]


def test_a_basket_of_thousands_of_lines_is_refused_in_one_sentence(browser: Client) -> None:
    """What is wrong with each of them would be a second of work, and two megabytes to say."""
    too_many = "Ensure this field has no more than 50 elements."

    response = post(browser, ORDERS, {"lines": [{}] * 16_000})

    check_refusal(response, 400)
    assert response.json() == {
        "error": "invalid",
        "message": f"lines: {too_many}",
        "details": {"lines": [too_many]},
    }


def test_the_same_goods_in_several_lines_are_no_way_around_the_limit(browser: Client) -> None:
    shelf()
    lines = [{"sku": "book", "quantity": 500}] * 2

    check_refusal(post(browser, ORDERS, {"lines": lines}), 400)
    assert not Order.objects.exists()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({name for body in BODIES.values() for name in body} | {"identifier", "sku", "quantity"})
ANY_BODY = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4).map(json.dumps).map(str.encode)


@pytest.mark.parametrize("path", [SIGN_IN, ORDERS, *FAMILIES[:5]])
def test_whatever_comes_is_answered_in_json_and_never_with_a_500(browser: Client, path: str) -> None:
    @hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(body=ANY_BODY | st.binary(max_size=100))
    def whatever_comes(body: bytes) -> None:
        cache.clear()
        response = post(browser, path, body)
        assert response.status_code in (200, 400, 401, 404, 409), (body, response.content)
        assert isinstance(response.json(), dict)

    whatever_comes()


# Methods and routes --------------------------------------------------------------------------------------

METHODS = {
    **{path: {"POST"} for path in (SIGN_IN, *CALLBACKS)},
    ORDERS: {"GET", "POST"},
    "/api/orders/AAAA-AAAA-AA/": {"GET"},
    "/api/orders/AAAA-AAAA-AA/cancel/": {"POST"},
    "/api/orders/AAAA-AAAA-AA/reopen/": {"POST"},
    "/user/me": {"GET"},
    "/user/signout": {"GET", "POST"},
    "/pinet/meta": {"GET"},
}


@pytest.mark.parametrize("path", METHODS)
def test_another_method_is_answered_with_405(browser: Client, pi: Simulator, path: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"} - METHODS[path]:
        response = browser.generic(method, path)
        check_refusal(response, 405)
        assert METHODS[path] <= set(response["Allow"].split(", "))
    assert pi.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/payments/",
        "/payments/unknown",
        "/payments/approve/",
        "/payments/approve/x",
        "/payments/Approve",
        "/payments/approve%0A",
        "/payments/%00",
        "/pi_payment/",
        "/pi_payment/cancelled_payment",
        "/pi_payment/notify",
        "/user/",
        "/user/signin/",
        "/user/%F0%9F%99%82",
        "/api/",
        "/api/orders",
        "/api/unknown/",
        "/api/orders/AAAA-AAAA-AA",
        "/api/orders/AAAA-AAAA-AA/",
        "/api/orders/AAAA-AAAA-AA/unknown/",
        "/api/orders/%00/",
        "/api/orders/%00/cancel/",
        "/api/orders/%00/reopen/",
        "/api/orders/%F0%9F%99%82/",
        "/api/orders/%ED%A0%80/",
        "/api/orders/" + "x" * 5_000 + "/",
        "/api/products/%00/",
        "/pinet/unknown",
    ],
)
def test_a_route_that_does_not_exist_is_answered_in_json(browser: Client, pi: Simulator, path: str) -> None:
    for method in ("GET", "POST") if not path.startswith("/api/orders/") else ("GET",):
        check_refusal(browser.generic(method, path, b"{}", JSON), 404)
    assert pi.calls == []


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "image/*", "nonsense", "", ",;q=", "x" * 9_000, JSON]
)
def test_the_answer_is_json_whatever_the_client_accepts(browser: Client, accept: str) -> None:
    response = browser.get("/user/me", headers={"Accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, JSON)
    check_refusal(post(browser, "/payments/cancel", {"paymentId": ID}, headers={"Accept": accept}), 404)


@pytest.mark.parametrize("query", ["?format=xml", "?format=", "?x=%ff%00", "?limit=x&offset=-5"])
def test_the_answer_is_json_whatever_the_query_says(browser: Client, query: str) -> None:
    assert browser.get(f"/user/me{query}").status_code == 200
    assert browser.get(f"/api/orders/{query}").status_code == 200


# Two families of clients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_both_families_of_routes_lead_to_the_same_views(step: str) -> None:
    first, second = resolve(f"/payments/{step}").func, resolve(f"/pi_payment/{step}").func

    assert first.view_class is second.view_class


def test_the_demo_frontends_name_for_cancel_does_too() -> None:
    assert (
        resolve("/payments/cancelled_payment").func.view_class is resolve("/payments/cancel").func.view_class
    )


class Frontend:
    """Somebody else's page on another origin: it posts what its library posts, and reads nothing of it."""

    def __init__(self, alice: Page) -> None:
        self.pi, self.pioneer = alice.pi, alice.pioneer
        self.client = Client(enforce_csrf_checks=True, headers={"Origin": ORIGIN, "Accept": JSON})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        response = post(self.client, path, body)
        assert response.status_code == 200, response.content
        assert response["Access-Control-Allow-Origin"] == ORIGIN
        assert response["Access-Control-Allow-Credentials"] == "true"
        return response.json()

    def create_payment(self, product: str = "book", amount: str = "0.25") -> str:
        return self.pi.create_payment(self.pioneer, amount=amount, metadata={"productId": product})


@pytest.fixture
def frontend(alice: Page) -> Frontend:
    return Frontend(alice)


def test_pis_demo_frontend_sells_through_this_server_unchanged(frontend: Frontend) -> None:
    pi, token = frontend.pi, frontend.pi.sign_in(frontend.pioneer)
    user = {"uid": frontend.pioneer.uid, "username": "alice", "roles": []}

    frontend.post(SIGN_IN, {"authResult": {"accessToken": token, "user": user}})
    identifier = frontend.create_payment()
    frontend.post("/payments/approve", {"paymentId": identifier})
    txid = pi.sign(identifier)
    frontend.post("/payments/complete", {"paymentId": identifier, "txid": txid})

    order = Order.objects.get()
    assert (order.status, order.pioneer.uid, status_of(identifier)) == (
        "fulfilled",
        frontend.pioneer.uid,
        "completed",
    )
    assert frontend.client.get("/user/signout").status_code == 200


def test_the_demo_frontend_finishes_what_an_earlier_visit_left_open(frontend: Frontend) -> None:
    identifier = frontend.create_payment()
    frontend.post("/payments/approve", {"paymentId": identifier})
    frontend.pi.sign(identifier)

    answer = frontend.post("/payments/incomplete", {"payment": in_json(frontend.pi.payment(identifier))})

    assert answer == {"status": "completed", "order": None}


def test_the_demo_frontend_tells_of_a_cancelled_payment(frontend: Frontend) -> None:
    identifier = frontend.create_payment()
    frontend.post("/payments/approve", {"paymentId": identifier})
    frontend.pi.cancel_by_user(identifier)

    answer = frontend.post("/payments/cancelled_payment", {"paymentId": identifier})

    assert answer == {"status": "cancelled", "order": None}


def test_pi_sdk_js_sells_through_this_server_unchanged(frontend: Frontend) -> None:
    pi, token = frontend.pi, frontend.pi.sign_in(frontend.pioneer)

    identifier = frontend.create_payment()
    frontend.post("/pi_payment/approve", {"paymentId": identifier, "accessToken": token})
    txid = pi.sign(identifier)
    frontend.post("/pi_payment/complete", {"paymentId": identifier, "transactionId": txid})

    assert (Order.objects.get().status, status_of(identifier)) == ("fulfilled", "completed")


@pytest.mark.parametrize("nothing", [None, "", " "], ids=repr)
def test_an_empty_access_token_counts_as_none(frontend: Frontend, nothing: str | None) -> None:
    identifier = frontend.create_payment()

    answer = frontend.post("/pi_payment/approve", {"paymentId": identifier, "accessToken": nothing})

    assert answer == {"status": "approved", "order": None}


@pytest.mark.parametrize("signed", [True, False])
def test_pi_sdk_js_finishes_what_an_earlier_visit_left_open(frontend: Frontend, signed: bool) -> None:
    identifier = frontend.create_payment()
    frontend.post("/pi_payment/approve", {"paymentId": identifier})
    txid = frontend.pi.sign(identifier) if signed else None

    answer = frontend.post("/pi_payment/incomplete", {"paymentId": identifier, "transactionId": txid})

    assert answer["status"] == ("completed" if signed else "cancelled")
    assert frontend.pi.incomplete_payment_of(frontend.pioneer) is None


def test_pi_sdk_js_tells_of_cancelling_and_of_errors(frontend: Frontend) -> None:
    identifier = frontend.create_payment()
    frontend.post("/pi_payment/approve", {"paymentId": identifier})

    reported = frontend.post("/pi_payment/error", {"paymentId": identifier, "error": {}})
    frontend.pi.cancel_by_user(identifier)
    cancelled = frontend.post("/pi_payment/cancel", {"paymentId": identifier})

    assert (reported["status"], cancelled["status"]) == ("approved", "cancelled")


def in_json(payment: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(payment, default=float))


@pytest.mark.parametrize(
    "dto", [{}, {"amount": "999"}, {"transaction": {"_link": "http://localhost/secret"}}]
)
def test_of_a_payment_that_a_browser_shows_only_the_identifier_is_read(
    frontend: Frontend, dto: dict[str, Any]
) -> None:
    identifier = frontend.create_payment()
    shown = {"identifier": identifier, "user_uid": "somebody", "status": {"developer_completed": True}} | dto

    answer = frontend.post("/payments/incomplete", {"payment": shown})

    assert answer["status"] == "cancelled"
    assert {call.path.split("?")[0] for call in frontend.pi.calls} <= {
        "/v2/me",
        f"/v2/payments/{identifier}",
        f"/v2/payments/{identifier}/cancel",
    }


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ({}, "an error without a text"),
        ("it broke", "it broke"),
        ({"message": "it broke"}, "{'message': 'it broke'}"),
        (None, "an error without a text"),
        (5, "5"),
        ("x" * 9_999, "x" * 200),
        ("🙂", "🙂"),
    ],
)
def test_an_error_is_noted_in_whatever_form_it_comes(frontend: Frontend, error: Any, kept: str) -> None:
    identifier = frontend.create_payment()
    frontend.post("/payments/approve", {"paymentId": identifier})

    frontend.post("/payments/error", {"paymentId": identifier, "error": error})

    payment = PiPayment.objects.get(identifier=identifier)
    assert payment.events.get(cause="report_error").note == kept


def test_the_order_of_a_payment_is_shown_to_its_payer_only(alice: Page, bob: Page) -> None:
    order, identifier = alice.approved({"voucher": 1})
    bob_sees, alice_sees = bob.cancel(identifier), alice.cancel(identifier)

    assert bob_sees == {"status": "approved", "order": None}
    assert alice_sees == {"status": "approved", "order": order.reference}


# Other origins, cookies, headers -------------------------------------------------------------------------


def preflight(path: str, origin: str) -> HttpResponse:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return Client().options(path, headers=asked)


@pytest.mark.parametrize("path", POSTS)
def test_an_allowed_origin_may_post_with_credentials(path: str) -> None:
    response = preflight(path, ORIGIN)

    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert response["Access-Control-Allow-Credentials"] == "true"
    allowed = {name.strip() for name in response["Access-Control-Allow-Headers"].split(",")}
    assert allowed >= {"authorization", "content-type", "idempotency-key"}
    assert "POST" in response["Access-Control-Allow-Methods"]


def test_an_allowed_origin_may_read_when_to_come_back(browser: Client, pi: Simulator) -> None:
    pi.faults.add("down")

    response = post(browser, "/payments/cancel", {"paymentId": ID}, headers={"Origin": ORIGIN})

    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert response["Access-Control-Expose-Headers"] == "Retry-After"


FOREIGN = [
    "https://elsewhere.example",
    "http://frontend.example",
    f"{ORIGIN}.evil.example",
    "null",
    f"{ORIGIN}:444",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_may_not(browser: Client, origin: str) -> None:
    for response in (
        preflight("/payments/approve", origin),
        browser.get("/user/me", headers={"Origin": origin}),
    ):
        assert not [name for name in response.headers if name.startswith("Access-Control-Allow")]


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/"])
def test_no_other_origin_may_read_the_admin(path: str) -> None:
    response = Client().get(path, headers={"Origin": ORIGIN})

    assert not response.has_header("Access-Control-Allow-Origin")


def every_answer(alice: Page) -> Iterator[HttpResponse]:
    """One answer of every buyer's route, good and bad."""
    headers = {"Authorization": f"Bearer {alice.token}"}
    reference = alice.order({"book": 1})["reference"]
    for path in POSTS:
        yield alice.client.post(path, body_of(path), content_type=JSON, headers=headers)
        yield alice.client.post(path, b"{", content_type=JSON)
    for path in (
        "/user/me",
        "/user/signout",
        ORDERS,
        f"{ORDERS}{reference}/",
        "/user/unknown",
        "/pinet/meta",
    ):
        yield alice.client.get(path, headers=headers)
        yield alice.client.get(path)
    for action in ("cancel", "reopen"):
        yield alice.client.post(f"{ORDERS}{reference}/{action}/", headers=headers)


def test_no_route_of_a_buyer_sets_a_cookie(alice: Page) -> None:
    assert not [answer for answer in every_answer(alice) if answer.cookies]
    assert not alice.client.cookies


def test_private_answers_are_kept_by_no_cache(alice: Page) -> None:
    same_for_all = ("/user/signout", "/user/unknown", "/pinet/meta")

    for answer in every_answer(alice):
        path = answer.request["PATH_INFO"]
        kept_by_none = {"no-store", "private"} <= {*answer.get("Cache-Control", "").split(", ")}
        assert kept_by_none is (path not in same_for_all), (path, answer.status_code)


SECURITY: dict[str, Callable[[str], bool]] = {
    "X-Content-Type-Options": "nosniff".__eq__,
    "X-Frame-Options": "DENY".__eq__,
    "Referrer-Policy": "same-origin".__eq__,
    "Cross-Origin-Opener-Policy": "same-origin".__eq__,
    "Content-Security-Policy": lambda policy: "frame-ancestors 'none'" in policy and "'unsafe" not in policy,
}


@pytest.mark.parametrize("name", SECURITY)
def test_every_json_answer_has_the_security_headers(alice: Page, name: str) -> None:
    for answer in every_answer(alice):
        assert SECURITY[name](answer[name]), (answer.request["PATH_INFO"], answer.headers)
