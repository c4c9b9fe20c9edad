"""A phone for tests: the simulated Pi Browser in Chromium, with the shop in its frame."""

from __future__ import annotations

from urllib.parse import urlencode

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Frame,
    FrameLocator,
    Locator,
    Page,
    Response,
    expect,
)

# Pi's address in the tests' settings; the browser finds the simulator there, whatever its port.
PI = "http://localhost:8314"
SIZE = {"width": 390, "height": 844}
# Generous, for a busy machine.
TIMEOUT_MILLISECONDS = 30_000
# The SDK repeats its callbacks every ten seconds, too long for a test.
REPEAT_MILLISECONDS = 400


class Phone:
    """One pioneer's phone.

    `complaints` are the browser's errors and warnings about the shop's pages: blocked by their policy,
    failed, thrown. `cookies` are the addresses of responses that set one.
    """

    def __init__(self, browser: Browser, shop: str, pioneer: str = "alice") -> None:
        self.shop, self.pioneer = shop, pioneer
        self.complaints: list[str] = []
        self.cookies: list[str] = []
        self.context: BrowserContext = browser.new_context(viewport=SIZE, accept_downloads=True)
        self.context.set_default_timeout(TIMEOUT_MILLISECONDS)
        self.page = self.new_tab()

    def new_tab(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self._look_for_cookies)
        return page

    def open(self, path: str = "/", page: Page | None = None) -> FrameLocator:
        """Open the shop in the Pi Browser, and return its frame."""
        page = page or self.page
        query = urlencode({"shop": self.shop + path, "pioneer": self.pioneer, "repeat": REPEAT_MILLISECONDS})
        page.goto(f"{PI}/?{query}")
        return page.frame_locator("#app-frame")

    def sign_in(self, path: str = "/") -> FrameLocator:
        """Open the shop for the first time, and consent to sign in."""
        app = self.open(path)
        self.page.click("#consent-allow")
        expect(app.get_by_text(f"@{self.pioneer}")).to_be_visible()
        return app

    @property
    def app(self) -> FrameLocator:
        return self.page.frame_locator("#app-frame")

    @property
    def wallet(self) -> Locator:
        """The wallet's dialog."""
        return self.page.locator("#wallet")

    def sign(self) -> None:
        """Confirm in the wallet, once the shop has approved."""
        self.page.click("#wallet-pay:enabled")

    def leave_wallet(self) -> None:
        """Go back to the app, once the wallet has finished."""
        self.page.click("#wallet-close")

    def pay(self) -> None:
        """Pay on the order's page, wait until the wallet says that all is done, and return to the shop."""
        self.app.locator(".pay-button").click()
        self.sign()
        expect(self.wallet).to_have_attribute("data-stage", "done")
        self.leave_wallet()

    def requests(self) -> list[str]:
        """Return a list to which the address of every request of the page is added from now on."""
        asked: list[str] = []
        self.page.on("request", lambda request: asked.append(request.url))
        return asked

    def go_back(self) -> None:
        """Go one step back in the shop's history."""
        self.frame().evaluate("history.back()")

    def change_size(self, width: int, text: str) -> None:
        """Make the screen `width` pixels wide, and set the size of its text, as in "200%"."""
        self.page.set_viewport_size(SIZE | {"width": width})
        shop = self.frame()
        shop.wait_for_function("width => window.innerWidth === width", arg=width)
        shop.evaluate("text => { document.documentElement.style.fontSize = text; }", text)

    def frame(self) -> Frame:
        return next(frame for frame in self.page.frames if frame.url.startswith(self.shop))

    def _listen(self, message: ConsoleMessage) -> None:
        is_loud = message.type in ("error", "warning") and not message.location["url"].startswith(PI)
        # htmx reports requests that were aborted because the page has changed.
        if is_loud and not message.text.startswith(("htmx:sendAbort", "htmx:afterRequest")):
            self.complaints.append(message.text)

    def _look_for_cookies(self, response: Response) -> None:
        # Asking for all headers would wait for the end of the response.
        if "set-cookie" in response.headers:
            self.cookies.append(response.url)
