"""`make chaos`: a whole shop under load on this machine, while everything in it is killed; then the books.

gunicorn with several workers, PostgreSQL as durable as in a real shop, two reconcilers and the simulated Pi,
each a process of its own on the loopback address; buyers who drive the real HTTP contract. Ends with 1
when anything is lost, doubled or different afterwards.

    python -m tests.proofs.chaos [--seconds 180] [--seed N] [--buyers 24]
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.proofs.chaos.buyers import Buyer, a_crowd
from tests.proofs.chaos.havoc import Havoc
from tests.proofs.chaos.phone import Memory, Phone
from tests.proofs.chaos.pi import PiProcess
from tests.proofs.chaos.programs import World

LAST_VISIT_SECONDS = 120


class Interrupted(Exception):
    """Somebody asked to stop: everything that was started is ended, and nothing is judged."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="pistore-chaos-"))
    print(f"seed {options.seed}, {options.seconds} seconds, {options.buyers} buyers", flush=True)
    try:
        with World(folder, forgetful=options.forgetful) as world:
            failed = _run(world, options)
    except Interrupted:
        print("Interrupted: everything has been ended, and nothing is known.", file=sys.stderr)
        failed = True
    if options.keep:
        print(f"The logs are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


def _run(world: World, options: argparse.Namespace) -> bool:
    os.environ.update(world.environment)
    world.start_database()
    import django

    django.setup()
    # Only now do the settings know the database.
    from tests.proofs.chaos.catalogue import stocked
    from tests.proofs.chaos.verdict import heal, judge

    goods = stocked()
    world.start_programs()
    pi, memory, go_home = PiProcess(world.pi_url), Memory(), threading.Event()
    balance_before = pi.balance_of_the_shop()
    buyers = a_crowd(
        options.buyers,
        seed=options.seed,
        phone=lambda name: _phone(name, world, pi, memory),
        go_home=go_home,
    )
    havoc = Havoc(world, seed=options.seed)
    begun = time.monotonic()
    try:
        _watch(world, go_home)
        for buyer in buyers:
            buyer.start()
        havoc.wreak(until=begun + options.seconds, told=lambda blow: _say(begun, blow))
    finally:
        go_home.set()
    _say(begun, "calm: the last visits end")
    _all_home(buyers)
    exits = {reconciler.name: reconciler.stop() for reconciler in world.reconcilers}
    _say(begun, "time passes, everything is reconciled")
    complaints = heal(pi)
    _say(begun, "the books are compared")
    verdict = judge(pi, goods, memory, balance_before=balance_before)
    problems = [*verdict.problems, *complaints, *_strange(world, exits)]
    _report(memory, havoc, buyers, verdict.figures)
    for problem in problems:
        print(f"  {problem}")
    print(f"seed {options.seed}: {len(problems) or 'no'} problems", flush=True)
    return bool(problems)


def _phone(name: str, world: World, pi: PiProcess, memory: Memory) -> Phone:
    pi.stock_wallet(name, "1000000")
    return Phone(name, shop_url=world.shop_url, pi_url=world.pi_url, memory=memory)


def _watch(world: World, go_home: threading.Event) -> None:
    """Restart what ends unasked, as a real machine would."""

    def watch() -> None:
        while not go_home.wait(0.5):
            for program in world.programs:
                program.watch()

    threading.Thread(target=watch, daemon=True).start()


def _all_home(buyers: Sequence[Buyer]) -> None:
    give_up_at = time.monotonic() + LAST_VISIT_SECONDS
    for buyer in buyers:
        buyer.join(max(0, give_up_at - time.monotonic()))
        if buyer.is_alive():
            raise RuntimeError(f"{buyer.name} does not go home")


def _strange(world: World, exits: dict[str, int]) -> list[str]:
    """Return what no blow explains: a program that gave up by itself, a reconciler that ended badly."""
    gave_up = [p for p in world.programs if p.ended_by_itself]
    return [
        *(f"the {p.name} ended by itself, {p.ended_by_itself} times" for p in gave_up),
        *(f"the {name} ended with {code} when it was asked to stop" for name, code in exits.items() if code),
    ]


def _report(memory: Memory, havoc: Havoc, buyers: Sequence[Buyer], figures: dict[str, object]) -> None:
    answers = sorted(memory.answers.items())
    lines: dict[str, object] = {
        "visits": sum(buyer.visits for buyer in buyers),
        "answers of the shop": ", ".join(f"{count} × {status or 'none'}" for status, count in answers),
        "slowest answer": "{:.1f} s ({})".format(*memory.slowest),
        "slowest return of the database": f"{havoc.slowest_return:.1f} s",
        "told sold out": memory.sold_out,
        **dict(sorted(havoc.done.items())),
        **figures,
    }
    for name, value in lines.items():
        print(f"  {name:36} {value}")


def _say(begun: float, what: str) -> None:
    print(f"{time.monotonic() - begun:7.1f} s  {what}", flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.chaos", description=__doc__)
    parser.add_argument("--seconds", type=int, default=180, help="how long things break")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="who does what when")
    parser.add_argument("--buyers", type=int, default=24)
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    parser.add_argument(
        "--forgetful",
        action="store_true",
        help="the control: a database that confirms what it has not written; the run must find what is lost",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
