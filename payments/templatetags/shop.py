"""What the shop's templates need beyond Django: amounts in Pi, and the few settings that pages show."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.conf import settings

from payments import basket

register = template.Library()
register.filter(basket.most)


@register.filter
def pi(amount: Decimal) -> str:
    """This will write an amount as buyers read it: “1.5 π”, and on the test network “1.5 Test-π”."""
    return f"{plain(amount)}\N{NO-BREAK SPACE}{pi_unit()}"


@register.filter
def plain(amount: Decimal) -> str:
    """This will write an amount without surplus zeros and without an exponent: “100”, “0.0000001”."""
    return f"{amount.normalize():f}"


@register.simple_tag
def pi_unit() -> str:
    return "Test-π" if on_testnet() else "π"


@register.simple_tag
def on_testnet() -> bool:
    return settings.PI_NETWORK == "Pi Testnet"


@register.simple_tag
def pi_sdk_url() -> str:
    return settings.PI_SDK_URL


@register.simple_tag
def pi_sdk_sandbox() -> str:
    return "true" if settings.PI_SDK_SANDBOX else "false"
