"""Buyers as they are: most pay, some think better of it, some close the app at the worst moment.

A visit goes as in the Pi Browser: sign in, report what was left incomplete, order, create the payment, and
then the SDK's callbacks, each repeated until Pi's own record shows what the SDK waits for.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.proofs.chaos.phone import NO_ANSWER, Answer, Phone

REPEATS = 6
# Pi's SDK waits ten seconds between two calls; nobody has so much time here.
RHYTHM_IN_SECONDS = 1.5
ADDRESS = {"name": "A Buyer", "address": "1 Main Street"}

# What is for sale (see `stocked` in catalogue), and how much of it one buyer takes at most.
BASKETS: tuple[Mapping[str, int], ...] = (
    {"mug": 1},
    {"mug": 2, "voucher": 1},
    {"voucher": 2},
    {"voucher": 1, "tea": 1},
    {"tea": 2, "mug": 1},
    {"book": 1},
    {"book": 1, "voucher": 1},
    {"rare": 1},
    {"rare": 1, "mug": 1},
)

FATES = {
    "pays": 52,
    "pays, everything arrives twice at once": 8,
    "pays, and the app closes": 9,
    "pays, and Pi hears of it late": 5,
    "cancels in the wallet": 7,
    "cancels the order": 5,
    "walks away": 6,
    "an error is reported": 4,
    "buys without an order": 4,
}


class Buyer(threading.Thread):
    """Visits the shop again and again until it is told to go home."""

    def __init__(self, phone: Phone, *, seed: str, go_home: threading.Event) -> None:
        super().__init__(name=phone.username, daemon=True)
        self.phone, self.go_home = phone, go_home
        self.random = Random(seed)
        self.visits = 0

    def run(self) -> None:
        while not self.go_home.is_set():
            self.visit()
            self.visits += 1
            self.rest(self.random.uniform(0.1, 1.5))

    def visit(self) -> None:
        self.phone.look_at("/products/mug/")
        if not (self.phone.token or self.sign_in()):
            return
        self.find_incomplete()
        fate = self.random.choices([*FATES], [*FATES.values()])[0]
        terms = BUY_NOW if fate == "buys without an order" else self.order()
        if terms is None:
            return
        identifier = self.create_payment(terms)
        if identifier:
            self.pay(identifier, terms, fate)

    # Before the wallet opens

    def sign_in(self) -> bool:
        name = {"username": self.phone.username}
        _, agreed = self.phone.wallet("/sign_in", name | {"scopes": ["username", "payments"]})
        self.phone.access_token = agreed.get("accessToken", "")
        _, answer = self.phone.post("/user/signin", {"accessToken": self.phone.access_token})
        self.phone.token = answer.get("token", "")
        if not self.phone.token:
            self.rest(RHYTHM_IN_SECONDS)
        return bool(self.phone.token)

    def find_incomplete(self) -> None:
        """Post what onIncompletePaymentFound reports, and wait for nothing, as the page does."""
        _, found = self.phone.pi("/payments/incomplete", method="GET")
        if found.get("exists"):
            self.phone.post(
                "/payments/incomplete", {"payment": {"identifier": found["payment"]["identifier"]}}
            )

    def order(self) -> dict[str, Any] | None:
        """Tap once; send the tap again with its key until it is answered."""
        basket, tap = self.random.choice(BASKETS), uuid.uuid4().hex
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        self.random.shuffle(lines)
        body = {"lines": lines, "shipping": ADDRESS}

        def send() -> Answer:
            return self.phone.post("/api/orders/", body, **{"Idempotency-Key": tap})

        for _ in range(REPEATS):
            answers = twice(send) if self.random.random() < 0.1 else [send()]
            placed = [answer for status, answer in answers if status == 201]
            for answer in placed:
                self.phone.memory.ordered(tap, answer["reference"])
            if placed:
                return placed[0]
            if not any(is_away(status) for status, _ in answers):
                return None
            self.rest(RHYTHM_IN_SECONDS)
        return None

    def create_payment(self, terms: Mapping[str, Any]) -> str:
        for _ in range(REPEATS):
            status, created = self.phone.pi("/payments/user_to_app", terms["payment"])
            if status == 200:
                with self.phone.memory.lock:
                    self.phone.memory.payments_begun += 1
                return str(created["identifier"])
            # A pending payment of an earlier visit blocks: the SDK reports it, and the buyer tries again.
            self.find_incomplete()
            self.rest(RHYTHM_IN_SECONDS)
        return ""

    # The SDK's callbacks

    def pay(self, identifier: str, terms: Mapping[str, Any], fate: str) -> None:
        times = 2 if "twice" in fate else 1
        if fate == "an error is reported":
            self.phone.post("/payments/error", {"paymentId": identifier, "error": "the wallet is shut"})
        if not self.until("developer_approved", "/payments/approve", {"paymentId": identifier}, times):
            self.phone.post("/payments/cancel", {"paymentId": identifier})
            return
        if fate == "walks away":
            return
        if fate == "cancels the order":
            self.phone.post(f"/api/orders/{terms['reference']}/cancel/", {})
        if fate == "cancels in the wallet":
            self.phone.wallet(f"/payments/{identifier}/cancel")
            self.phone.post("/payments/cancel", {"paymentId": identifier})
            return
        self.rest(self.random.uniform(0, 1))
        late = fate == "pays, and Pi hears of it late"
        _, signed = self.phone.wallet(f"/payments/{identifier}/sign", {"recorded": not late})
        if "txid" not in signed or fate == "pays, and the app closes":
            return
        if late and self.random.random() < 0.5:
            self.pay_again(terms)
            return
        body = {"paymentId": identifier, "txid": signed["txid"]}
        self.until("developer_completed", "/payments/complete", body, times)

    def pay_again(self, terms: Mapping[str, Any]) -> None:
        """Pay the same order once more: as far as the buyer can see, nothing has happened."""
        if self.random.random() < 0.7 and (identifier := self.create_payment(terms)):
            self.pay(identifier, terms, "pays")

    def until(self, flag: str, path: str, body: Mapping[str, Any], times: int) -> bool:
        """Call back until Pi's record shows the flag, or that it never will. Return whether it does."""
        for _ in range(REPEATS):
            for status, answer in twice(lambda: self.phone.post(path, body), times):
                if status == 200 and answer.get("status") == "completed":
                    self.phone.memory.told_completed(body["paymentId"])
            flags = self.phone.record_of(body["paymentId"])
            if flags.get(flag):
                return True
            if flags.get("cancelled") or flags.get("user_cancelled"):
                return False
            self.rest(RHYTHM_IN_SECONDS)
        return False

    def rest(self, seconds: float) -> None:
        self.go_home.wait(seconds)


# Pi's demo frontend orders nothing before it pays.
BUY_NOW = {
    "reference": "",
    "payment": {"amount": 0.25, "memo": "a book", "metadata": {"productId": "book"}},
}


def twice(send: Callable[[], Answer], times: int = 2) -> list[Answer]:
    """Send the same call so many times at once, as taps and callbacks sometimes come."""
    if times == 1:
        return [send()]
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(send())) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def is_away(status: int) -> bool:
    """Return whether the page would take the shop to be away for a moment."""
    return status in (NO_ANSWER, 429) or status >= 500


def a_crowd(size: int, *, seed: int, phone: Callable[[str], Phone], go_home: threading.Event) -> list[Buyer]:
    names = [f"buyer{n}" for n in range(size)]
    return [Buyer(phone(name), seed=f"{seed}/{name}", go_home=go_home) for name in names]
