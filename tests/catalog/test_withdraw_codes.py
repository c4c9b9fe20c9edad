"""`withdraw_codes`: the codes that would be sold next leave the shop, and their units with them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from catalog import stock
from catalog.models import DeliveryCode, Variant
from tests.catalog.goods import codes, counted, product, variant

pytestmark = pytest.mark.django_db


@pytest.fixture
def voucher() -> Variant:
    return codes("ONE", "TWO", "THREE", of=product("Voucher"), sku="voucher")


def run(*arguments: str) -> tuple[list[str], str]:
    out = io.StringIO()
    try:
        call_command("withdraw_codes", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), ""


def left() -> list[str]:
    return list(DeliveryCode.objects.filter(sold_at=None).order_by("pk").values_list("text", flat=True))


def test_the_oldest_are_withdrawn_and_printed(voucher: Variant) -> None:
    assert run("voucher", "2") == (["ONE", "TWO"], "")

    assert (left(), counted(voucher)) == (["THREE"], (0, 1))


def test_what_is_sold_stays(voucher: Variant) -> None:
    stock.take({voucher.pk: 1})
    stock.sell_codes(voucher.pk, 1)

    assert run("voucher", "1") == (["TWO"], "")

    assert DeliveryCode.objects.filter(text="ONE").exists()


def test_what_is_promised_stays_and_is_told(voucher: Variant) -> None:
    stock.hold({voucher.pk: 2})

    assert run("voucher", "3") == (["ONE"], "1 of 3 withdrawn: no more are unsold and unpromised.")

    assert (left(), counted(voucher)) == (["TWO", "THREE"], (2, 2))


def test_what_breaks_in_the_middle_has_withdrawn_nothing(voucher: Variant) -> None:
    third = iter([False, False, True])

    def fail_at_the_third(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("DELETE") and next(third):
            raise OperationalError("deadlock detected")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail_at_the_third), pytest.raises(OperationalError):
        run("voucher", "3")

    assert (left(), counted(voucher)) == (["ONE", "TWO", "THREE"], (0, 3))


def test_what_cannot_be_told_is_not_withdrawn(voucher: Variant) -> None:
    """The disk that it is written to is full, say."""
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("w") as full:
        call_command("withdraw_codes", "voucher", "3", stdout=full)

    assert (left(), counted(voucher)) == (["ONE", "TWO", "THREE"], (0, 3))


@pytest.mark.parametrize("sku", ["mug", "nothing"])
def test_only_what_is_sold_as_codes_has_them(sku: str) -> None:
    variant(product("Mug"), sku="mug")

    assert run(sku, "1") == ([], f"No variant {sku} is sold as codes.")


@pytest.mark.parametrize("number", ["0", "-1"])
def test_none_are_none(voucher: Variant, number: str) -> None:
    assert run("--", "voucher", number) == ([], "")

    assert left() == ["ONE", "TWO", "THREE"]
