"""One word says what is true of an order; everybody who is told about it is told the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pytest_django import DjangoAssertNumQueries

from payments.admin import summary
from payments.domain.verdict import READ_BY_VERDICT, Verdict, verdict_of
from payments.models import Order
from tests.payments import stories
from tests.payments.page import Page

pytestmark = pytest.mark.django_db

Story = Callable[[Page], Order]

STORIES: list[tuple[Story, Verdict]] = [
    (stories.pending, Verdict.PENDING),
    (stories.pending_too_long, Verdict.PENDING),
    (stories.unused_and_back, Verdict.PENDING),
    (stories.sold_out_meanwhile, Verdict.SOLD_OUT),
    (stories.reserved, Verdict.SIGNATURE),
    (stories.reserved_too_long, Verdict.SIGNATURE),
    (stories.paid_once_and_paying_again, Verdict.SIGNATURE),
    (stories.signed, Verdict.FINISHING),
    (stories.signed_and_cancelled, Verdict.FINISHING),
    (stories.paid, Verdict.PAID),
    (stories.paid_twice, Verdict.PAID),
    (stories.paid_twice_and_rejected, Verdict.PAID),
    (stories.failed_to_go_back, Verdict.PAID),
    (stories.honoured_for_too_little, Verdict.PAID),
    (stories.honoured_without_money, Verdict.PAID),
    (stories.honoured_and_paid_at_last, Verdict.PAID),
    (stories.asked_back, Verdict.REFUND_REQUESTED),
    (stories.shipped, Verdict.FULFILLED),
    (stories.fulfilled, Verdict.FULFILLED),
    (stories.fulfilled_and_asked_back, Verdict.FULFILLED),
    (stories.second_payment_going_back, Verdict.FULFILLED),
    (stories.honoured_without_money_and_delivered, Verdict.FULFILLED),
    (stories.expired, Verdict.EXPIRED),
    (stories.cancelled, Verdict.CANCELLED),
    (stories.review, Verdict.REVIEW),
    (stories.review_without_refund, Verdict.REVIEW),
    (stories.too_little_came, Verdict.REVIEW),
    (stories.believed_at_last, Verdict.REVIEW),
    (stories.unused, Verdict.REVIEW),
    (stories.unused_and_cancelled, Verdict.REVIEW),
    (stories.refunded_and_paid_again, Verdict.REVIEW),
    (stories.doubtful, Verdict.DOUBT),
    (stories.doubted_and_cancelled, Verdict.DOUBT),
    (stories.doubted_and_expired, Verdict.DOUBT),
    (stories.going_back, Verdict.RETURNING),
    (stories.fulfilled_and_going_back, Verdict.RETURNING),
    (stories.review_going_back, Verdict.RETURNING),
    (stories.unused_and_going_back, Verdict.RETURNING),
    (stories.refunded, Verdict.REFUNDED),
    (stories.paid_and_back, Verdict.REFUNDED),
    (stories.review_and_back, Verdict.REFUNDED),
    (stories.unused_cancelled_and_back, Verdict.REFUNDED),
]


@dataclass(frozen=True)
class Told:
    """What an order is said to be: in the buyer's list, on its page, to programs, to staff."""

    in_list: str
    on_page: str
    by_api: str
    to_staff: str


def told(page: Page, order: Order) -> Told:
    headers = {"Authorization": f"Bearer {page.token}"}
    rows = page.client.get("/fragments/orders/", headers=headers).content.decode()
    receipt = page.client.get(f"/fragments/orders/{order.reference}/", headers=headers).content.decode()
    answer = page.client.get(f"/api/orders/{order.reference}/", headers=headers).json()
    row = rows[rows.index(order.reference) :]
    return Told(
        in_list=re.search(r'class="state[^>]*>([^<]+)', row)[1],
        on_page=re.search(r'class="verdict.*?<h2>([^<]+)', receipt, re.DOTALL)[1],
        by_api=answer["verdict"],
        to_staff=summary.describe_order(Order.objects.get(pk=order.pk)),
    )


