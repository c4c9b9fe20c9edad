"""Complete purchases in a real browser, in the frame of a simulated Pi Browser."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django import Settings

from catalog.models import Variant
from payments.domain.reconciliation import reconcile_due
from payments.models import DeliveredCode, Event, Order, PiPayment
from payments.moves import Author
from pi_simulator import Simulator
from pi_simulator.calls import Call
from storefront import downloads
from tests.browser.phone import PI, Phone
from tests.catalog.goods import counted

# The calls of Pi's SDK: to create a payment, and to find an incomplete one.
OPEN = "/v2/payments/user_to_app"
INCOMPLETE = f"{PI}/v2/payments/incomplete"


def only_order() -> tuple[str, int, int]:
    """Return the status of the only order, its payments, and the codes sold."""
    order = Order.objects.get()
    return order.status, order.payments.count(), DeliveredCode.objects.count()


def stock(sku: str) -> tuple[int, int]:
    return counted(Variant.objects.get(sku=sku))


def reconcile() -> None:
    PiPayment.objects.exclude(next_check_at=None).update(next_check_at=timezone.now() - timedelta(seconds=1))
    list(reconcile_due(proceed=lambda: True, by=Author("reconcile_payments", "reconcile")))


def test_a_buyer_pays_for_one_product_in_a_few_taps_without_a_cookie(phone: Phone) -> None:
    app = phone.sign_in()

    app.get_by_role("link", name="Voucher").click()
    app.get_by_role("button", name="Buy now").click()
    phone.pay()

    expect(app.get_by_role("heading", name="Paid and delivered")).to_be_visible()
    expect(app.get_by_text("CODE-000")).to_be_visible()
    expect(app.locator(".pay-button")).to_have_count(0)
    assert only_order() == ("fulfilled", 1, 1)
    assert (phone.complaints, phone.cookies, phone.context.cookies()) == ([], [], [])


# Replaces every text that is not marked, as a browser's translator does, and keeps what is copied.
TRANSLATE = """
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); )
    if (node.data.trim() && !node.parentElement.closest("[translate=no]")) node.data = "перевод";
  navigator.clipboard.writeText = async (text) => (window.copied = text);
