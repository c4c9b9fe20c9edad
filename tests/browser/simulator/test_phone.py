"""Buying on the simulated phone, as a pioneer sees it."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from pi_simulator import Simulator

from .conftest import Phone
from .tiny_shop import TinyShop

# The phone refreshes its state of Pi only when the test says so.
HOLD_LOOKS = """() => {
  const { fetch } = window;
  window.looks = [];
  window.fetch = async (path, ...rest) => {
    if (path === "/_control/state") await new Promise((look) => window.looks.push(look));
    return fetch(path, ...rest);
  };
}"""


def only_payment(pi: Simulator) -> str:
    [payment] = pi.state()["payments"]
    return str(payment["identifier"])


def test_a_pioneer_signs_in_and_pays(pi: Simulator, phone: Phone) -> None:
    phone.sign_in()
    phone.buy()
    expect(phone.page.locator("#wallet-amount")).to_have_text("1.5")
    expect(phone.page.locator("#wallet-memo")).to_have_text("A pot of tea")

    phone.pay()

    phone.expect_status("Done ✓")
    phone.expect_log("complete 200")
    assert pi.payment(only_payment(pi))["status"]["developer_completed"] is True
    phone.page.locator("#wallet-close").click()
    expect(phone.page.locator("#wallet")).to_be_hidden()


def test_the_buyer_cannot_pay_before_the_app_has_approved(phone: Phone, tiny_shop: TinyShop) -> None:
    tiny_shop.deaf_to = {"approve"}
    phone.sign_in()
    phone.buy()
    phone.expect_status("Waiting for the app to approve…")
    expect(phone.page.locator("#wallet-pay")).to_be_disabled()

    tiny_shop.deaf_to = set()

    phone.expect_status("The app has approved. Pay now?")
    expect(phone.page.locator("#wallet-pay")).to_be_enabled()


def test_a_callback_is_made_six_times_in_all(phone: Phone, tiny_shop: TinyShop) -> None:
    tiny_shop.deaf_to = {"approve"}
    phone.sign_in()
    phone.buy()
    calls = phone.app.locator("#log li").filter(has_text="approve 503")
    expect(calls).to_have_count(6)

    phone.page.wait_for_timeout(500)

    expect(calls).to_have_count(6)


def test_the_completion_callback_is_repeated_until_the_payment_is_completed(
    phone: Phone, tiny_shop: TinyShop
) -> None:
    tiny_shop.deaf_to = {"complete"}
    phone.sign_in()
    phone.buy()
    phone.pay()
    phone.expect_status("Paid. Waiting for the app to complete…")
    phone.expect_log("complete 503")

    tiny_shop.deaf_to = set()

    phone.expect_status("Done ✓")


def test_the_buyer_can_cancel_in_the_wallet(pi: Simulator, phone: Phone) -> None:
    phone.sign_in()
    phone.buy()

    phone.page.locator("#wallet-cancel").click()

    identifier = only_payment(pi)
    phone.expect_log(f"onCancel {identifier}")
    assert pi.payment(identifier)["status"]["user_cancelled"] is True


def test_the_wallet_expires_after_a_minute(pi: Simulator, phone: Phone, tiny_shop: TinyShop) -> None:
    tiny_shop.deaf_to = {"approve"}
    phone.sign_in()
    phone.buy()
    phone.expect_status("Waiting for the app to approve…")

    pi.clock.move(seconds=60)

    phone.expect_status("The app did not approve in time. Nothing was paid.")
    phone.expect_log(f"onCancel {only_payment(pi)}")


def test_the_wallet_says_that_the_app_cancelled(pi: Simulator, phone: Phone, tiny_shop: TinyShop) -> None:
    tiny_shop.deaf_to = {"approve"}
    phone.sign_in()
    phone.buy()
    phone.expect_status("Waiting for the app to approve…")

    pi.cancel(only_payment(pi))

    phone.expect_status("The app cancelled the payment. Nothing was paid.")
    phone.expect_log("onCancel")


def test_the_wallet_says_when_there_is_not_enough(pi: Simulator, phone: Phone) -> None:
    pi.pioneer("alice", balance="1")
    phone.sign_in()
    phone.buy()

    phone.pay()

    phone.expect_status("The wallet needs 1.51 Pi and holds less.")


def test_a_closed_app_learns_of_the_payment_when_it_is_reopened(pi: Simulator, phone: Phone) -> None:
    pi.faults.add("close_after_paying", times=1)
    phone.sign_in()
    phone.buy()
    phone.pay()

    phone.page.locator("#reopen-app").click()
    phone.app.locator("#sign-in").click()

    phone.expect_log(f"incomplete {only_payment(pi)}")
    phone.expect_log("complete 200")


def test_an_answer_for_a_closed_app_is_dropped(phone: Phone) -> None:
    phone.sign_in()
    phone.page.evaluate(HOLD_LOOKS)
    phone.buy()
    # One is the phone's own, another the app's, which asks for the wallet to open.
    phone.page.wait_for_function("() => window.looks.length > 1")

    phone.page.locator("#app-frame").evaluate("frame => { frame.src = 'about:blank'; }")
    expect(phone.app.locator("#log")).to_have_count(0)
    phone.page.evaluate("() => window.looks.forEach((look) => look())")

    phone.expect_status("The app has approved. Pay now?")


def test_an_open_payment_without_transaction_is_found_as_incomplete(
    pi: Simulator, phone: Phone, tiny_shop: TinyShop
) -> None:
    tiny_shop.deaf_to = {"approve"}
    phone.sign_in()
    phone.buy()
    phone.expect_status("Waiting for the app to approve…")

    phone.page.locator("#reload-app").click()
    expect(phone.page.locator("#wallet")).to_be_hidden()
    phone.app.locator("#sign-in").click()

    phone.expect_log(f"incomplete {only_payment(pi)}")
    phone.expect_log("cancel 200")


def test_a_pending_payment_blocks_the_next(pi: Simulator, phone: Phone, tiny_shop: TinyShop) -> None:
    tiny_shop.deaf_to = {"complete"}
    phone.sign_in()
    phone.buy()
    phone.pay()
    phone.page.locator("#wallet-close").click()
    pending = only_payment(pi)

    phone.buy()

    phone.expect_log(f"onError A pending payment needs to be handled. {pending}")
    phone.expect_log(f"incomplete {pending}")
    expect(phone.page.locator("#toast")).to_contain_text("You already have a pending payment")


def test_a_pioneer_may_refuse_to_sign_in(phone: Phone) -> None:
    phone.app.locator("#sign-in").click()

    phone.page.locator("#consent-deny").click()

    phone.expect_log("sign-in failed: User consent cancelled.")


def test_paying_needs_a_sign_in_of_this_page_load(phone: Phone) -> None:
    phone.sign_in()
    phone.page.locator("#reload-app").click()
    expect(phone.app.locator("#log li")).to_have_count(0)

    phone.buy()

    phone.expect_log('buy failed: Cannot create a payment without "payments" scope')


def test_signing_in_outside_the_pi_browser_times_out_after_two_minutes(
    browser: Browser, tiny_shop: TinyShop
) -> None:
    page = browser.new_page()
    page.clock.install()
    page.goto(tiny_shop.url)
    page.locator("#sign-in").click()

    page.clock.fast_forward("02:00")

    expect(page.locator("#log li")).to_have_text(
        "sign-in failed: Messaging promise with id 0 timed out after 120000ms."
    )
    page.close()


def test_another_site_in_the_frame_is_not_answered(phone: Phone, tiny_shop: TinyShop) -> None:
    registered = tiny_shop.url.replace("127.0.0.1", "localhost")
    phone.take_up(f"&shop={registered}")
    expect(phone.app.locator("#sign-in")).to_be_visible()
    phone.page.frames[1].goto(tiny_shop.url)

    phone.app.locator("#sign-in").click()
    phone.page.wait_for_timeout(500)

    assert phone.app.locator("body").evaluate("() => location.href") == tiny_shop.url
    expect(phone.page.locator("#consent")).to_be_hidden()
