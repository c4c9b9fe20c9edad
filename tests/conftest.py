"""What every test needs: a database, chosen by TEST_DATABASE, and its name on the first lines of the run."""

from __future__ import annotations

import pytest
from django.conf import settings

from tests.postgres import Server


def pytest_configure(config: pytest.Config) -> None:
    if settings.TEST_DATABASE == "postgres":
        server = Server(settings.FOLDER / "postgres")
        server.start()
        config.add_cleanup(server.stop)


def pytest_report_header() -> str:
    return f"database: {settings.TEST_DATABASE}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked for a database that this run is not on."""
    others = set(settings.DATABASE_URLS) - {settings.TEST_DATABASE}
    foreign = [item for item in items if any(item.get_closest_marker(other) for other in others)]
    config.hook.pytest_deselected(items=foreign)
    items[:] = [item for item in items if item not in foreign]
