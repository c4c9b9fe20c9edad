"""What the shop's templates need beyond Django: amounts in Pi, and the few settings that pages show."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.conf import settings

from catalog.amounts import NO_BREAK_SPACE, PI, TEST_PI, format_pi
from payments.domain.verdict import verdict_of
from storefront import basket

register = template.Library()
register.filter(basket.max_quantity)
register.filter("verdict", verdict_of)


@register.filter
def pi(amount: Decimal) -> str:
    """Return the amount as buyers read it: “1.5 π”, and on the test network “1.5 Test-π”."""
    return format_pi(amount, unit=pi_unit(), space=NO_BREAK_SPACE)


@register.simple_tag
def pi_unit() -> str:
    return TEST_PI if on_testnet() else PI


@register.simple_tag
def on_testnet() -> bool:
    return settings.PI_NETWORK == "Pi Testnet"


@register.simple_tag
def pi_sdk_url() -> str:
    return settings.PI_SDK_URL


@register.simple_tag
def pi_sdk_sandbox() -> str:
    return "true" if settings.PI_SDK_SANDBOX else "false"
