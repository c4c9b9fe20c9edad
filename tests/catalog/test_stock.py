import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import stock
from catalog.models import DeliveryCode, Variant
from tests.catalog.goods import codes, counted, product, variant

pytestmark = pytest.mark.django_db

# What each function does to (reserved, on_hand) of a variant; None: it is refused and nothing changes.
CASES = [
    # function, tracked, before, quantity, after
    (stock.hold, True, (0, 5), 5, (5, 5)),
    (stock.hold, True, (2, 5), 3, (5, 5)),
    (stock.hold, True, (2, 5), 4, None),
    (stock.hold, True, (0, 0), 1, None),
    (stock.hold, False, (0, 0), 9, (9, 0)),
    (stock.take, True, (0, 5), 5, (0, 0)),
    (stock.take, True, (2, 5), 3, (2, 2)),
    (stock.take, True, (2, 5), 4, None),
    (stock.take, False, (0, 0), 9, (0, 0)),
    (stock.take, False, (3, 5), 9, (3, 5)),
    (stock.release, True, (5, 5), 2, (3, 5)),
    (stock.release, False, (5, 0), 2, (3, 0)),
    (stock.consume, True, (5, 5), 2, (3, 3)),
    (stock.consume, False, (5, 0), 2, (3, 0)),
]


@pytest.mark.parametrize(("function", "tracked", "before", "quantity", "after"), CASES)
def test_every_function_moves_the_stock_or_refuses(function, tracked, before, quantity, after):
    tea = variant(reserved=before[0], on_hand=before[1], tracked=tracked)

    if after is None:
        with pytest.raises(stock.OutOfStock) as refused:
            function({tea.pk: quantity})
        assert refused.value.variant_id == tea.pk
        assert str(refused.value) == f"variant {tea.pk} is out of stock"
    else:
        function({tea.pk: quantity})

    assert counted(tea) == (after or before)


@pytest.mark.parametrize("function", [stock.release, stock.consume])
@pytest.mark.parametrize("tracked", [True, False])
def test_no_more_units_than_held_can_be_released_or_sold(function, tracked):
    tea = variant(reserved=1, on_hand=5, tracked=tracked)

    with pytest.raises(IntegrityError), transaction.atomic():
        function({tea.pk: 2})

    assert counted(tea) == (1, 5)


@pytest.mark.parametrize("function", [stock.hold, stock.take])
def test_a_refused_basket_leaves_no_units_held(function):
    mug = product()
    plenty, too_few = variant(mug, on_hand=5), variant(mug, on_hand=1)

    with pytest.raises(stock.OutOfStock), transaction.atomic():
        function({plenty.pk: 2, too_few.pk: 2})

    assert (counted(plenty), counted(too_few)) == ((0, 5), (0, 1))


@pytest.mark.parametrize("function", [stock.hold, stock.take])
def test_a_variant_that_does_not_exist_is_out_of_stock(function):
    with pytest.raises(stock.OutOfStock):
        function({404: 1})


@pytest.mark.parametrize("function", [stock.hold, stock.take, stock.release, stock.consume])
def test_only_the_named_variants_change(function):
    mug = product()
    wanted, also, other = (variant(mug, reserved=3, on_hand=9) for _ in range(3))

    function({also.pk: 1, wanted.pk: 2})

    moved = {stock.hold: (1, 0), stock.take: (0, -1), stock.release: (-1, 0), stock.consume: (-1, -1)}
    reserved, on_hand = moved[function]
    assert counted(wanted) == (3 + 2 * reserved, 9 + 2 * on_hand)
    assert (counted(also), counted(other)) == ((3 + reserved, 9 + on_hand), (3, 9))


def test_goods_held_without_limit_can_be_counted_later():
    ebook = variant(on_hand=3, tracked=False)
    stock.hold({ebook.pk: 2})

    Variant.objects.filter(pk=ebook.pk).update(tracked=True)
    stock.consume({ebook.pk: 2})

    assert counted(ebook) == (0, 1)


@pytest.mark.parametrize(
    ("tracked", "before", "by", "after"),
    [
        (True, (2, 5), +4, (2, 9)),
        (True, (2, 5), -3, (2, 2)),
        (True, (2, 5), -4, None),
        (True, (0, 5), -6, None),
        (False, (9, 0), +4, (9, 4)),
        (False, (9, 5), -5, (9, 0)),
        (False, (0, 5), -6, None),
    ],
)
def test_staff_can_reduce_stock_down_to_the_promised_units(tracked, before, by, after):
    tea = variant(reserved=before[0], on_hand=before[1], tracked=tracked)

    if after is None:
        with pytest.raises(stock.OutOfStock) as refused:
            stock.change_on_hand(tea, by=by)
        assert refused.value.variant_id == tea.pk
    else:
        stock.change_on_hand(tea, by=by)

    assert counted(tea) == (after or before)