SHIPS = "(Paid|Counts as paid, although .* arrived)[.] [12] items? to ship"
PAYING = "The (buyer is paying|goods are held)"
UNDECIDED = "Needs review: .* Hand the goods over|.*, but .* arrived that cannot pay for it"
DELIVERED = "(Paid|Counts as paid, although .* arrived), and everything is delivered"

# Per verdict the words in the list, those on the page, and the beginning of what staff read.
WORDS: dict[Verdict, tuple[str, str, str]] = {
    Verdict.PENDING: ("Not paid yet", "Ready to pay", "Not paid (yet|in time)"),
    Verdict.SOLD_OUT: ("Sold out", "Sold out before you paid", "Not paid yet.* not enough left"),
    Verdict.SIGNATURE: (
        "Payment in progress",
        "Payment in progress",
        PAYING,
    ),
    Verdict.FINISHING: ("Confirming payment", "We are confirming your payment", "The buyer has signed"),
    Verdict.PAID: ("Paid, not shipped yet", "Thank you for your payment", SHIPS),
    Verdict.REFUND_REQUESTED: (
        "Refund under review",
        "Your refund is under review",
        "Paid, but do not ship",
    ),
    Verdict.FULFILLED: ("Paid and (shipped|delivered)", "Paid and (shipped|delivered)", DELIVERED),
    Verdict.EXPIRED: ("Expired", "This order has expired", "Expired: nobody paid in time"),
    Verdict.CANCELLED: ("Cancelled", "This order was cancelled", "Cancelled; nothing was paid"),
    Verdict.REVIEW: (
        "Under review",
        "We have received your payment",
        UNDECIDED,
    ),
    Verdict.DOUBT: ("Checking payment", "We are checking your payment", ".*does not verify"),
    Verdict.RETURNING: ("Refund on its way", "Your refund is on its way", ".*is on its way( back)?[.:]"),
    Verdict.REFUNDED: ("Refunded", "This order was refunded", "Everything that was paid has been refunded"),
}


@pytest.mark.parametrize(("story", "verdict"), STORIES)
def test_list_page_api_and_admin_say_the_same_of_every_story(
    alice: Page, story: Story, verdict: Verdict
) -> None:
    order = story(alice)

    said = told(alice, order)

    in_list, on_page, to_staff = WORDS[verdict]
    assert said.by_api == verdict_of(Order.objects.get(pk=order.pk)) == verdict
    assert re.fullmatch(in_list, said.in_list)
    assert re.fullmatch(on_page, said.on_page)
    assert re.match(to_staff, said.to_staff), said.to_staff


def test_every_verdict_has_its_words_and_its_story() -> None:
    assert list(WORDS) == list(dict.fromkeys(verdict for _, verdict in STORIES)) == list(Verdict)


@pytest.mark.parametrize("story", [stories.shipped, stories.fulfilled])
def test_list_and_page_agree_on_whether_something_was_shipped(alice: Page, story: Story) -> None:
    said = told(alice, story(alice))

    assert said.in_list == said.on_page


def test_a_refund_that_failed_is_not_on_its_way(alice: Page) -> None:
    order = stories.failed_to_go_back(alice)

    headers = {"Authorization": f"Bearer {alice.token}"}
    receipt = alice.client.get(f"/fragments/orders/{order.reference}/", headers=headers).content.decode()

    assert "is under review by our staff" in receipt
    assert "is on its way to your wallet" not in receipt


def test_verdicts_of_many_orders_ask_no_more_than_that_of_one(
    alice: Page, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for story in (stories.pending, stories.asked_back, stories.review, stories.refunded, stories.doubtful):
        story(alice)

    # The orders; their lines and variants, payments, refunds.
    with django_assert_num_queries(5):
        found = [verdict_of(order) for order in Order.objects.prefetch_related(*READ_BY_VERDICT)]

    assert sorted(found) == ["doubt", "pending", "refund_requested", "refunded", "review"]
