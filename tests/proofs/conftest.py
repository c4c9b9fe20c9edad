"""What the proofs share: a database that is emptied by hand, and one witness for the whole run."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from tests.proofs.witness import Witness


@pytest.fixture(scope="session")
def witness() -> Witness:
    """Return one witness for all tests: what one has asked about need not be asked again by the next."""
    return Witness()


@pytest.fixture
def quick(transactional_db: None) -> Iterator[None]:
    """Speed up thousands of commits that survive no power cut, and of log lines that nobody reads."""
    logging.disable(logging.CRITICAL)
    connection_created.connect(_hurry)
    connection.close()
    yield
    connection_created.disconnect(_hurry)
    connection.close()
    logging.disable(logging.NOTSET)


def _hurry(connection: BaseDatabaseWrapper, **_: object) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
