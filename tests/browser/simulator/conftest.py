"""A real browser with the simulated phone, which shows a tiny shop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from pi_simulator import Pioneer, Simulator
from pi_simulator.server import running
from tests.browser.phone import TIMEOUT_MILLISECONDS

from .tiny_shop import TinyShop, open_shop


@dataclass(frozen=True)
class Phone:
    """The page, and the shop's page inside it."""

    page: Page
    base: str

    @property
    def app(self) -> FrameLocator:
        return self.page.frame_locator("#app-frame")

    def take_up(self, query: str = "") -> None:
        """Open the phone, with callbacks repeated every 0.1 seconds instead of every ten."""
        self.page.goto(f"{self.base}/?repeat=100{query}")

    def sign_in(self, *, says: str = "hello alice") -> None:
        self.app.locator("#sign-in").click()
        self.page.locator("#consent-allow").click()
        self.expect_log(says)

    def buy(self) -> None:
        self.app.locator("#buy").click()

    def pay(self) -> None:
        self.page.locator("#wallet-pay").click()

    def expect_log(self, text: str) -> None:
        """Wait until the shop's page has written a line with that text."""
        expect(self.app.locator("#log li").filter(has_text=text).first).to_be_visible()

    def expect_status(self, text: str) -> None:
        """Wait until the wallet shows that text."""
        expect(self.page.locator("#wallet-status")).to_have_text(text)


@pytest.fixture
def pi() -> Simulator:
    """Return a Pi for the tiny shop."""
    return Simulator()


@pytest.fixture
def alice(pi: Simulator) -> Pioneer:
    return pi.pioneer("alice")


@pytest.fixture
def base(pi: Simulator) -> Iterator[str]:
    with running(pi) as address:
        yield address


@pytest.fixture
def tiny_shop(pi: Simulator, base: str) -> Iterator[TinyShop]:
    with open_shop(pi, base) as shop:
        pi.shop_url = shop.url
        yield shop


@pytest.fixture
def phone(browser: Browser, base: str, tiny_shop: TinyShop, alice: Pioneer) -> Iterator[Phone]:
    """Yield alice's phone; fail if its page raises an error."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT_MILLISECONDS)
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    phone = Phone(page, base)
    phone.take_up()
    yield phone
    page.close()
    assert mistakes == []
