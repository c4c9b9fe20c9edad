"""The shop's API as its own schema describes it, and schemathesis to hold the one against the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import schemathesis
from django.test.client import ClientHandler
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

_handler = ClientHandler(enforce_csrf_checks=True)


def shop(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve the shop as a WSGI application that stays inside the test's transaction."""
    response = _handler(environ)
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.getvalue()]


CONFIG: dict[str, Any] = {
    # A text may hold a NUL as far as the schema can tell. What becomes of one: `test_callbacks`.
    "generation": {"allow-x00": False},
    # From one answer to the next call leads a link of the schema, or nothing.
    "phases": {"stateful": {"inference": {"algorithms": []}}},
    "operations": [
        {
            # A page number that makes no sense is the first page, not an error.
            "include-name": ["GET /api/orders/", "GET /api/products/"],
            "checks": {"negative_data_rejection": {"enabled": False}},
        },
        {
            # No schema can say that all lines of one sku together are bounded, too.
            "include-name": "POST /api/orders/",
            "checks": {"positive_data_acceptance": {"enabled": False}},
        },
    ],
}
SCHEMA = schemathesis.openapi.from_wsgi(
    "/api/schema/", shop, config=schemathesis.Config.from_dict({"seed": 1, **CONFIG})
)


def operations_of(schema: Any) -> dict[str, Any]:
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


OPERATIONS = operations_of(SCHEMA)
MODES = list(GenerationMode)
# What holds of every answer, whatever was asked.
AS_DOCUMENTED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def only_a_503_where_it_is_documented(ctx: CheckContext, response: Response, case: Case) -> None:
    """Refuse every server error but a 503; where that may come, and with which headers, is in the schema."""
    if response.status_code != 503:
        not_a_server_error(ctx, response, case)


# The same while Pi may be away.
DOCUMENTED_THOUGH_PI_IS_AWAY = [only_a_503_where_it_is_documented, *AS_DOCUMENTED[1:]]


def described_by(raw: dict[str, Any]) -> Any:
    """Return the same shop under another description."""
    schema = schemathesis.openapi.from_dict(raw)
    schema.app = shop
    return schema


def post(schema: Any, path: str, body: Any) -> Any:
    """Send one POST, as JSON, whose answer must be as `schema` documents it."""
    case = schema[path]["POST"].Case(body=body, media_type="application/json")
    return case.call_and_validate(checks=AS_DOCUMENTED)
