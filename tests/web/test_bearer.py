from __future__ import annotations

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from web.bearer import bearer_token


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer a:b-c", "a:b-c"),
        ("bearer x", "x"),
        ("BEARER x", "x"),
        ("Bearer one two", "one two"),  # no token of ours: whoever checks it will say so
        ("Bearer  x", " x"),
        ("Bearer t\xf6k", "t\xf6k"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Basic YTpi", ""),
        ("x", ""),
        ("", ""),
    ],
)
def test_a_token_is_what_follows_the_scheme(rf: RequestFactory, header: str, token: str) -> None:
    request = rf.get("/", headers={"Authorization": header})

    assert (bearer_token(request), bearer_token(Request(request))) == (token, token)


def test_a_request_without_the_header_has_no_token(rf: RequestFactory) -> None:
    assert bearer_token(rf.get("/")) == ""