def test_staff_change_stock_by_a_difference_from_the_current_count():
    seen_by_staff, other = variant(on_hand=5), variant(product("Jug"), on_hand=5)
    stock.take({seen_by_staff.pk: 2})

    stock.change_on_hand(seen_by_staff, by=10)

    assert (counted(seen_by_staff), counted(other)) == ((0, 13), (0, 5))


def test_the_stock_of_codes_changes_with_the_codes_only():
    voucher = codes("AAA")

    with pytest.raises(ValueError, match=r"^the stock of codes changes only with the codes$"):
        stock.change_on_hand(voucher, by=1)


def test_codes_are_added_once_trimmed_and_in_the_order_given():
    voucher = codes("AAA")

    added = stock.add_codes(voucher, [" CCC ", "AAA", "", "BBB", "CCC", "  "])

    assert added == ["CCC", "BBB"]
    assert list(voucher.codes.values_list("text", flat=True)) == ["AAA", "CCC", "BBB"]
    assert counted(voucher) == (0, 3)


def test_a_code_of_another_variant_is_not_added_again():
    codes("AAA")
    other = codes(of=product("Jug"))

    assert stock.add_codes(other, ["AAA", "BBB"]) == ["BBB"]
    assert counted(other) == (0, 1)


def test_codes_belong_to_variants_that_are_delivered_as_codes():
    with pytest.raises(Variant.DoesNotExist):
        stock.add_codes(variant(), ["AAA"])


def test_thousands_of_codes_are_added_at_once():
    voucher = codes()

    assert len(stock.add_codes(voucher, [f"CODE-{number}" for number in range(3000)])) == 3000
    assert counted(voucher) == (0, 3000)


def test_codes_are_sold_oldest_first():
    voucher = codes("AAA", "BBB", "CCC")
    stock.hold({voucher.pk: 2})
    stock.consume({voucher.pk: 2})

    sold = stock.sell_codes(voucher.pk, 2)

    assert [code.text for code in sold] == ["AAA", "BBB"]
    assert list(voucher.codes.filter(sold_at=None).values_list("text", flat=True)) == ["CCC"]


def test_a_code_is_not_sold_twice():
    voucher = codes("AAA", "BBB")

    first, second = stock.sell_codes(voucher.pk, 1), stock.sell_codes(voucher.pk, 1)

    assert [code.text for code in first + second] == ["AAA", "BBB"]


def test_a_sold_code_has_the_time_of_its_sale():
    before = timezone.now()

    (sold,) = stock.sell_codes(codes("AAA").pk, 1)

    sold.refresh_from_db()
    assert before <= sold.sold_at <= timezone.now()


def test_missing_codes_are_reported_and_none_is_sold():
    voucher = codes("AAA")

    with (
        pytest.raises(stock.CodesMissing, match=f"^variant {voucher.pk}: 1 of 2 codes are left$"),
        transaction.atomic(),
    ):
        stock.sell_codes(voucher.pk, 2)

    assert DeliveryCode.objects.filter(sold_at=None).count() == 1


def test_an_unsold_code_is_withdrawn_with_its_unit():
    voucher = codes("AAA", "BBB")

    assert stock.remove_code(voucher.codes.get(text="AAA")) is True
    assert list(voucher.codes.values_list("text", flat=True)) == ["BBB"]
    assert counted(voucher) == (0, 1)


def test_a_sold_code_stays():
    voucher = codes("AAA", "BBB")
    (sold,) = stock.sell_codes(voucher.pk, 1)

    assert stock.remove_code(sold) is False
    assert (voucher.codes.count(), counted(voucher)) == (2, (0, 2))


def test_a_code_that_is_promised_stays():
    voucher = codes("AAA")
    stock.hold({voucher.pk: 1})

    assert stock.remove_code(voucher.codes.get()) is False
    assert (voucher.codes.count(), counted(voucher)) == (1, (1, 1))


def test_the_oldest_unsold_codes_are_withdrawn_of_one_variant():
    other = codes("OTHER", of=product("Jug"))
    voucher = codes("AAA", "DDD", "CCC", "BBB")
    stock.sell_codes(voucher.pk, 1)

    assert stock.withdraw_oldest(voucher, 2) == ["DDD", "CCC"]
    assert list(DeliveryCode.objects.order_by("pk").values_list("text", flat=True)) == ["OTHER", "AAA", "BBB"]
    assert (counted(voucher), counted(other)) == ((0, 2), (0, 1))


def test_a_code_withdrawn_by_a_colleague_is_not_counted_again():
    voucher = codes("AAA", "BBB")
    code = voucher.codes.get(text="AAA")
    stock.remove_code(code)

    assert stock.remove_code(code) is False
    assert counted(voucher) == (0, 1)
