"""`withdraw_codes`: the codes that would be sold next are withdrawn, with their units of stock."""

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


def test_the_oldest_codes_are_withdrawn_and_printed(voucher: Variant) -> None:
    assert run("voucher", "2") == (["ONE", "TWO"], "")

    assert (left(), counted(voucher)) == (["THREE"], (0, 1))


def test_sold_codes_are_not_withdrawn(voucher: Variant) -> None:
    stock.take({voucher.pk: 1})
    stock.sell_codes(voucher.pk, 1)

    assert run("voucher", "1") == (["TWO"], "")

    assert DeliveryCode.objects.filter(text="ONE").exists()


def test_promised_codes_are_not_withdrawn_but_reported(voucher: Variant) -> None:
    stock.hold({voucher.pk: 2})

    assert run("voucher", "3") == (
        ["ONE"],
        "1 of 3 codes withdrawn: no more are available.",
    )

    assert (left(), counted(voucher)) == (["TWO", "THREE"], (2, 2))


def test_a_failure_halfway_withdraws_no_code(voucher: Variant) -> None:
    third = iter([False, False, True])

    def fail_at_the_third(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("DELETE") and next(third):
            raise OperationalError("deadlock detected")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail_at_the_third), pytest.raises(OperationalError):
        run("voucher", "3")

    assert (left(), counted(voucher)) == (["ONE", "TWO", "THREE"], (0, 3))


def test_codes_that_cannot_be_printed_are_not_withdrawn(voucher: Variant) -> None:
    """For example because the disk is full."""
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("w") as full:
        call_command("withdraw_codes", "voucher", "3", stdout=full)

    assert (left(), counted(voucher)) == (["ONE", "TWO", "THREE"], (0, 3))


@pytest.mark.parametrize("sku", ["mug", "nothing"])
def test_a_variant_that_is_not_sold_as_codes_is_refused(sku: str) -> None:
    variant(product("Mug"), sku="mug")

    assert run(sku, "1") == ([], f"There is no variant {sku} that is sold as codes.")


@pytest.mark.parametrize("number", ["0", "-1"])
def test_withdrawing_zero_codes_withdraws_none(voucher: Variant, number: str) -> None:
    assert run("--", "voucher", number) == ([], "")

    assert left() == ["ONE", "TWO", "THREE"]
