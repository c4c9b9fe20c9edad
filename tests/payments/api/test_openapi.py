"""The API describes itself: a schema without gaps, and a page that shows it under our own strict policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern
from django.utils.translation import trans_real

from payments.api.urls import urlpatterns

CALLBACKS = ("/payments/", "/pi_payment/")


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the schema, generated with every warning an error."""
    file = tmp_path_factory.mktemp("schema") / "schema.yaml"
    call_command("spectacular", file=str(file), validate=True, fail_on_warn=True)
    return yaml.safe_load(file.read_text())


def path_of(route: URLPattern) -> str:
    return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(route.pattern))


PATHS = [path_of(route) for route in urlpatterns]


def operations(schema: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, one) for path, methods in schema["paths"].items() for method, one in methods.items()
    ]


def test_the_schema_says_which_token_is_meant(schema: Any) -> None:
    assert schema["components"]["securitySchemes"] == {
        "pioneer": {"type": "http", "scheme": "bearer", "description": "The token from /user/signin."}
    }


def test_the_schema_is_valid_and_without_a_warning(schema: Any) -> None:
    assert schema["openapi"].startswith("3.0")
    assert schema["info"]["title"] == "pistore"


@pytest.mark.parametrize("path", PATHS)
def test_every_route_is_described(schema: Any, path: str) -> None:
    for method, operation in schema["paths"][path].items():
        assert operation["description"], (method, path)
        assert "200" in operation["responses"] or "201" in operation["responses"]


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith(CALLBACKS)])
def test_every_callback_tells_how_it_refuses(schema: Any, path: str) -> None:
    responses = schema["paths"][path]["post"]["responses"]

    for status in ("400", "401", "403", "404", "409", "413", "415", "429", "503"):
        content = responses[status]["content"]["application/json"]["schema"]
        assert content == {"$ref": "#/components/schemas/ErrorAnswer"}, (path, status)


def test_every_refusal_has_the_same_form(schema: Any) -> None:
    refusal = schema["components"]["schemas"]["ErrorAnswer"]

    assert set(refusal["required"]) == {"error", "message"}
    for path, method, operation in operations(schema):
        for status, response in operation["responses"].items():
            if status >= "400":
                assert "ErrorAnswer" in str(response["content"]), (path, method, status)


@pytest.mark.parametrize(
    ("path", "method", "token"),
    [
        ("/user/signin", "post", None),
        ("/user/me", "get", True),
        ("/api/orders/", "get", True),
        ("/api/orders/", "post", True),
        ("/payments/approve", "post", False),
        ("/payments/incomplete", "post", False),
        ("/pinet/meta", "get", None),
    ],
)
def test_it_says_where_a_token_is_needed(schema: Any, path: str, method: str, token: bool | None) -> None:
    """True: needed, False: welcome, None: not looked at."""
    security = schema["paths"][path][method].get("security", [])

    assert security == {True: [{"pioneer": []}], False: [{"pioneer": []}, {}], None: [{}]}[token]


def test_an_amount_is_a_text_and_what_pi_wants_a_number(schema: Any) -> None:
    parts = schema["components"]["schemas"]

    assert parts["OrderAnswer"]["properties"]["total"]["type"] == "string"
    assert parts["PaymentToCreate"]["properties"]["amount"]["type"] == "number"


@pytest.mark.parametrize(
    ("path", "ways"),
    [
        ("/user/signin", {"accessToken": "string", "authResult": "object"}),
        ("/payments/complete", {"txid": "string", "transactionId": "string"}),
        ("/payments/incomplete", {"paymentId": "string", "payment": "object"}),
    ],
)
def test_what_may_be_said_in_several_ways_must_be_said_in_one(
    schema: Any, path: str, ways: dict[str, str]
) -> None:
    body = schema["paths"][path]["post"]["requestBody"]
    component = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    described = schema["components"]["schemas"][component]

    assert body["required"]
    assert all(described["properties"][way]["nullable"] for way in ways)
    assert described["anyOf"] == [
        {"required": [way], "properties": {way: {"type": kind}}} for way, kind in ways.items()
    ]


def test_the_bounds_of_a_basket_are_told(schema: Any) -> None:
    parts = schema["components"]["schemas"]

    assert parts["OrderRequest"]["properties"]["lines"] | {"items": ...} == {
        "type": "array",
        "items": ...,
        "minItems": 1,
        "maxItems": 50,
    }
    assert parts["LineRequest"]["properties"]["sku"] == {
        "type": "string",
        "maxLength": 64,
        "pattern": r"\S",
    }


