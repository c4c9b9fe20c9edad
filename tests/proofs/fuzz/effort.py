"""How hard to try. `make test` draws the same few cases each time; `make fuzz` draws others, and many more.

FUZZ_TIMES says how many times as many; `--hypothesis-seed` (the SEED of `make fuzz`) says which.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
import pytest
from django.db import transaction
from hypothesis import HealthCheck
from hypothesis import strategies as st

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
# One database is enough for `make test`: PostgreSQL for odd texts and JSON, of which it refuses more.
# `make fuzz` asks both.
ON_POSTGRES = [pytest.mark.postgres] if TIMES == 1 else []
ON_SQLITE = [pytest.mark.sqlite] if TIMES == 1 else []
# Cases that were drawn and tried, by what they were meant for.
TRIED: Counter[str] = Counter()


def settings(examples: int, **more: Any) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def fuzz(kind: str, *, examples: int, **strategies: st.SearchStrategy[Any]) -> Callable[[Any], None]:
    """Call the decorated function at once, with every case that is drawn, and count the cases."""

    def run(check: Callable[..., None]) -> None:
        @settings(examples)
        @hypothesis.given(**strategies)
        def one_case(**drawn: Any) -> None:
            TRIED[kind] += 1
            check(**drawn)

        one_case()

    return run


@contextmanager
def forgotten() -> Iterator[None]:
    """Undo in the database whatever happens inside, as between two tests."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)
