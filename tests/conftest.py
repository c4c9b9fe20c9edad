"""What every test needs: a database, chosen by TEST_DATABASE, and its name on the first lines of the run."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.cache import cache

from payments.pi import http
from pi_simulator import Simulator
from tests.payments.page import Page, shelf
from tests.postgres import Server

# What tests count by `record_property`, and the summary adds up.
TRIED = ("interleavings", "crashes", "stories after a crash")

# With one of these fixtures, or the marker `django_db`, a test may use the database; pytest-django forbids it
# to every other.
OPENS_THE_DATABASE = {"db", "transactional_db", "live_server"}
# These look at pages and at the goods of the demo: at what is written from rows, not at how rows are found,
# held and changed. The rules behind them are tested on both databases.
LOOK_AT_PAGES = (
    "tests/demo/",
    "tests/storefront/",
    "tests/payments/admin/test_actions.py",
    "tests/payments/admin/test_cookies.py",
    "tests/payments/admin/test_index.py",
    "tests/payments/admin/test_pages.py",
    "tests/payments/admin/test_summary.py",
    "tests/payments/api/test_openapi.py",
    "tests/payments/domain/test_verdict.py",
)


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts us in the background has us ignore Ctrl-C, and our programs would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if settings.TEST_DATABASE == "postgres":
        server = Server(settings.FOLDER / "postgres")
        server.start()
        config.add_cleanup(server.stop)


def pytest_report_header() -> str:
    return f"database: {settings.TEST_DATABASE}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much the proofs have tried, summed over the workers."""
    tried: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        tried.update({name: number for name, number in report.user_properties if name in TRIED})
    for name, number in sorted(tried.items()):
        terminalreporter.write_line(f"{number} {name} on {settings.TEST_DATABASE}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what another run is for: see “Which database” in CONTRIBUTING."""
    elsewhere = [item for item in items if not belongs_here(item, settings.TEST_DATABASE)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


def belongs_here(item: pytest.Item, database: str) -> bool:
    """Return whether a run on `database` has to run this test.

    A marker decides. Without one a test runs on SQLite, and on PostgreSQL if that can change how it ends.
    """
    marked_for = {name for name in settings.DATABASE_URLS if item.get_closest_marker(name)}
    matters = opens_the_database(item) and not item.nodeid.startswith(LOOK_AT_PAGES)
    return database in (marked_for or {"sqlite", "postgres" if matters else "sqlite"})


def opens_the_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or not fixtures.isdisjoint(OPENS_THE_DATABASE)


@pytest.fixture
def pi() -> Iterator[Simulator]:
    """Yield this test's own Pi, in process, at the settings' address. Slow answers only move its clock."""
    simulator = Simulator(
        api_key=settings.PI_API_KEY,
        network=settings.PI_NETWORK,
        app_wallet=settings.PI_WALLET_ADDRESS,
        virtual_time=True,
    )
    http.session.mount("http://pi.simulated/", simulator.adapter())
    cache.clear()
    yield simulator
    del http.session.adapters["http://pi.simulated/"]


@pytest.fixture
def alice(pi: Simulator, db: None) -> Page:
    """Sign a buyer in to a shop that sells a `mug` (parcel), a `book` (download) and a `voucher` (code)."""
    shelf()
    return Page(pi, "alice").sign_in()


@pytest.fixture
def bob(alice: Page) -> Page:
    return Page(alice.pi, "bob").sign_in()
