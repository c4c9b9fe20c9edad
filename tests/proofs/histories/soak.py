"""The long run of the generated histories: `make soak`, or `make soak SEED=17 STEPS=20000`.

Histories are told in rounds, each from a seed of its own: the one given (or drawn), and those that follow it.
So the round that broke a promise is told again at once by naming its seed. Both cores are used, each by a
process with a database of its own: SQLite, or a PostgreSQL started for it (TEST_DATABASE=postgres).
A history is one transaction that is taken back in the end, so the settings of the disk do not matter.
"""

from __future__ import annotations

import argparse
import os
import pickle
import secrets
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

import django

HISTORIES = 10  # of one round
LONGEST = 3 * 60 * 60  # seconds


@dataclass
class Report:
    """What came of it. `story` is empty unless a promise was broken, in the round of `seed`."""

    seen: object
    story: str = ""
    seed: int = 0
    seeds: list[int] = field(default_factory=list)


def soak(*, seed: int, steps: int, stride: int = 1) -> Report:
    """Run histories until there were so many steps, in rounds from every `stride`th seed."""
    from tests.proofs.histories.at_work import Broken, Seen
    from tests.proofs.histories.histories import Histories, run

    Histories.seen = Seen()
    report = Report(Histories.seen)
    give_up_at = time.monotonic() + LONGEST
    while Histories.seen.steps < steps and time.monotonic() < give_up_at:
        report.seeds.append(seed)
        try:
            run(seed=seed, histories=HISTORIES)
        except Broken as broken:
            report.story, report.seed = str(broken), seed
            return report
        except Exception:  # a mistake in the telling: as much a reason to look
            report.story, report.seed = traceback.format_exc(), seed
            return report
        print(f"seed {seed}: {Histories.seen.steps:,} steps", file=sys.stderr)
        seed += stride
    return report


@contextmanager
def database() -> Iterator[None]:
    """Make an empty test database, as pytest does for the tests."""
    from django.conf import settings
    from django.test.utils import setup_databases, setup_test_environment

    from tests.postgres import Server

    setup_test_environment(debug=False)
    server = Server(settings.FOLDER / "postgres") if settings.TEST_DATABASE == "postgres" else None
    if server is not None:
        server.start()
    try:
        setup_databases(verbosity=0, interactive=False)
        yield
    finally:
        if server is not None:
            server.stop()


def work(*, seed: int, steps: int, stride: int) -> None:
    """Run as one of the processes, and report to whoever has started it."""
    with database():
        report = soak(seed=seed, steps=steps, stride=stride)
    sys.stdout.buffer.write(pickle.dumps(report))


def together(*, seed: int, steps: int, workers: int) -> list[Report]:
    """Start the processes and return their reports; the first broken promise ends all of them."""
    share = ["--steps", str(-(-steps // workers)), "--stride", str(workers)]
    command = [sys.executable, "-m", "tests.proofs.histories.soak", *share, "--seed"]
    running = [subprocess.Popen([*command, str(seed + n)], stdout=subprocess.PIPE) for n in range(workers)]
    try:
        reports = []
        while running:
            for process in [process for process in running if process.poll() is not None]:
                running.remove(process)
                content, _ = process.communicate()
                if process.returncode:
                    raise SystemExit(process.returncode)
                reports.append(pickle.loads(content))  # noqa: S301  (from our own process)
            if any(report.story for report in reports):
                break
            time.sleep(0.2)
        return reports
    finally:
        for process in running:
            process.terminate()
            process.wait()


def tell(reports: list[Report], seconds: float) -> Iterator[str]:
    """Describe what the run has seen, line by line, and whether a promise was broken."""
    from payments.moves import MOVES
    from tests.proofs.histories.at_work import Seen

    total = Seen()
    for report in reports:
        for part in fields(Seen):
            setattr(total, part.name, getattr(total, part.name) + getattr(report.seen, part.name))
    seeds = sorted(seed for report in reports for seed in report.seeds)
    yield f"{total.steps:,} steps in {total.histories:,} histories, {seconds / 60:.0f} minutes"
    yield f"seeds {seeds[0]} to {seeds[-1]}, on {os.environ.get('TEST_DATABASE', 'sqlite')}"
    deaths = ", ".join(f"{count:,} ({place})" for place, count in sorted(total.deaths.items()))
    yield f"our process died {total.deaths.total():,} times: {deaths}"
    yield f"somebody came in between while Pi was asked {total.interruptions:,} times"
    answers = sorted({status for _, status in total.answers})
    counted = (f"{sum(n for (_, s), n in total.answers.items() if s == one):,} × {one}" for one in answers)
    yield f"answers over HTTP: {', '.join(counted)}"
    names = {"Order": "order", "PiPayment": "payment", "Refund": "refund"}
    table = [
        (names[model.__name__], before, after)
        for model, moves in MOVES.items()
        for before, afters in moves.items()
        for after in sorted(afters)
    ]
    never = [
        f"{kind} {before} → {after}" for kind, before, after in table if not total.moves[kind, before, after]
    ]
    yield f"moves of the tables that were made: {len(table) - len(never)} of {len(table)}"
    yield f"never made: {', '.join(never) or 'none'}"
    for report in reports:
        if report.story:
            yield f"A PROMISE IS BROKEN. Told again by: make soak SEED={report.seed} STEPS=1\n{report.story}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2, help="processes, one for each core")
    parser.add_argument("--stride", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    if options.stride:
        work(seed=options.seed, steps=options.steps, stride=options.stride)
        return 0
    print(f"make soak SEED={options.seed} STEPS={options.steps}", flush=True)
    began = time.monotonic()
    reports = together(seed=options.seed, steps=options.steps, workers=options.workers)
    print("\n".join(tell(reports, time.monotonic() - began)))
    told = sum(report.seen.steps for report in reports)
    return int(told < options.steps or any(report.story for report in reports))


if __name__ == "__main__":
    sys.exit(main())