def test_who_is_told_to_come_back_is_told_when(schema: Any) -> None:
    for path, method, operation in operations(schema):
        for status in {"429", "503"} & operation["responses"].keys():
            header = operation["responses"][status]["headers"]["Retry-After"]
            assert header["required"], (path, method, status)


def test_every_route_that_reads_the_database_tells_that_it_may_be_busy(schema: Any) -> None:
    silent = [path for path, _, operation in operations(schema) if "503" not in operation["responses"]]

    assert set(silent) == {"/user/signout"}


def test_whoever_has_an_order_is_told_what_to_ask_about_it(schema: Any) -> None:
    ids = {one["operationId"]: path for path, _, one in operations(schema)}
    placed = schema["paths"]["/api/orders/"]["post"]["responses"]["201"]["links"]
    completed = schema["paths"]["/payments/complete"]["post"]["responses"]["200"]["links"]

    assert {name: ids[link["operationId"]] for name, link in placed.items()} == {
        "ReadOrder": "/api/orders/{reference}/",
        "CancelOrder": "/api/orders/{reference}/cancel/",
        "ReopenOrder": "/api/orders/{reference}/reopen/",
    }
    assert placed["ReadOrder"]["parameters"] == {"reference": "$response.body#/reference"}
    assert completed["ReadOrder"]["parameters"] == {"reference": "$response.body#/order"}


def test_bodies_are_described_as_json(schema: Any) -> None:
    bodies = [one["requestBody"]["content"] for _, _, one in operations(schema) if "requestBody" in one]

    assert len(bodies) == 13
    assert {tuple(body) for body in bodies} == {("application/json",)}


def test_the_key_against_repetition_is_described(schema: Any) -> None:
    parameters = schema["paths"]["/api/orders/"]["post"]["parameters"]

    assert [(one["name"], one["in"], one.get("required", False)) for one in parameters] == [
        ("Idempotency-Key", "header", False)
    ]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("*/*", "application/vnd.oai.openapi; charset=utf-8"),
        ("text/html", "application/vnd.oai.openapi; charset=utf-8"),
    ],
)
def test_the_schema_is_served(accept: str, content_type: str) -> None:
    response = Client().get("/api/schema/", headers={"Accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, content_type)
    assert "/payments/approve" in response.content.decode()


@pytest.mark.parametrize(
    "version",
    ["", "2", "a\r\nb", "\x00", '"x', "🙂"],
    ids=["none", "another", "line break", "NUL", "quote", "face"],
)
def test_a_version_that_there_is_not_goes_into_no_header(version: str) -> None:
    response = Client(raise_request_exception=False).get("/api/schema/", {"version": version})

    assert response.status_code == 200
    assert response["Content-Disposition"] == 'inline; filename="pistore.yaml"'


def test_a_made_up_language_is_not_kept_in_memory() -> None:
    """Django keeps the phrases of every language that it was ever asked for, for ever."""
    before = len(trans_real._translations)

    answers = [Client().get("/api/schema/", {"lang": f"made-up-{n}"}) for n in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(trans_real._translations) == before


# The page that shows it --------------------------------------------------------------------------------


@pytest.fixture
def docs() -> str:
    response = Client().get("/api/docs/")
    assert response.status_code == 200
    assert "script-src 'self'" in response["Content-Security-Policy"]
    return response.content.decode()


def test_the_page_is_for_reading_only() -> None:
    for method in ("OPTIONS", "POST", "PUT", "DELETE"):
        response = Client(raise_request_exception=False).generic(method, "/api/docs/")
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD"), method
        assert response.json()["error"] == "method_not_allowed"


def test_no_script_and_no_style_stands_in_the_page_itself(docs: str) -> None:
    assert not re.findall(r"<script(?![^>]*\bsrc=)", docs)
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:", docs)


def test_the_page_of_the_schema_loads_only_our_own_files(docs: str) -> None:
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)["']""", docs)

    assert addresses
    assert [address for address in addresses if not address.startswith(("/static/", "/api/", "?"))] == []


def test_every_file_of_the_page_is_there(docs: str) -> None:
    for address in re.findall(r"""(?:src|href)=["']([^"']*)["']""", docs):
        if not address.startswith("/static/"):
            assert (
                Client().get(address if address.startswith("/") else f"/api/docs/{address}").status_code
                == 200
            )


def test_no_file_of_the_page_is_asked_of_anybody_else(docs: str) -> None:
    script = next(a for a in re.findall(r'src="([^"]*)"', docs) if not a.startswith("/static/"))
    source = Client().get(script if script.startswith("/") else f"/api/docs/{script}").content.decode()

    assert "https://" not in source
    assert "/api/schema/" in source
