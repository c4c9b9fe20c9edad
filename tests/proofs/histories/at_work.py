"""A shop at work, for generated histories: one story, told step by step, and asked about after every step.

Whatever our own process does is done in `ours`. There it may die, at any statement to the database and at
any call to Pi, and there somebody else may come in between while Pi is asked. A history is one transaction
that is taken back: the code's own commits are savepoints in it, so nothing reaches a disk and nothing is left
behind.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from drf_spectacular.generators import SchemaGenerator
from requests import PreparedRequest, RequestException, Response
from requests.adapters import BaseAdapter

from payments.audit import invariants
from payments.models import Event
from payments.pi import http
from pi_simulator import Simulator
from pi_simulator.calls import Call
from pi_simulator.clock import Clock
from tests.payments.page import Page
from tests.proofs.histories.memory import Memory
from tests.proofs.promises import Goods, against_pi

ENDPOINTS = {
    "order": "/api/orders/",
    "look at order": "/api/orders/{reference}/",
    "cancel order": "/api/orders/{reference}/cancel/",
    "reopen": "/api/orders/{reference}/reopen/",
    "sign in": "/user/signin",
    "approve": "/payments/approve",
    "complete": "/payments/complete",
    "cancel": "/payments/cancelled_payment",
    "incomplete": "/payments/incomplete",
    "error": "/payments/error",
}
# Everything that is sent here is well formed, and nobody asks too often.
MEMORY = Memory()
NEVER = {400, 413, 415, 429}
READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET CONSTRAINTS")


class Died(BaseException):
    """Our process dies here, and nothing of ours catches that."""


class Broken(AssertionError):
    """A promise is broken, or an answer is not what it must be. The text is the story that led to it."""


@dataclass
class Seen:
    """What all histories of a run have come through, to show that they went everywhere."""

    steps: int = 0
    histories: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    interruptions: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    moves: Counter[tuple[str, str, str]] = field(default_factory=Counter)


class StillClock(Clock):
    """Pi's time passes only when a story says so, or the same story would end otherwise on a busy machine."""

    def __init__(self) -> None:
        super().__init__()
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.offset)


@dataclass
class Death:
    """Armed: the process dies at the `left`th of these from now on."""

    place: str  # "statement", "before" a call reaches Pi, "after" Pi has acted on it
    left: int


@dataclass
class Interruption:
    """Armed: at the `left`th of these from now on, somebody else does something from beginning to end."""

    place: str
    left: int
    words: str
    act: Callable[[], object]


