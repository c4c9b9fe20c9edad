from __future__ import annotations

from playwright.sync_api import Browser


def test_the_browser_runs_scripts(browser: Browser) -> None:
    page = browser.new_page()
    page.goto("data:text/html,<title>a page</title><script>document.title += ' that acts'</script>")

    assert page.title() == "a page that acts"

    page.close()
