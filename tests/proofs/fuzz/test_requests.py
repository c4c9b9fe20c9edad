"""Whatever comes as a method, a path, a query or a header, to the API, to the pages and to the admin's
log-in: never a 5xx, JSON where programs ask, and no cookie for buyers."""

from __future__ import annotations

import io
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from hypothesis import strategies as st

from storefront.downloads import download_url
from tests.payments.page import Page
from tests.payments.staff import chief
from tests.proofs.fuzz.effort import forgotten, fuzz

pytestmark = pytest.mark.django_db

# As bytes on the wire, one character each, which is how WSGI hands them over.
ODD_TEXTS = [
    *("", " ", "\x00", "%00", "\xff\xfe", "\xed\xa0\x80", "\xf0\x9f\x99\x82", "a/b", "../..", "//"),
    *("?", "#", "&=&"),
    *("x" * 10_000, "-1", "0", "9" * 400, "1e999", "null", "NaN", "'\"<>", "a\tb", "{}", "[]", "%ff"),
    *(";", "*", "٣"),
]
SEGMENTS = st.sampled_from([text.encode("latin-1", "replace").decode("latin-1") for text in ODD_TEXTS]) | (
    st.binary(max_size=20).map(lambda content: content.decode("latin-1"))
)
ROUTES = [
    *("/", "/c/@/", "/products/@/", "/basket/", "/orders/", "/orders/@/", "/downloads/@/"),
    "/fragments/basket/",
    *("/fragments/orders/", "/fragments/orders/@/", "/validation-key.txt", "/healthz", "/readyz"),
    "/pinet/meta",
    *("/api/products/", "/api/products/@/", "/api/orders/", "/api/orders/@/", "/api/orders/@/cancel/"),
    *("/api/orders/@/reopen/", "/api/schema/", "/api/docs/", "/user/me", "/user/signin", "/user/signout"),
    *("/payments/approve", "/payments/@", "/pi_payment/error", "/media/@", "/static/@", "/@"),
    *("/api/@", "/user/@"),
]
QUERIES = [
    *("line", "buy", "seen", "page", "page_size", "limit", "offset", "category", "search", "pathname"),
    "format",
    *("next", "lang", "\xff", ""),
]
HEADERS = {
    "HTTP_AUTHORIZATION": [
        "Bearer",
        "Bearer @",
        "Bearer @ @",
        "Basic @",
        "bearer a:b:c",
        "Bearer " + "x" * 9_000,
    ],
    "HTTP_IDEMPOTENCY_KEY": ["@"],
    "HTTP_ACCEPT": [
        "@",
        "text/html;q=@",
        ",;q=",
        "*/*;version=@",
        "application/json;indent=99999999",
        "x" * 9_000,
    ],
    "HTTP_ACCEPT_LANGUAGE": ["@", "de-" * 200, "zz;q=@"],
    "HTTP_ACCEPT_ENCODING": ["@", "gzip;q=@"],
    "HTTP_ORIGIN": ["@", "null", "https://@", "https://[::1", "https://frontend.example"],
    "HTTP_REFERER": ["@", "https://[::1"],
    "HTTP_COOKIE": [
        "@",
        "sessionid=@",
        'sessionid="\\000\\000\\000\\000\\000\\000\\000\\000"',
        "csrftoken=@",
        "=;;=",
    ],
    "HTTP_X_FORWARDED_FOR": ["@", "@, @", "::1", "1" * 300],
    "HTTP_X_FORWARDED_PROTO": ["@", "https"],
    "HTTP_IF_MODIFIED_SINCE": ["@", "Thu, 01 Jan 99999 00:00:00 GMT", "Mon, 31 Feb 2024 25:61:61 GMT"],
    "HTTP_IF_NONE_MATCH": ["@", "*", '"@'],
    "HTTP_RANGE": ["bytes=@", "bytes=-@", "bytes=9-1"],
    "HTTP_EXPECT": ["100-continue", "@"],
    "HTTP_USER_AGENT": ["@"],
    "HTTP_X_REQUESTED_WITH": ["@"],
    "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE", "@"],
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": ["POST", "@"],
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": ["@"],
    # What is no number does not get past the server; test_callbacks sends it nevertheless.
    "CONTENT_LENGTH": ["0", "1", "99999", "9" * 30],
    "CONTENT_TYPE": ["@", "multipart/form-data; boundary=@", "application/json; charset=@"],
    "HTTP_HOST": ["@", "testserver:@", "localhost", "[::1", "testserver:80:80"],
}
METHODS = st.sampled_from(
    [*["GET"] * 6, *["POST"] * 4, "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "X", "get"]
)


@st.composite
def filled(draw: st.DrawFn, forms: list[str]) -> str:
    form = draw(st.sampled_from(forms))
    while "@" in form:
        form = form.replace("@", draw(SEGMENTS).replace("@", ""), 1)
    return form


@st.composite
def headers(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=3, unique=True))
    # No server hands a line break over.
    return {name: draw(filled(HEADERS[name])).replace("\r", "").replace("\n", "") for name in names}


