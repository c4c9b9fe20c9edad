"""Where a request comes from, as far as it can be believed."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle


def address_of(request: Request | HttpRequest) -> str:
    """Return the address of the caller, according to our own PROXY_COUNT proxies; empty if that is no
    address, so that all such callers count as one.

    Of an IPv6 address only the first 64 bits are returned: whoever has one has all that begin with them.
    """
    try:
        # It is typed for DRF's requests only, but reads nothing but META.
        address = ip_address(_without_port(BaseThrottle().get_ident(request) or ""))  # type: ignore[arg-type]
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


def _without_port(text: str) -> str:
    """Drop the port that some proxies add: 192.0.2.1:4711, [2001:db8::1]:4711."""
    found = re.fullmatch(r"(?:\[(.+)\]|([\d.]+))(?::\d+)?", text)
    return text if found is None else found[1] or found[2]
