"""The tests run on the databases that the shop runs on, set up as the shop sets them up."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg_pool import ConnectionPool, PoolTimeout

from tests.conftest import LOOK_AT_PAGES, belongs_here
from tests.payments.page import Page
from tests.postgres import USER, Server

ROOT = Path(__file__).parent.parent
BUYERS = 50

# The value that SQLite shows for `synchronous=FULL`.
FULL = 2


def ask(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.sqlite
@pytest.mark.django_db
def test_sqlite_loses_nothing_in_a_power_cut() -> None:
    assert (ask("PRAGMA journal_mode"), ask("PRAGMA synchronous")) == ("wal", FULL)


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_sqlite_takes_the_write_lock_when_a_transaction_begins() -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        pass

    assert queries.captured_queries[0]["sql"] == "BEGIN IMMEDIATE"


@pytest.mark.postgres
@pytest.mark.django_db
def test_postgresql_is_a_server_of_the_tests_own() -> None:
    assert str(ask("SHOW listen_addresses")) == ""
    assert str(ask("SHOW unix_socket_directories")) == connection.settings_dict["HOST"]


@pytest.mark.postgres
def test_the_pool_is_there_again_as_soon_as_the_database_is() -> None:
    server = Server(settings.FOLDER / "another")
    server.start()
    address = {"host": str(server.folder), "user": USER, "dbname": "postgres", "autocommit": True}
    pool = ConnectionPool(
        kwargs=address,
        open=True,
        check=ConnectionPool.check_connection,
        **connection.settings_dict["OPTIONS"]["pool"],
    )
    try:
        pool.wait()
        server.end(signal.SIGINT)
        with pytest.raises(PoolTimeout), pool.connection():
            pass
        wait_until(lambda: pool.get_stats()["pool_size"] == 0)

        server.start_again()

        with pool.connection() as connected:
            assert connected.execute("SELECT 1").fetchone() == (1,)
    finally:
        pool.close()
        server.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_fifty_buyers_are_served_at_the_same_moment() -> None:
    everybody_is_connected = Barrier(BUYERS, timeout=30)

    def connect(buyer: int) -> int:
        try:
            answer = ask(f"SELECT {buyer}")
            everybody_is_connected.wait()
            return int(str(answer))
        finally:
            connection.close()

    with ThreadPoolExecutor(BUYERS) as pool:
        assert list(pool.map(connect, range(BUYERS))) == list(range(BUYERS))


# Which tests run on which database -----------------------------------------------------------------------


def runs_on(test: pytest.FixtureRequest) -> list[str]:
    return [name for name in settings.DATABASE_URLS if belongs_here(test.node, name)]


def test_a_test_without_a_database_runs_on_sqlite_alone(request: pytest.FixtureRequest) -> None:
    assert runs_on(request) == ["sqlite"]


@pytest.mark.django_db
def test_a_test_that_opens_the_database_runs_on_both(request: pytest.FixtureRequest) -> None:
    assert runs_on(request) == ["sqlite", "postgres"]


def test_a_fixture_that_opens_the_database_counts_too(request: pytest.FixtureRequest, alice: Page) -> None:
    assert runs_on(request) == ["sqlite", "postgres"]


@pytest.mark.parametrize("path", LOOK_AT_PAGES)
def test_the_tests_that_look_at_pages_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.sqlite
@pytest.mark.django_db
def test_a_test_for_sqlite_runs_there_alone(request: pytest.FixtureRequest) -> None:
    assert runs_on(request) == ["sqlite"]


@pytest.mark.postgres
def test_a_test_for_postgresql_runs_there_alone(request: pytest.FixtureRequest) -> None:
    assert runs_on(request) == ["postgres"]
