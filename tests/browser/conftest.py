"""A browser (`make test-browser` installs one if necessary), the shop and Pi as servers, and phones.

Shop and Pi are different sites, as in reality: 127.0.0.1 and localhost.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from pi_simulator import Simulator
from pi_simulator.server import running
from tests.browser.ensure_chromium import find
from tests.browser.phone import PI, TIMEOUT_MILLISECONDS, Phone
from tests.payments.page import shelf

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


expect.set_options(timeout=TIMEOUT_MILLISECONDS)


@pytest.fixture(scope="session")
def pi_port() -> int:
    """Return a free port for the simulated Pi."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def browser(pi_port: int) -> Iterator[Browser]:
    # Playwright runs an event loop in this thread, so Django takes this for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    # The pages' security policy names Pi's address from the settings; the browser maps it to our port.
    found_at = f"--host-resolver-rules=MAP {PI.removeprefix('http://')} 127.0.0.1:{pi_port}"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find(), args=[*_as_root(), *QUIET, found_at])
        yield chromium
        chromium.close()


def _as_root() -> list[str]:
    """Return the option without which Chromium refuses to start as root."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


@pytest.fixture
def pi(settings: Settings, pi_port: int) -> Iterator[Simulator]:
    """Run a Pi for this test alone, with real sockets and real time."""
    simulator = Simulator(
        api_key=settings.PI_API_KEY, network=settings.PI_NETWORK, app_wallet=settings.PI_WALLET_ADDRESS
    )
    with running(simulator, port=pi_port):
        settings.PI_API_URL, settings.PI_HORIZON_URL = simulator.url, simulator.horizon_url
        yield simulator


@pytest.fixture(scope="session")
def live_server() -> Iterator[LiveServer]:
    server = LiveServer("127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def shop(live_server: LiveServer, transactional_db: None, pi: Simulator) -> str:
    """Return the address of a shop with a `mug` (parcel), a `book` (download) and a `voucher` (code)."""
    cache.clear()
    shelf()
    return str(live_server.url)


@pytest.fixture
def phone(browser: Browser, shop: str) -> Iterator[Phone]:
    phone = Phone(browser, shop)
    yield phone
    phone.context.close()
