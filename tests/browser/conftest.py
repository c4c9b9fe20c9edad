"""A browser for the tests that need one; `make test-browser` makes sure that it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.ensure_chromium import find


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright runs an event loop in this thread, which makes Django think that we are asynchronous.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find(), args=_arguments())
        yield chromium
        chromium.close()


def _arguments() -> list[str]:
    """Chromium refuses to start as root with its sandbox on."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []
