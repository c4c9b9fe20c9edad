"""Everything that breaks while buyers pay. Each thing happens once at least, then whatever chance picks."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import requests

from tests.proofs.chaos.programs import World, wait_for

# Left in peace between two blows, so that there is something to break.
QUIET_SECONDS = (0.5, 3.0)


class Havoc:
    def __init__(self, world: World, *, seed: int) -> None:
        self.world = world
        self.random = Random(f"{seed}/havoc")
        self.done: Counter[str] = Counter()
        self.slowest_return = 0.0  # seconds from a database that is back to a shop that is ready
        self.blows: dict[str, Callable[[], None]] = {
            "workers killed": self.kill_worker,
            "shops killed whole": self.kill_shop,
            "shops reloaded": self.reload_shop,
            "reconcilers killed": self.kill_reconciler,
            "databases restarted": lambda: self.end_database(signal.SIGINT),
            "databases stopped at once": lambda: self.end_database(signal.SIGQUIT),
            "databases killed": lambda: self.end_database(signal.SIGKILL),
            "times Pi was down": self.pi_is_down,
            "times Pi froze": self.pi_freezes,
            "times Pi was slow": self.pi_is_slow,
            "answers of Pi's lost": self.pi_loses_answers,
            "clean-ups": self.clean_up,
        }
        # A worker dies as often as everything else together.
        self.weights = {name: len(self.blows) if name == "workers killed" else 1 for name in self.blows}

    def wreak(self, *, until: float, told: Callable[[str], None]) -> None:
        """Strike again and again until that moment of the monotonic clock."""
        first = [*self.blows]
        self.random.shuffle(first)
        while time.monotonic() < until:
            name = first.pop() if first else self.random.choices([*self.weights], [*self.weights.values()])[0]
            told(name)
            self.done[name] += 1
            self.blows[name]()
            time.sleep(self.random.uniform(*QUIET_SECONDS))
        self.calm()

    def calm(self) -> None:
        """End every fault of Pi's; the programs start again by themselves."""
        self.faults("/clear", {})

    # The shop

    def kill_worker(self) -> None:
        group = self.world.shop.process.pid
        workers = self.world.worker_pids()
        for pid in self.random.sample(workers, k=min(len(workers), self.random.choice((1, 1, 2)))):
            with suppress(ProcessLookupError):
                if os.getpgid(pid) == group:
                    os.kill(pid, signal.SIGKILL)

    def kill_shop(self) -> None:
        self.world.shop.kill()

    def reload_shop(self) -> None:
        self.world.shop.process.send_signal(signal.SIGHUP)

    def kill_reconciler(self) -> None:
        self.random.choice(self.world.reconcilers).kill()

    def clean_up(self) -> None:
        self.world.command("cleanup_stale_orders")

    # The database

    def end_database(self, how: signal.Signals) -> None:
        self.world.database.end(how)
        time.sleep(self.random.uniform(0, 3))
        self.world.database.start_again()
        back = time.monotonic()
        wait_for(f"{self.world.shop_url}/readyz")
        self.slowest_return = max(self.slowest_return, time.monotonic() - back)

    # Pi

    def pi_is_down(self) -> None:
        self.fault_for(self.random.uniform(1, 6), kind="down")

    def pi_is_slow(self) -> None:
        """Slow Pi down, and kill a worker while calls are on their way."""
        seconds = self.random.uniform(1, 4)
        blow = threading.Timer(seconds, self.kill_worker)
        blow.start()
        self.fault_for(seconds + 1, kind="latency", seconds=self.random.uniform(0.5, 3))
        blow.join()
        self.done["workers killed"] += 1

    def pi_loses_answers(self) -> None:
        kind = self.random.choice(("lose_answer", "html_after", "html", "malformed", "nonsense"))
        path = self.random.choice(("any", "/approve", "/complete", "/cancel"))
        self.faults("", {"kind": kind, "path": path, "times": self.random.randint(5, 20)})

    def pi_freezes(self) -> None:
        self.world.pi.freeze(self.random.uniform(1, 5))

    def fault_for(self, lasts: float, **fault: Any) -> None:
        self.faults("", fault)
        time.sleep(lasts)
        self.faults("/clear", {"kind": fault["kind"]})

    def faults(self, path: str, body: dict[str, Any]) -> None:
        requests.post(f"{self.world.pi_url}/_control/faults{path}", json=body, timeout=30).raise_for_status()
