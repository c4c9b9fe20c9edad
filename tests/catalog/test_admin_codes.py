"""Codes are pasted, shown by their end only, and withdrawn while nobody bought them."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from catalog import stock
from tests.catalog.admin_forms import act, address, errors, page_of, send, told
from tests.catalog.goods import codes, counted, product, variant

pytestmark = pytest.mark.django_db

PASTED = """
  KEY-0001-AAAA
KEY-0002-BBBB

KEY-0001-AAAA
KEY-0000-OLD1
"""


def texts(of) -> list[str]:
    return list(of.codes.values_list("text", flat=True))


def test_new_codes_are_added_and_duplicates_are_named(admin_client: Client):
    voucher = codes("KEY-0000-OLD1")

    page = send(admin_client, voucher, new_codes=PASTED)

    assert texts(voucher) == ["KEY-0000-OLD1", "KEY-0001-AAAA", "KEY-0002-BBBB"]
    assert counted(voucher) == (0, 3)
    assert told(page)[:2] == [
        "2 codes added.",
        "Not added, because they already exist or were pasted twice: KEY-0001-AAAA, KEY-0000-OLD1.",
    ]


def test_only_the_first_ten_duplicate_codes_are_named(admin_client: Client):
    known = [f"KEY-{number:02}" for number in range(12)]
    voucher = codes(*known)

    page = send(admin_client, voucher, new_codes="\n".join(known))

    assert told(page)[0] == "0 codes added."
    assert told(page)[1].endswith("KEY-08, KEY-09 and 2 more.")


def test_the_history_counts_the_codes_without_showing_them(admin_client: Client):
    voucher = codes()

    send(admin_client, voucher, new_codes=PASTED)

    messages = [entry.change_message for entry in LogEntry.objects.order_by("pk")]
    assert messages[0] == "codes +3"
    assert not any("KEY" in message for message in messages)


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("GOOD\n" + "x" * 201, "Ensure this value has at most 200 characters (it has 201)."),
        ("BAD\0", "Null characters are not allowed."),
    ],
    ids=["too long", "NUL"],
)
def test_an_invalid_code_is_refused(admin_client: Client, pasted, why):
    voucher = codes()

    page = send(admin_client, voucher, new_codes=pasted)

    assert (errors(page), texts(voucher)) == ([why], [])


def test_only_variants_sold_as_codes_accept_codes(admin_client: Client):
    tea = variant()

    page = send(admin_client, tea, new_codes="AAA")

    assert "new_codes" not in page.text
    assert (texts(tea), counted(tea)) == ([], (0, 1))


def test_unsold_codes_are_withdrawn_and_sold_ones_stay(admin_client: Client):
    voucher = codes("AAA", "BBB", "CCC")
    stock.take({voucher.pk: 1})
    stock.sell_codes(voucher.pk, 1)

    page = act(admin_client, "deliverycode", "withdraw", *voucher.codes.exclude(text="CCC"))

    assert texts(voucher) == ["AAA", "CCC"]
    assert counted(voucher) == (0, 1)
    assert told(page) == ["1 code withdrawn.", "1 code not withdrawn: sold, or promised to a buyer."]
    assert LogEntry.objects.get().action_flag == DELETION


def test_a_promised_code_is_not_withdrawn(admin_client: Client):
    voucher = codes("AAA")
    stock.hold({voucher.pk: 1})

    page = act(admin_client, "deliverycode", "withdraw", voucher.codes.get())

    assert told(page)[-1] == "1 code not withdrawn: sold, or promised to a buyer."
    assert (texts(voucher), counted(voucher)) == (["AAA"], (1, 1))


def test_withdrawing_codes_needs_the_permission_to_delete_codes(client: Client, django_user_model):
    voucher = codes("AAA")
    carol = django_user_model.objects.create_user("carol", is_staff=True)
    carol.user_permissions.add(Permission.objects.get(codename="view_deliverycode"))
    client.force_login(carol)

    act(client, "deliverycode", "withdraw", voucher.codes.get())

    assert texts(voucher) == ["AAA"]


def test_lists_show_the_end_of_a_code_only(admin_client: Client):
    codes("KEY-0001-AAAA", "SHORT")

    shown = admin_client.get(address("deliverycode", "changelist")).text

    assert ("••••AAAA" in shown, "KEY-" in shown, "SHORT" in shown) == (True, False, False)


def test_a_code_is_found_by_its_whole_text_and_shown_on_its_page(admin_client: Client):
    code = codes("KEY-0001-AAAA", "KEY-0002-BBBB").codes.first()

    def found(words: str) -> int:
        page = admin_client.get(address("deliverycode", "changelist"), {"q": words})
        return page.context["cl"].result_count

    assert (found("KEY-0001-AAAA"), found("KEY-0001"), found("mug-0")) == (1, 0, 2)
    assert "KEY-0001-AAAA" in admin_client.get(address("deliverycode", "change", code.pk)).text


def test_codes_can_be_neither_changed_nor_deleted_nor_added_by_hand(admin_client: Client):
    code = codes("AAA").codes.get()
    change = address("deliverycode", "change", code.pk)

    assert admin_client.post(change, {"text": "ZZZ"}).status_code == 403
    assert admin_client.post(address("deliverycode", "delete", code.pk), {"post": "yes"}).status_code == 403
    assert admin_client.get(address("deliverycode", "add")).status_code == 403
    act(admin_client, "deliverycode", "delete_selected", code)
    assert texts(code.variant) == ["AAA"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["AAA", "BBB", "CCC"]),
        ({"sold": "yes"}, ["AAA"]),
        ({"sold": "no"}, ["BBB", "CCC"]),
        ({"sku": "jug-0"}, ["CCC"]),
    ],
    ids=str,
)
def test_codes_are_filtered_by_sold_and_variant(admin_client: Client, query, expected):
    voucher = codes("AAA", "BBB")
    codes("CCC", of=product("Jug"))
    stock.sell_codes(voucher.pk, 1)

    page = admin_client.get(address("deliverycode", "changelist"), query)

    assert [code.text for code in page.context["cl"].result_list.order_by("text")] == expected


def test_a_variants_page_links_to_its_codes(admin_client: Client):
    voucher = codes("AAA", "BBB")
    stock.sell_codes(voucher.pk, 1)

    assert '?sku=mug-0">1 unsold, 1 sold</a>' in admin_client.get(page_of(voucher)).text
