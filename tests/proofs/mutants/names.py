"""Can every test be found by its name, also in a process that has collected it before?

A worker of mutmut asks for its tests in this way. Where one cannot be found, the worker stops with an error,
and the mutant would pass for one that was noticed.
"""

from __future__ import annotations

import sys

import pytest
from mutmut.configuration import config


class Names:
    """What pytest has collected."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.all = [item.nodeid for item in session.items]


def main() -> int:
    names = Names()
    collect = ["--collect-only", "-qqq", *config().pytest_add_cli_args]
    pytest.main([*collect, *config().pytest_add_cli_args_test_selection], plugins=[names])
    return int(pytest.main([*collect, *names.all])) if names.all else 1


if __name__ == "__main__":
    sys.exit(main())
