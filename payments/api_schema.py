"""What the operations of the OpenAPI schema have in common: how they refuse, and when a body is needed."""

from __future__ import annotations

from typing import Any

REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 1}}
}


def describe_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """This will give every refusal its form, and those that ask to come back the header that says when; and
    it will ask for a body wherever one of several fields must be there.

    A hook of drf-spectacular, so that the catalogue need not know how the shop spells a refusal.
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


def _name_of(body: dict[str, Any]) -> str:
    return str(body["content"]["application/json"]["schema"]["$ref"]).rpartition("/")[2]