"""


def test_a_translated_receipt_shows_and_copies_the_code_that_was_bought(phone: Phone) -> None:
    app = phone.sign_in()
    app.get_by_role("link", name="Voucher").click()
    app.get_by_role("button", name="Buy now").click()
    phone.pay()
    expect(app.get_by_text("CODE-000")).to_be_visible()
    frame = phone.frame()

    frame.evaluate(f"() => {{ {TRANSLATE} }}")
    app.locator("[data-copy='CODE-000']").click()

    expect(app.get_by_text("CODE-000")).to_be_visible()
    expect(app.get_by_text("Copied")).to_be_visible()
    assert frame.evaluate("window.copied") == "CODE-000"


def test_a_buyer_pays_for_a_basket_of_different_goods(phone: Phone) -> None:
    book = Path(django_settings.DOWNLOADS_ROOT) / "goods" / "book.pdf"
    book.parent.mkdir(parents=True, exist_ok=True)
    book.write_bytes(b"once upon a time")
    app = phone.sign_in()

    for name in ("Mug", "Book", "Voucher"):
        app.get_by_role("link", name=name, exact=False).first.click()
        app.get_by_role("button", name="One more").click()
        app.get_by_role("button", name="Add to basket").click()
        expect(app.get_by_text("Added to your basket")).to_be_visible()
        app.get_by_role("link", name="pistore").click()
    app.get_by_role("link", name="Basket 6").click()
    app.get_by_role("button", name="One more of Voucher").click()
    expect(app.get_by_text("3.8\N{NO-BREAK SPACE}Test-π")).to_be_visible()
    app.get_by_label("Name").fill("Alice Example")
    app.get_by_label("Address").fill("1 Main Street\nSpringfield")
    app.get_by_role("button", name="Continue to payment").click()
    phone.pay()

    expect(app.get_by_role("heading", name="Thank you for your payment")).to_be_visible()
    expect(app.locator(".code-box")).to_have_count(3)
    expect(app.get_by_text("1 Main Street")).to_be_visible()
    with phone.page.expect_download() as download:
        app.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == b"once upon a time"
    assert only_order() == ("paid", 1, 3)
    assert (stock("mug"), stock("voucher")) == ((0, 8), (0, 17))
    expect(app.locator(".badge")).to_be_hidden()
    assert (phone.complaints, phone.cookies) == ([], [])


def test_an_expired_download_link_leads_to_a_new_one(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Path(django_settings.DOWNLOADS_ROOT) / "goods" / "book.pdf"
    book.parent.mkdir(parents=True, exist_ok=True)
    book.write_bytes(b"once upon a time")
    app = phone.sign_in("/products/book/")
    app.get_by_role("button", name="Buy now").click()
    phone.pay()
    expect(app.get_by_role("heading", name="Paid and delivered")).to_be_visible()

    with monkeypatch.context() as later:
        later.setattr(downloads, "VALID_FOR", timedelta(seconds=-1))
        app.get_by_role("link", name="Download").click()
        expect(app.get_by_role("heading", name="This link has expired")).to_be_visible()
    app.get_by_role("link", name="Go to my orders").click()
    app.locator(".order-row").click()

    with phone.page.expect_download() as download:
        app.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == b"once upon a time"


def test_an_order_cancelled_in_the_wallet_costs_nothing_and_can_be_paid_later(phone: Phone) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()

    app.locator(".pay-button").click()
    expect(phone.wallet).to_have_attribute("data-stage", "ready")
    assert stock("voucher") == (1, 20)
    phone.page.click("#wallet-cancel")

    expect(app.get_by_role("heading", name="Payment cancelled")).to_be_visible()
    expect(app.locator(".pay-button")).to_be_enabled()
    assert (only_order(), stock("voucher")) == (("pending", 1, 0), (0, 20))

    phone.pay()

    expect(app.get_by_text("CODE-000")).to_be_visible()
    assert (only_order(), stock("voucher")) == (("fulfilled", 2, 1), (0, 19))


def test_a_second_tap_makes_no_second_payment(phone: Phone, pi: Simulator) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").dblclick()

    app.locator(".pay-button").dblclick()
    phone.sign()

    expect(phone.wallet).to_have_attribute("data-stage", "done")
    assert len(pi.state()["payments"]) == 1
    assert only_order() == ("fulfilled", 1, 1)


def test_the_app_closes_after_paying_and_the_buyer_returns(phone: Phone, pi: Simulator) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    pi.faults.add("close_after_paying", times=1)

    app.locator(".pay-button").click()
    phone.sign()
    phone.page.click("#reopen-app")

    expect(app.get_by_text("A payment that you started earlier has arrived")).to_be_visible()
    app.get_by_role("link", name="See your orders").click()
    app.get_by_role("link", name="Voucher").click()
    expect(app.get_by_text("CODE-000")).to_be_visible()
    app.get_by_role("link", name="Back to the shop").click()
    app.get_by_role("link", name="Voucher").click()
    app.get_by_role("button", name="Buy now").click()
    phone.pay()
    expect(app.get_by_text("CODE-001")).to_be_visible()
    assert phone.complaints == []


def test_the_app_closes_after_paying_and_the_buyer_comes_back_when_all_is_done(
    phone: Phone, pi: Simulator
) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    pi.faults.add("close_after_paying", times=1)
    app.locator(".pay-button").click()
    phone.sign()
    expect(phone.page.locator("#reopen-app")).to_be_visible()

    reconcile()
    app = phone.open(f"/orders/{Order.objects.get().reference}/")

    expect(app.get_by_text("CODE-000")).to_be_visible()
    assert only_order() == ("fulfilled", 1, 1)


def test_the_app_closes_before_paying_and_the_order_can_still_be_paid(phone: Phone) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    app.locator(".pay-button").click()
    expect(phone.wallet).to_have_attribute("data-stage", "ready")

    app = phone.open(f"/orders/{Order.objects.get().reference}/")

    expect(app.get_by_role("heading", name="Ready to pay")).to_be_visible()
    assert stock("voucher") == (0, 20)
    phone.pay()
    expect(app.get_by_text("CODE-000")).to_be_visible()


def test_the_goods_sell_out_while_the_wallet_opens(phone: Phone, pi: Simulator) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    expect(app.locator(".pay-button")).to_be_visible()
    Variant.objects.filter(sku="voucher").update(on_hand=0)

    app.locator(".pay-button").click()

    expect(app.get_by_role("heading", name="Sold out before you paid")).to_be_visible()
    expect(phone.wallet).to_have_attribute("data-stage", "cancelled")
    phone.leave_wallet()
    expect(app.locator(".pay-button")).to_have_count(0)
    assert only_order() == ("pending", 1, 0)
    assert pi.state()["payments"][0]["status"]["cancelled"] is True

    app.get_by_role("button", name="Change this order").click()
    expect(app.get_by_text("Sold out. Please remove it.")).to_be_visible()
    assert only_order() == ("cancelled", 1, 0)


def test_an_earlier_payment_blocks_the_next_only_until_it_is_settled(phone: Phone, pi: Simulator) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    pi.faults.add("close_after_paying", times=1)
    pi.faults.add("down", path="/complete")
    app.locator(".pay-button").click()
    phone.sign()
    phone.page.click("#reopen-app")
    app.get_by_role("button", name="Buy now").click()

    app.locator(".pay-button").click()
    expect(app.get_by_role("heading", name="An earlier payment was still open")).to_be_visible()
    pi.faults.clear()
    reconcile()
    phone.pay()

    expect(app.get_by_text("CODE-001")).to_be_visible()
    assert list(Order.objects.values_list("status", flat=True)) == ["fulfilled", "fulfilled"]
    assert Event.objects.filter(cause="report_error", note__contains="pending payment").exists()


@pytest.mark.parametrize("step", ["approve", "complete"])
def test_pi_is_down_for_a_while_and_no_payment_is_lost(phone: Phone, pi: Simulator, step: str) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    pi.faults.add("down", path=f"/{step}")

    app.locator(".pay-button").click()
    if step == "complete":
        phone.sign()
    expect(app.get_by_role("heading", name="Pi is not answering")).to_be_visible()
    expect(app.locator(".pay-button")).to_be_hidden()
    pi.faults.clear()
    if step == "approve":
        phone.sign()

    expect(app.get_by_text("CODE-000")).to_be_visible()
    assert only_order() == ("fulfilled", 1, 1)


def test_a_completion_whose_answer_was_lost_is_repeated(phone: Phone, pi: Simulator) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    phone.page.clock.install()
    pi.faults.add("lose_answer", path="/complete", times=1)
    app.locator(".pay-button").click()
    phone.sign()
    # Pi has completed it, so the SDK is content and says nothing more.
    expect(phone.wallet).to_have_attribute("data-stage", "done")
    expect(app.get_by_role("heading", name="Pi is not answering")).to_be_visible()

    phone.page.clock.fast_forward(12_000)

    expect(app.get_by_text("CODE-000")).to_be_visible()
    assert only_order() == ("fulfilled", 1, 1)


def test_an_order_open_in_two_windows_is_paid_once(phone: Phone, pi: Simulator) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    expect(app.locator(".pay-button")).to_be_visible()
    other = phone.new_tab()
    second = phone.open(f"/orders/{Order.objects.get().reference}/", other)
    expect(second.locator(".pay-button")).to_be_visible()

    phone.pay()
    second.locator(".pay-button").click()

    expect(second.get_by_text("CODE-000")).to_be_visible()
    expect(second.locator(".pay-button")).to_have_count(0)
    assert only_order()[::2] == ("fulfilled", 1)
    assert [payment["signed"] for payment in pi.state()["payments"]].count(True) == 1


def test_an_expired_order_can_be_reopened(phone: Phone) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    expect(app.locator(".pay-button")).to_be_visible()
    Order.objects.update(status="expired")

    app = phone.open(f"/orders/{Order.objects.get().reference}/")
    app.get_by_role("button", name="Try again").click()
    phone.pay()

    expect(app.get_by_text("CODE-000")).to_be_visible()


def test_an_open_page_tells_that_its_order_has_expired(phone: Phone, settings: Settings) -> None:
    settings.ORDER_HOLD_MINUTES = 1
    phone.page.clock.install()
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    expect(app.locator(".pay-button")).to_be_visible()
    Order.objects.update(status="expired")

    phone.page.clock.fast_forward(61_000)

    expect(app.get_by_role("heading", name="This order has expired")).to_be_visible()


def test_an_expired_token_is_renewed_without_asking_the_buyer(phone: Phone, settings: Settings) -> None:
    app = phone.sign_in("/products/voucher/")
    settings.SECRET_KEY = "a new one, so that every earlier token has expired"

    app.get_by_role("button", name="Buy now").click()
    phone.pay()

    expect(app.get_by_text("CODE-000")).to_be_visible()


def test_a_token_that_expires_while_the_wallet_is_open_stops_no_payment(
    phone: Phone, settings: Settings
) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    app.locator(".pay-button").click()
    expect(phone.wallet).to_have_attribute("data-stage", "ready")
    asked = phone.requests()

    with phone.page.expect_response(INCOMPLETE):
        settings.SECRET_KEY = "a new one, so that every earlier token has expired"
    phone.sign()

    expect(app.get_by_text("CODE-000")).to_be_visible()
    assert only_order() == ("fulfilled", 1, 1)
    assert f"{phone.shop}/payments/incomplete" not in asked


def test_an_expired_token_does_not_stop_a_payment_that_pi_has_just_opened(
    phone: Phone, pi: Simulator, settings: Settings
) -> None:
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    reported = threading.Event()
    pi.after_call = lambda call: call.path == OPEN and reported.wait(20)
    asked = phone.requests()

    app.locator(".pay-button").click()
    with phone.page.expect_response(INCOMPLETE):
        settings.SECRET_KEY = "a new one, so that every earlier token has expired"
    reported.set()
    phone.sign()

    expect(app.get_by_text("CODE-000")).to_be_visible()
    assert only_order() == ("fulfilled", 1, 1)
    assert f"{phone.shop}/payments/incomplete" not in asked


def test_a_payment_whose_wallet_never_opened_is_cancelled(
    phone: Phone, pi: Simulator, settings: Settings
) -> None:
    def lose_the_answer(call: Call) -> None:
        if call.path == OPEN:
            raise ConnectionAbortedError

    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    pi.after_call = lose_the_answer
    app.locator(".pay-button").click()
    expect(app.get_by_role("heading", name="The wallet reported a problem")).to_be_visible()
    settings.SECRET_KEY = "a new one, so that every earlier token has expired"

    with phone.page.expect_response(f"{phone.shop}/payments/incomplete"):
        app.get_by_role("button", name="Cancel this order").click()

    (payment,) = pi.payments()
    assert payment["status"]["cancelled"] is True
