"""JSON in and out: a body that is too large, too deep or not text is refused here, before any view."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any, NoReturn

from django.http import Http404
from rest_framework import renderers, status
from rest_framework.exceptions import APIException, NotAcceptable, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

MAX_BODY = 64 * 1024  # bytes
MAX_DEPTH = 20  # nested objects and lists


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = "The body is larger than 64 KB."


class JSONRenderer(renderers.JSONRenderer):
    """Compact UTF-8."""

    charset = None


class Negotiation(DefaultContentNegotiation):
    """Sends JSON even to clients that do not accept it: pi-sdk-js reads JSON from every answer."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[renderers.BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[renderers.BaseRenderer, str]:
        offered = list(renderers)
        chosen = offered[0], str(offered[0].media_type)
        with suppress(NotAcceptable, Http404):
            chosen = super().select_renderer(request, offered, format_suffix)
        return chosen


class AnyTypeParser(BaseParser):
    """Reads a JSON object, whatever its content type: Pi's own clients send different ones.

    Raises BodyTooLarge (413) or ParseError (400 `malformed`).
    """

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        body = _read(stream)
        try:
            content = json.loads(body, parse_constant=_refuse_constant) if body.strip() else {}
            # PostgreSQL holds neither NUL nor lone surrogates; nobody sends them in good faith.
            text = json.dumps(content, ensure_ascii=False)
            text.encode()
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not JSON.", code="malformed") from error
        if not isinstance(content, dict):
            raise ParseError("The body must be a JSON object.", code="malformed")
        if _deeper_than(content, MAX_DEPTH) or "\\u0000" in text:
            raise ParseError("The body is nested too deep, or holds a NUL.", code="malformed")
        return content


class JSONParser(AnyTypeParser):
    """The same for `application/json`, the one content type that the schema names."""

    media_type = "application/json"


def _read(stream: IO[Any]) -> str:
    try:
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise BodyTooLarge
        # As text, because from bytes `json` would also guess UTF-16 and UTF-32.
        return str(body, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParseError("The body is not UTF-8, or broke off.", code="malformed") from error


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _deeper_than(content: Any, levels: int) -> bool:
    inner = content.values() if isinstance(content, dict) else content
    if not isinstance(content, dict | list):
        return False
    return levels == 0 or any(_deeper_than(value, levels - 1) for value in inner)