class AtWork:
    """The shop with its Pi, and what has happened so far. `close` takes everything back."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.story: list[str] = []
        self.names: dict[str, str] = {}  # what the story calls an identifier or a reference
        self.excused: set[str] = set()  # payments that somebody else has approved at Pi, not we
        self.problem = ""
        self.death: Death | None = None
        self.interruption: Interruption | None = None
        self.twice = 0  # so many of the next calls reach Pi twice
        self.rivals = False  # whether somebody came in between during this step
        self._working = False
        self._writes = 0
        self._witnessed: tuple[int, str] | None = None
        self._open = ExitStack()
        self._open.enter_context(taken_back())
        self._open.enter_context(connection.execute_wrapper(self._statement))
        self.pi = self._simulated_pi()
        self.goods = Goods()  # whoever adds goods sets it again

    def close(self) -> None:
        self._open.close()

    # The story

    def step(self, words: str, act: Callable[[], object]) -> None:
        """Do one step, add it to the story with what came of it, and ask the witnesses. Raise Broken."""
        self.rivals = False
        self.seen.steps += 1
        self._tell(words, act)
        self.ask_witnesses()

    def ask_witnesses(self) -> None:
        at_pi = str(self.pi.payments())
        if (self._writes, at_pi) == self._witnessed:
            return  # nothing has changed since they were asked
        said = MEMORY.ask("the goods", self.goods.broken, besides=self.goods.on_hand)
        said += MEMORY.ask("Pi", lambda: against_pi(self.pi), besides=at_pi)
        for check in invariants.CHECKS:
            said += MEMORY.ask(check.__name__, check)
        self.expect_none(said)
        self._witnessed = (self._writes, at_pi)

    def expect_none(self, problems: list[str]) -> None:
        left = [text for text in problems if not self._is_excused(text)]
        if left:
            self.fail("\n".join(left))

    def expect(self, condition: object, problem: str) -> None:
        if not condition:
            self.fail(problem)

    def fail(self, problem: str) -> None:
        """End the history. The first problem is the one that is told, even where our code has caught it."""
        self.problem = self.problem or problem
        text = "\n".join([*self.story, "", self.problem])
        for identifier, name in self.names.items():
            text = text.replace(identifier, name)
        raise Broken(f"\n{text}")

    def name(self, identifier: str, kind: str) -> str:
        """Return the same name each time: `payment 2`, `order 1`."""
        if identifier not in self.names:
            count = sum(name.startswith(kind) for name in self.names.values())
            self.names[identifier] = f"{kind} {count + 1}"
        return self.names[identifier]

    def _tell(self, words: str, act: Callable[[], object]) -> None:
        try:
            outcome = act()
        except Died as death:
            outcome = f"our process dies {death}"
            cache.clear()
            self.expect(not connection.needs_rollback, "it died where nothing was open, and left something")
        except Broken:
            raise
        except Exception as problem:
            self.story.append(words)
            self.problem = self.problem or f"{type(problem).__name__}: {problem}"
            try:
                self.fail(self.problem)
            except Broken as broken_story:
                raise broken_story from problem
        self.story.append(f"{words}: {outcome}" if outcome else words)
        if self.problem:
            self.fail(self.problem)

    def _is_excused(self, text: str) -> bool:
        return text.startswith("promise 6: ") and any(identifier in text for identifier in self.excused)

    # Our process

    def ours(self, act: Callable[[], Any]) -> Any:
        """Do something as our process, which may die of it."""
        before, self._working = self._working, True
        cache.clear()  # nobody is throttled: other tests are about that
        try:
            return act()
        finally:
            self._working = before

    def call(
        self,
        page: Page,
        endpoint: str,
        body: dict[str, Any] | None = None,
        *,
        reference: str = "",
        **headers: str,
    ) -> tuple[int, Any]:
        """Call one of our endpoints; the answer must be JSON and have a documented status."""
        if page.token:
            headers.setdefault("Authorization", f"Bearer {page.token}")
        path = ENDPOINTS[endpoint]
        method = "GET" if endpoint == "look at order" else "POST"
        response = self.ours(
            lambda: page.client.generic(
                method,
                path.format(reference=reference),
                json.dumps(body or {}),
                content_type="application/json",
                headers=headers,
            )
        )
        status = response.status_code
        self.seen.answers[endpoint, status] += 1
        self.expect(
            status in documented()[method, path], f"{endpoint} answers {status}: {response.content[:500]}"
        )
        self.expect(status not in NEVER, f"{endpoint} answers {status}: {response.content[:500]}")
        self.expect(response["Content-Type"] == "application/json", f"{endpoint} answers {response.headers}")
        answer = response.json()
        if status >= 400:
            self.expect(set(answer) >= {"error", "message"}, f"{endpoint} answers {answer}")
            # Nobody else is there, so nobody was faster, and the database was not busy.
            self.expect(self.rivals or answer["error"] != "try_again", f"{endpoint} answers {answer}")
        return status, answer

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self._writes += not sql.startswith(READS)
        if self._working and not sql.startswith(("RELEASE", "ROLLBACK")):
            self._perhaps_die("statement", f"before {sql.split(maxsplit=1)[0]}")
        return execute(sql, params, many, context)

    def _perhaps_die(self, place: str, words: str) -> None:
        if self.death is None or self.death.place != place:
            return
        self.death.left -= 1
        if self.death.left <= 0:
            self.death = None
            self.seen.deaths[place] += 1
            raise Died(words)

    # While Pi is asked

    def _before_call(self, call: Call) -> None:
        self._perhaps_die("before", f"before Pi hears of {what(call)}")
        self._interrupt("before")

    def _after_call(self, call: Call) -> None:
        self._perhaps_die("after", f"after Pi has acted on {what(call)}")
        self._interrupt("after")

    def _interrupt(self, place: str) -> None:
        rival = self.interruption
        if rival is None or rival.place != place:
            return
        rival.left -= 1
        if rival.left <= 0:
            self.interruption = None
            self.rivals = True
            self.seen.interruptions += 1
            self._tell(f"  meanwhile {rival.words}", rival.act)

    def _simulated_pi(self) -> Simulator:
        pi = Simulator(
            api_key=settings.PI_API_KEY,
            network=settings.PI_NETWORK,
            app_wallet=settings.PI_WALLET_ADDRESS,
            clock=StillClock(),
            virtual_time=True,
        )
        http.session.mount("http://pi.simulated/", Wire(self, pi.adapter()))
        self._open.callback(http.session.adapters.pop, "http://pi.simulated/")
        pi.before_call, pi.after_call = self._before_call, self._after_call
        return pi


class Wire(BaseAdapter):
    """Between our client and Pi; now and then it carries a call twice, and only the second answer back."""

    def __init__(self, shop: AtWork, pi: BaseAdapter) -> None:
        super().__init__()
        self._shop, self._pi = shop, pi

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        if self._shop.twice:
            self._shop.twice -= 1
            with suppress(RequestException):
                self._pi.send(request, **options)
        return self._pi.send(request, **options)

    def close(self) -> None:
        self._pi.close()


@contextmanager
def taken_back() -> Iterator[None]:
    """Undo in the end whatever the block did to the database. Our code takes it for a test case."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


@functools.cache
def documented() -> dict[tuple[str, str], set[int]]:
    """Map method and path to every status that our OpenAPI schema has for them."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {
        (method.upper(), path): {int(status) for status in operation["responses"]}
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def moves_made() -> Counter[tuple[str, str, str]]:
    """Count the moves by the events there are now: whose status, from what, to what."""
    made: Counter[tuple[str, str, str]] = Counter()
    for kind in ("order", "payment", "refund"):
        moves = Event.objects.filter(kind="moved").exclude(**{kind: None}).values_list("before", "after")
        made.update((kind, before, after) for before, after in moves)
    return made


def what(call: Call) -> str:
    return f"{call.method} {call.path.removeprefix('/v2')}"