QUERY_STRINGS = (
    st.lists(st.tuples(st.sampled_from(QUERIES), SEGMENTS), max_size=3).map(
        lambda pairs: urlencode(pairs, encoding="latin-1")
    )
    | st.lists(st.tuples(st.sampled_from(QUERIES), SEGMENTS), max_size=3).map(
        lambda pairs: "&".join("=".join(pair) for pair in pairs)
    )
    | st.just("")
)
BODIES = st.sampled_from([b"", b"{}", b"a=b", b"\xff", b'{"lines":[{"sku":"book","quantity":1}]}'])


def ask(
    client: Client, method: str, path: str, *, query: str = "", body: bytes = b"", **more: str
) -> HttpResponse:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    response = client.request(**environ | more)
    response.getvalue() if response.streaming else None
    return response


def check(response: HttpResponse, path: str, method: str) -> None:
    assert response.status_code < 500, response.content[:300]
    if response.status_code >= 400 and path.startswith(settings.API_PATHS) and method != "HEAD":
        assert response["Content-Type"] == "application/json"
        assert response.json()["error"]
    if not path.startswith("/admin/"):
        # A session that nobody knows is taken away, which is no cookie. A malformed token against CSRF, which
        # only staff have, is replaced.
        given = {name for name, cookie in response.cookies.items() if cookie.value}
        assert given <= ({"csrftoken"} & response.wsgi_request.COOKIES.keys())


@pytest.mark.parametrize("who", ["stranger", "pioneer"])
def test_no_request_breaks_a_route(alice: Page, who: str) -> None:
    alice.buy({"book": 1, "voucher": 1})
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    token = {"HTTP_AUTHORIZATION": f"Bearer {alice.token}"} if who == "pioneer" else {}

    @fuzz(
        "requests to routes and pages",
        examples=100,
        method=METHODS,
        path=filled(ROUTES),
        query=QUERY_STRINGS,
        body=BODIES,
        more=headers(),
    )
    def answered(method: str, path: str, query: str, body: bytes, more: dict[str, str]) -> None:
        with forgotten():
            check(ask(client, method, path, query=query, body=body, **token | more), path, method)


def test_no_link_breaks_the_downloads(alice: Page) -> None:
    """A real link, of which some letters are others."""
    link = download_url(alice.buy({"book": 1}).lines.get())
    *_, signed, _ = link.split("/")
    client = Client(raise_request_exception=False)
    forged = st.tuples(st.integers(0, len(signed)), st.integers(0, 3), SEGMENTS)

    @fuzz("requests to routes and pages", examples=40, change=forged)
    def refused(change: tuple[int, int, str]) -> None:
        where, gone, text = change
        altered = signed[:where] + text + signed[where + gone :]
        response = ask(client, "GET", f"/downloads/{altered}/")
        assert response.status_code in (404, 410) or altered == signed


@st.composite
def log_ins(draw: st.DrawFn) -> tuple[str, bytes, dict[str, str]]:
    """Draw query, form and headers of one try."""
    names = ["username", "password", "csrfmiddlewaretoken", "next", "this_is_the_login_form"]
    fields = draw(st.lists(st.tuples(st.sampled_from(names), SEGMENTS | st.just("carol")), max_size=5))
    form = urlencode(fields, encoding="latin-1").encode()
    cookies = [
        "csrftoken=@; sessionid=@",
        'sessionid="\\000@aaaaaaaa"',
        "sessionid=@aaaaaaaaaaaaaaaaaaa",
        "@",
    ]
    more = draw(headers()) | {"HTTP_COOKIE": draw(filled(cookies)).replace("\r", "").replace("\n", "")}
    return draw(QUERY_STRINGS), form, {"CONTENT_TYPE": "application/x-www-form-urlencoded"} | more


@pytest.mark.parametrize("checked", [True, False], ids=["with CSRF", "past CSRF"])
def test_nothing_breaks_the_log_in_of_the_staff(alice: Page, checked: bool) -> None:
    chief()
    client = Client(raise_request_exception=False, enforce_csrf_checks=checked)
    paths = st.sampled_from(["/admin/login/", "/admin/", "/admin/payments/order/", "/admin/logout/"])

    @fuzz("tries to log in", examples=40, method=st.sampled_from(["GET", "POST"]), path=paths, one=log_ins())
    def answered(method: str, path: str, one: tuple[str, bytes, dict[str, str]]) -> None:
        with forgotten():
            query, form, more = one
            check(ask(client, method, path, query=query, body=form, **more), path, method)


def test_nothing_that_staff_type_breaks_their_lists(alice: Page) -> None:
    alice.buy({"book": 1})
    client = chief()
    client.raise_request_exception = False
    lists = [f"/admin/payments/{name}/" for name in ("order", "pipayment", "refund", "event", "pioneer")]
    names = ["q", "o", "p", "e", "all", "needs", "status", "status__exact", "created_at__gte", "id__in", "pk"]
    paths = st.sampled_from([*lists, *(f"{path}@/change/" for path in lists), "/admin/@/", "/admin/r/@/@/"])
    filled_paths = paths.flatmap(lambda path: filled([path]))
    queries = st.lists(st.tuples(st.sampled_from(names), SEGMENTS), max_size=3).map(
        lambda pairs: urlencode(pairs, encoding="latin-1")
    )

    @fuzz("requests of staff", examples=40, path=filled_paths, query=queries)
    def answered(path: str, query: str) -> None:
        with forgotten():
            check(ask(client, "GET", path, query=query), path, "GET")
