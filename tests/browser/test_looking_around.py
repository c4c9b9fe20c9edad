"""Visitors who cannot buy: without Pi Browser, not signed in, or without JavaScript."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, Route, expect

from catalog.models import Product
from payments.models import Order
from pi_simulator import Simulator
from tests.browser.phone import PI, SIZE, Phone
from tests.catalog.goods import product, variant


def test_visitors_without_the_pi_browser_can_look_around_and_are_told_where_to_buy(
    browser: Browser, shop: str
) -> None:
    page = browser.new_page(viewport=SIZE)
    page.clock.install()
    page.goto(shop)

    page.clock.fast_forward(10_000)
    expect(page.get_by_text("to buy, open the Pi Browser and enter")).to_be_visible()
    page.clock.fast_forward(120_000)

    expect(page.get_by_text("To buy, open the Pi Browser on your phone and enter")).to_be_visible()
    page.get_by_role("link", name="Voucher").click()
    page.get_by_role("button", name="Add to basket").click()
    page.get_by_role("link", name="Go to the basket").click()
    expect(page.get_by_text("0.1\N{NO-BREAK SPACE}Test-π").first).to_be_visible()
    page.close()


def test_the_browser_stores_only_the_basket(browser: Browser, shop: str) -> None:
    page = browser.new_page(viewport=SIZE)
    page.goto(f"{shop}/products/voucher/")
    page.get_by_role("button", name="Add to basket").click()
    page.goto(f"{shop}/basket/")
    page.get_by_role("button", name="One more of Voucher").click()
    expect(page.get_by_text("0.2\N{NO-BREAK SPACE}Test-π").first).to_be_visible()

    assert page.evaluate("Object.entries(localStorage)") == [["basket", '{"voucher":2}']]
    assert page.context.cookies() == []
    page.get_by_role("button", name="Remove Voucher").click()
    expect(page.get_by_text("Your basket is empty")).to_be_visible()
    page.close()


def test_the_shop_without_the_sdk_is_complete_and_says_why_nobody_can_buy(
    browser: Browser, shop: str
) -> None:
    page = browser.new_page(viewport=SIZE)
    page.route(f"{PI}/**", lambda route: route.abort())
    page.goto(f"{shop}/products/voucher/")

    expect(page.get_by_text("To buy, open the Pi Browser on your phone and enter")).to_be_visible()
    page.get_by_role("button", name="Buy now").click()

    expect(page.get_by_text("To buy, open this shop in the Pi Browser and sign in.")).to_be_visible()
    assert Order.objects.count() == 0
    page.close()


def test_a_tap_before_the_script_has_loaded_does_nothing(browser: Browser, shop: str) -> None:
    page = browser.new_page(viewport=SIZE)
    held: list[Route] = []
    page.route("**/shop.js", lambda route: held.append(route))  # noqa: PLW0108  (no built-in method)
    with page.expect_request("**/shop.js"):
        page.goto(f"{shop}/products/voucher/", wait_until="commit")

    page.get_by_role("button", name="Add to basket").click()
    with page.expect_response("**/shop.js"):
        held.pop().continue_()
    page.wait_for_load_state()
    page.get_by_role("button", name="Add to basket").click()

    expect(page.get_by_text("Added to your basket")).to_be_visible()
    assert page.url == f"{shop}/products/voucher/"
    page.close()


def test_a_pioneer_who_declines_may_look_around_and_sign_in_later(phone: Phone) -> None:
    app = phone.open("/orders/")
    phone.page.click("#consent-deny")
    expect(app.get_by_text("you can look around but not buy")).to_be_visible()

    app.get_by_role("button", name="Sign in with Pi").click()
    phone.page.click("#consent-allow")

    expect(app.get_by_text("@alice")).to_be_visible()
    expect(app.get_by_text("You have not ordered anything yet")).to_be_visible()


def test_the_page_waits_for_a_slow_sign_in(phone: Phone) -> None:
    app = phone.open()
    expect(app.get_by_text("Still waiting for Pi to sign you in")).to_be_visible()

    phone.page.click("#consent-allow")

    expect(app.get_by_text("@alice")).to_be_visible()
    expect(app.get_by_text("Still waiting for Pi to sign you in")).to_be_hidden()


def test_a_failed_sign_in_can_be_repeated(phone: Phone, pi: Simulator) -> None:
    pi.faults.add("down", path="/me", times=1)
    app = phone.open()
    phone.page.clock.install()
    phone.page.click("#consent-allow")
    expect(app.get_by_text("Pi is not answering right now")).to_be_visible()

    phone.page.clock.fast_forward(15_000)

    expect(app.get_by_text("@alice")).to_be_visible()


def test_a_visit_of_many_pages_signs_in_once(phone: Phone, pi: Simulator) -> None:
    app = phone.sign_in()

    app.get_by_role("link", name="Mug").click()
    expect(app.get_by_role("button", name="Buy now")).to_be_visible()
    app.get_by_role("link", name="Orders").click()
    expect(app.get_by_text("You have not ordered anything yet")).to_be_visible()
    phone.go_back()
    expect(app.get_by_role("button", name="Buy now")).to_be_visible()
    phone.go_back()
    expect(app.get_by_role("heading", name="Good things, paid for with Pi")).to_be_visible()

    expect(app.get_by_text("@alice")).to_be_visible()
    asked = [call for call in pi.calls if call.path.endswith("/me")]
    # Once by the SDK, once by our server.
    assert len(asked) == 2
    assert phone.complaints == []


def test_the_keyboard_alone_is_enough_to_buy(phone: Phone) -> None:
    app = phone.sign_in("/products/voucher/")

    app.get_by_role("button", name="Buy now").press("Enter")
    app.locator(".pay-button").press("Enter")
    phone.page.locator("#wallet-pay:enabled").press("Enter")
    phone.page.locator("#wallet-close").press("Enter")

    expect(app.get_by_text("CODE-000")).to_be_visible()


def test_the_catalogue_can_be_read_without_javascript(browser: Browser, shop: str) -> None:
    page: Page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(shop)
    page.get_by_role("link", name="Voucher").click()

    expect(page.get_by_role("heading", name="Voucher")).to_be_visible()
    expect(page.locator(".sign-in noscript .note")).to_be_visible()
    expect(page.get_by_role("button", name="Buy now")).to_be_hidden()
    page.context.close()


def test_a_page_that_does_not_exist_says_so_without_leaving_the_shop(phone: Phone) -> None:
    app = phone.sign_in("/orders/XXXX-XXXX-XX/")

    expect(app.get_by_role("heading", name="We can’t find this order")).to_be_visible()


def test_an_unpublished_product_shows_the_not_found_page(phone: Phone) -> None:
    app = phone.sign_in()
    Product.objects.filter(slug="mug").update(published=False)

    app.get_by_role("link", name="Mug").click()

    expect(app.get_by_role("heading", name="Page not found")).to_be_visible()
    expect(app.get_by_text("@alice")).to_be_visible()


def test_a_page_stays_and_says_so_when_the_network_fails(phone: Phone) -> None:
    for n in range(8):
        variant(product(f"Shirt{n}"))
    app = phone.sign_in()
    phone.context.set_offline(True)
    app.get_by_role("link", name="Voucher").click()  # the last one, far below the notice
    expect(app.get_by_text("We could not load that page")).to_be_in_viewport()
    phone.context.set_offline(False)

    app.get_by_role("link", name="Voucher").click()

    expect(app.get_by_role("button", name="Buy now")).to_be_visible()


LONG = "Hand-thrown mug for the Donaudampfschifffahrtsgesellschaftskapitänswitwe, with saucer and spoon"

# What sticks out of the screen, and what a thumb would miss. A link within a sentence may be as low as its
# line, and a number can be typed into a field as narrow as two digits, because buttons stand beside it.
MISFITS = """() => {
  const misfits = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) misfits.push("the page scrolls sideways");
  for (const thing of document.querySelectorAll("a, button, input:not([type=radio]), textarea, .option")) {
    const { width: across, height, right } = thing.getBoundingClientRect();
    if (!across || thing.matches(".skip, p a")) continue;
    const name = `${thing.tagName} ${thing.className} ${thing.textContent.trim()}`;
    const least = thing.type === "number" ? 26 : 44;
    if (across < least || height < 44) misfits.push(`${name}: ${across} x ${height}`);
    if (right > width && !thing.closest(".chips")) misfits.push(`${name}: sticks out`);
  }
  return misfits;
}"""


def test_every_page_fits_the_screen_and_its_controls_can_be_tapped(phone: Phone) -> None:
    Product.objects.filter(slug="mug").update(name=LONG)
    app = phone.sign_in("/products/voucher/")
    app.get_by_role("button", name="Buy now").click()
    phone.pay()
    expect(app.locator(".code-box")).to_be_visible()
    receipt = f"/orders/{Order.objects.get().reference}/"

    misfits = {}
    for path in ("/", "/products/mug/", "/basket/?line=mug:2", receipt, "/orders/"):
        app = phone.open(path)
        expect(app.get_by_text("@alice")).to_be_visible()
        expect(app.locator(".waiting:visible")).to_have_count(0)
        # A phone, a small phone, and one with large text.
        for width, text in ((390, "100%"), (320, "100%"), (390, "200%")):
            phone.change_size(width, text)
            misfits[path, width, text] = app.locator("html").evaluate(MISFITS)

    assert {where: found for where, found in misfits.items() if found} == {}
