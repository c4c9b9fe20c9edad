"""Real processes: gunicorn's workers and `manage.py reconcile_payments`, on the database of the tests.

Everybody is let loose at the same instant, and nobody is known to be fast or slow.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog.models import Variant
from payments.domain import protocol
from payments.models import DeliveredCode, Event, Order, Pioneer, PiPayment, Refund
from pi_simulator import Simulator
from pi_simulator.server import running
from tests.catalog.goods import codes, counted, product, variant
from tests.proofs.chaos.programs import PYTHON, Crew, free_port, settings_for, wait_for
from tests.proofs.promises import Goods, broken
from tests.proofs.races.stage import Stage, stage
from tests.proofs.races.test_open_transactions import rewrite_lines

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

BUYERS, UNITS = 200, 10
SIGNED = 24
SECONDS_TO_ANSWER = 120

Answer = tuple[int, dict[str, Any]]


@dataclass
class Served:
    """A shop with two workers, and a Pi of its own; both are reached through sockets."""

    pi: Simulator
    url: str
    crew: Crew

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        response = requests.post(self.url + path, json=body, timeout=SECONDS_TO_ANSWER)
        return response.status_code, response.json()

    def callback(self, name: str, identifier: str, **more: str) -> Answer:
        """Make a callback as the SDK does: a busy shop may answer 503, and then it is repeated."""
        for _ in range(6):
            status, answer = self.post(f"/payments/{name}", {"paymentId": identifier, **more})
            if status != 503:
                break
        return status, answer

    @property
    def log(self) -> str:
        return (self.crew.folder / "shop.log").read_text()


@pytest.fixture(scope="module")
def served(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    pi = Simulator(api_key=settings.PI_API_KEY, app_wallet=settings.PI_WALLET_ADDRESS)
    # However slow this machine is, who wins is what these tests are about.
    pi.quirks.approval_window = 3600
    port = free_port()
    with running(pi) as pi_url, Crew(tmp_path_factory.mktemp("served"), environment(pi_url)) as crew:
        crew.add_gunicorn(port, workers=2).start()
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/healthz")
        yield Served(pi, url, crew)


def environment(pi_url: str) -> dict[str, str]:
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@/{database['HOST']}/{database['NAME']}"
    of_the_tests = {"CACHE_URL": "locmemcache://", "PI_WALLET_ADDRESS": settings.PI_WALLET_ADDRESS}
    downloads, api_key = settings.DOWNLOADS_ROOT, settings.PI_API_KEY
    return settings_for(url, pi_url=pi_url, downloads=downloads, api_key=api_key) | of_the_tests


@pytest.fixture(name="stage")
def _stage(served: Served) -> Iterator[Stage]:
    with stage() as opened:
        yield opened


def at_once(*steps: Callable[[], Any]) -> list[Any]:
    start = threading.Barrier(len(steps))

    def run(step: Callable[[], Any]) -> Any:
        start.wait(timeout=60)
        return step()

    with ThreadPoolExecutor(len(steps)) as threads:
        return list(threads.map(run, steps))


def begun(pi: Simulator, username: str, basket: dict[str, int]) -> tuple[Order, str]:
    """Return an order of a buyer of that name, and the payment that their wallet has begun for it."""
    buyer = pi.pioneer(username, balance="1000")
    pioneer, _ = Pioneer.objects.get_or_create(uid=buyer.uid, username=username)
    order = protocol.place_order(pioneer, basket)
    total, metadata = str(order.total), {"order": order.reference}
    return order, pi.create_payment(buyer, amount=total, memo="m", metadata=metadata)


def file(name: str, on_hand: int) -> str:
    return variant(product(name), sku=name, on_hand=on_hand, delivery="download", file="x").sku


# Two hundred for ten -------------------------------------------------------------------------------------


def test_two_hundred_mixed_baskets_want_ten_units(served: Served) -> None:
    random = Random(10)
    common = [file(name, BUYERS) for name in ("Aa", "Bb")]
    rare = file("Rare", UNITS)
    skus = [*common, file("Cc", BUYERS), rare]
    goods = Goods()
    payments = []
    for n in range(BUYERS):
        mixed = [rare, *random.sample(skus[:3], k=2)]
        order, identifier = begun(served.pi, f"buyer{n}", dict.fromkeys(mixed, 1))
        rewrite_lines(order.reference, random.sample(mixed, k=3))
        payments.append(identifier)

    answers = at_once(*(partial(served.callback, "approve", identifier) for identifier in payments))

    told = Counter((status, answer.get("error", answer.get("status"))) for status, answer in answers)
    assert told == {(200, "approved"): UNITS, (409, "out_of_stock"): BUYERS - UNITS}
    flags = [served.pi.payment(identifier)["status"] for identifier in payments]
    assert sum(flag["cancelled"] for flag in flags) == BUYERS - UNITS
    assert counted(Variant.objects.get(sku=rare)) == (UNITS, UNITS)
    assert "deadlock" not in served.log

    approved = [p for p, flag in zip(payments, flags, strict=True) if flag["developer_approved"]]
    completing = [partial(served.callback, "complete", p, txid=served.pi.sign(p)) for p in approved]
    paid = at_once(*completing, *completing)

    assert Counter((status, answer["status"]) for status, answer in paid) == {(200, "completed"): 2 * UNITS}
    assert counted(Variant.objects.get(sku=rare)) == (0, 0)
    assert broken(served.pi, goods) == []


# Six at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["approve", "complete", "cancel", "incomplete", "error"])
def test_six_repeats_that_reach_two_processes_are_one(served: Served, step: str) -> None:
    codes(*(f"CODE-{n}" for n in range(9)), of=product("Voucher"), sku="voucher")
    goods = Goods()
    _, identifier = begun(served.pi, f"alice-{step}", {"voucher": 2})
    more = {}
    if step != "approve":
        served.callback("approve", identifier)
    if step in ("complete", "incomplete", "error"):
        txid = served.pi.sign(identifier)
        more = {"txid": txid} if step == "complete" else {}
    if step == "cancel":
        served.pi.cancel_by_user(identifier)

    answers = at_once(*[partial(served.callback, step, identifier, **more)] * 6)

    expected = {"approve": "approved", "cancel": "cancelled"}.get(step, "completed")
    assert answers == [(200, {"status": expected, "order": None})] * 6
    moves = list(Event.objects.filter(kind="moved").values_list("order", "payment", "before", "after"))
    assert len(moves) == len(set(moves)), "every move happened once"
    assert DeliveredCode.objects.count() == (2 if expected == "completed" else 0)
    assert Refund.objects.count() == 0
    assert broken(served.pi, goods) == []


# Four reconcilers ----------------------------------------------------------------------------------------


def signed_and_due(served: Served) -> list[str]:
    file("Tea", 100)
    identifiers = []
    for n in range(SIGNED):
        _, identifier = begun(served.pi, f"buyer{n}", {"Tea": 1})
        assert served.callback("approve", identifier)[0] == 200
        served.pi.sign(identifier)
        identifiers.append(identifier)
    PiPayment.objects.update(next_check_at=timezone.now() - timedelta(seconds=1))
    served.pi.calls.clear()
    return identifiers


def reconcilers(served: Served, stage: Stage, count: int, *command: str) -> list[subprocess.Popen[str]]:
    """Start so many processes; return when all of them have reached their first claim."""
    with stage.closed(PiPayment, to="everybody"):
        started = [
            subprocess.Popen(
                [PYTHON, *command, "reconcile_payments"],
                env=served.crew.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(count)
        ]
        stage.until_waiting(count, among=started)
    return started


def looked_at(started: list[subprocess.Popen[str]]) -> list[int]:
    """Return how many payments each has looked at."""
    printed = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started), printed
    return [int(count) for text in printed for count in re.findall(r"(\d+) payments looked at", text)]


def asked_to_complete(pi: Simulator) -> Counter[str]:
    return Counter(call.identifier for call in pi.calls if call.path.endswith("/complete"))


def test_four_reconcilers_at_once_share_the_work(served: Served, stage: Stage) -> None:
    identifiers = signed_and_due(served)
    goods = Goods()

    shares = looked_at(reconcilers(served, stage, 4, "manage.py"))

    assert sum(shares) == SIGNED
    assert asked_to_complete(served.pi) == dict.fromkeys(identifiers, 1)
    assert set(Order.objects.values_list("status", flat=True)) == {"fulfilled"}
    assert broken(served.pi, goods) == []


def test_reconcilers_that_claim_nothing_do_the_work_of_each_other(served: Served, stage: Stage) -> None:
    """No order is harmed even then, thanks to the locks; Pi is asked again and again for nothing."""
    signed_and_due(served)
    goods = Goods()

    shares = looked_at(reconcilers(served, stage, 2, "-m", "tests.proofs.races.guards", "claims_nothing"))

    assert sum(shares) > SIGNED
    assert asked_to_complete(served.pi).total() > SIGNED
    assert broken(served.pi, goods) == []


def test_reconcilers_and_callbacks_at_once_deliver_once(served: Served, stage: Stage) -> None:
    identifiers = signed_and_due(served)
    goods = Goods()
    started = reconcilers(served, stage, 2, "manage.py")

    answers = at_once(
        *(
            partial(served.callback, "complete", p, txid=served.pi.txid_of(p) or "")
            for p in reversed(identifiers)
        )
    )

    looked_at(started)
    assert answers == [(200, {"status": "completed", "order": None})] * SIGNED
    assert counted(Variant.objects.get(sku="Tea")) == (0, 100 - SIGNED)
    assert Event.objects.filter(order__isnull=False, after="paid").count() == SIGNED
    assert broken(served.pi, goods) == []
