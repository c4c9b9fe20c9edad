"""How gunicorn tells who its workers are: one file for each, as long as it lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

WORKERS = Path(os.environ["CHAOS_WORKERS"])


def on_starting(server: Any) -> None:
    for left_over in WORKERS.iterdir():
        left_over.unlink()


def post_fork(server: Any, worker: Any) -> None:
    (WORKERS / str(worker.pid)).touch()


def child_exit(server: Any, worker: Any) -> None:
    (WORKERS / str(worker.pid)).unlink(missing_ok=True)
