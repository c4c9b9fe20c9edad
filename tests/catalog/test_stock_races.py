"""Real threads on a real database: many buyers and members of staff at the same instant."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from django.db import connection, transaction

from catalog import stock
from catalog.models import DeliveryCode, Variant
from tests.catalog.goods import codes, counted, product, variant

pytestmark = pytest.mark.django_db(transaction=True)


def race(*steps: Callable[[], object], atomic: bool = True) -> list[object]:
    """Run all steps at once, each in its own transaction; return what each returned or raised."""
    start = threading.Barrier(len(steps))

    def run(step: Callable[[], object]) -> object:
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            with transaction.atomic(durable=True) if atomic else nullcontext():
                return step()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(steps)) as threads:
        return list(threads.map(run, steps))


def kinds(results: list[object]) -> dict[str, int]:
    names = [type(result).__name__ for result in results]
    return {name: names.count(name) for name in sorted(set(names))}


@pytest.mark.parametrize("function", [stock.hold, stock.take])
def test_twenty_buyers_get_the_last_five_units(function):
    tea = variant(on_hand=5)

    results = race(*[lambda: function({tea.pk: 1})] * 20)

    assert kinds(results) == {"NoneType": 5, "OutOfStock": 15}
    assert counted(tea) == ((5, 5) if function is stock.hold else (0, 0))


def test_late_money_and_a_new_order_share_one_unit():
    tea = variant(on_hand=1)

    results = race(*[lambda: stock.hold({tea.pk: 1}), lambda: stock.take({tea.pk: 1})] * 5)

    assert kinds(results) == {"NoneType": 1, "OutOfStock": 9}
    assert counted(tea) in {(1, 1), (0, 0)}


def test_baskets_in_opposite_order_do_not_lock_each_other_out():
    mug = product()
    one, other = variant(mug, on_hand=100), variant(mug, on_hand=100)
    there, back = {one.pk: 1, other.pk: 1}, {other.pk: 1, one.pk: 1}

    results = race(*[lambda: stock.hold(there), lambda: stock.hold(back)] * 10)

    assert kinds(results) == {"NoneType": 20}
    assert (counted(one), counted(other)) == ((20, 100), (20, 100))


def test_holds_sales_and_deliveries_at_once_lose_no_unit():
    tea = variant(on_hand=30, reserved=20)
    sale, return_, delivery = (
        lambda: stock.consume({tea.pk: 1}),
        lambda: stock.release({tea.pk: 1}),
        lambda: stock.change_on_hand(tea, by=2),
    )

    results = race(*[sale, return_, delivery] * 7)

    assert kinds(results) == {"NoneType": 21}
    assert counted(tea) == (6, 37)


def test_staff_cannot_remove_units_that_a_buyer_holds_at_the_same_instant():
    tea = variant(on_hand=1)

    results = race(*[lambda: stock.hold({tea.pk: 1}), lambda: stock.change_on_hand(tea, by=-1)] * 5)

    assert kinds(results) == {"NoneType": 1, "OutOfStock": 9}
    assert counted(tea) in {(1, 1), (0, 0)}


def test_codes_added_by_two_members_of_staff_are_counted_once():
    voucher = codes()
    texts = [f"CODE-{number}" for number in range(50)]

    results = race(*[lambda: len(stock.add_codes(voucher, texts))] * 8)

    assert sorted(results) == [0] * 7 + [50]
    assert (voucher.codes.count(), counted(voucher)) == (50, (0, 50))


def test_a_code_added_to_two_variants_goes_to_one():
    one, other = codes(), codes(of=product("Jug"))

    results = race(*[lambda: stock.add_codes(one, ["AAA"]), lambda: stock.add_codes(other, ["AAA"])] * 4)

    assert sorted(results) == [[]] * 7 + [["AAA"]]
    assert DeliveryCode.objects.count() == 1
    assert sum(Variant.objects.values_list("on_hand", flat=True)) == 1


def test_every_buyer_gets_a_different_code():
    voucher = codes(*(f"CODE-{number}" for number in range(5)))

    def buy() -> str:
        stock.take({voucher.pk: 1})
        return stock.sell_codes(voucher.pk, 1)[0].text

    results = race(*[buy] * 12)

    assert kinds(results) == {"OutOfStock": 7, "str": 5}
    assert len({text for text in results if isinstance(text, str)}) == 5
    assert counted(voucher) == (0, 0)


def test_a_code_is_either_withdrawn_or_sold():
    voucher = codes("AAA")
    code = voucher.codes.get()

    def buy() -> str:
        stock.take({voucher.pk: 1})
        return stock.sell_codes(voucher.pk, 1)[0].text

    bought, withdrawn = race(buy, lambda: stock.remove_code(code))

    assert (bought == "AAA") != (withdrawn is True)
    assert counted(voucher) == (0, 0)
