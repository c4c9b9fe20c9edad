"""What the operations of the OpenAPI schema have in common: how they refuse, when a body is needed, and what
may be asked next about an order."""

from __future__ import annotations

from typing import Any

REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 1}}
}
# Where an answer names an order, and what may be asked next about it.
NAMES_AN_ORDER = {"OrderAnswer": "$response.body#/reference", "PaymentAnswer": "$response.body#/order"}
ABOUT_AN_ORDER = {
    "ReadOrder": "api_orders_retrieve",
    "CancelOrder": "api_orders_cancel_create",
    "ReopenOrder": "api_orders_reopen_create",
}


def describe_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe the body of every refusal, `Retry-After` for 429 and 503, and where a request needs a body.

    A hook of drf-spectacular, so that the catalogue need not know what the shop's refusals look like. A body
    is required wherever one of several fields must be there.
    """
    components = result["components"]["schemas"]
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = REFUSAL
                if status in ("429", "503"):
                    response["headers"] = RETRY_AFTER
            body = operation.get("requestBody")
            if body and "anyOf" in components[_name_of(body)]:
                body["required"] = True
    return result


def link_orders(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add OpenAPI links from every answer that names an order to the requests about that order.

    Programs that follow them find their way from a basket, or from a payment, to the receipt.
    """
    for operations in result["paths"].values():
        for operation in operations.values():
            if operation["operationId"] in ABOUT_AN_ORDER.values():
                continue
            for response in operation["responses"].values():
                if reference := NAMES_AN_ORDER.get(_name_of(response)):
                    response["links"] = {
                        name: {"operationId": asked, "parameters": {"reference": reference}}
                        for name, asked in ABOUT_AN_ORDER.items()
                    }
    return result


def _name_of(body: dict[str, Any]) -> str:
    """Return the name of the component that a body or an answer is; empty if it is none."""
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]
