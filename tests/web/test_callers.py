"""From where a request comes: what throttles and the lock of the staff's log-in count by."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from web.callers import address_of


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),  # by way of a socket
        ("unknown", ""),
        ("192.0.2.1:5678", "192.0.2.1"),  # as some proxies tell it; the port is another each time
        ("[2001:db8:1:2::1]:5678", "2001:db8:1:2::"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::"),
        ("2001:db8:1:2::1:5678", "2001:db8:1:2::"),
        ("192.0.2.1:port", ""),
        ("[]:5678", ""),
        ("x" * 5_000, ""),
        ("a b\x7f", ""),
    ],
)
def test_an_address_has_one_spelling_and_no_other_text_is_one(
    rf: RequestFactory, remote: str, address: str
) -> None:
    assert address_of(rf.get("/", REMOTE_ADDR=remote)) == address


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.7, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (1, "198.51.100.7:1234, 203.0.113.9:5678", "203.0.113.9"),
        (1, "203.0.113.9, <script>", ""),
    ],
)
def test_what_is_forwarded_is_believed_as_far_as_our_own_proxies_go(
    rf: RequestFactory, settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}

    request = rf.get("/", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": forwarded})

    assert address_of(request) == address
