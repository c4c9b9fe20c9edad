from __future__ import annotations

from collections.abc import Callable

import pytest
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.test import RequestFactory

from web.framing import framable_by_pi


def page(request: HttpRequest, title: str = "The shop") -> HttpResponse:
    return HttpResponse(title)


ANCESTORS = (
    "frame-ancestors 'self' https://app-cdn.minepi.com https://sandbox.minepi.com"
    " https://*.minepi.com https://*.pinet.com http://localhost:8314"
)


def policy(response: HttpResponseBase) -> set[str]:
    return set(response["Content-Security-Policy"].split("; "))


@pytest.fixture
def ask(rf: RequestFactory) -> Callable[..., HttpResponseBase]:
    """Answer with a view's response as the shop's middleware sends it."""
    return lambda view: CSPMiddleware(XFrameOptionsMiddleware(view))(rf.get("/"))


def test_nobody_may_frame_a_page(ask: Callable[..., HttpResponseBase]) -> None:
    response = ask(page)

    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in policy(response)


def test_pi_may_frame_a_page_that_says_so(ask: Callable[..., HttpResponseBase]) -> None:
    response = ask(framable_by_pi(page))

    assert "X-Frame-Options" not in response
    assert policy(response) == policy(ask(page)) - {"frame-ancestors 'none'"} | {ANCESTORS}


def test_the_view_keeps_its_name_and_its_arguments(rf: RequestFactory) -> None:
    framable = framable_by_pi(page)

    assert (framable.__name__, framable(rf.get("/"), title="Mugs").content) == ("page", b"Mugs")
