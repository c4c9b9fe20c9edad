"""The data of the simulator, and the one lock around it."""

from __future__ import annotations

import copy
import secrets
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

from .chain import Chain
from .clock import Clock
from .dto import payment_dto
from .faults import Faults
from .identity import uid_of, wallet_of
from .quirks import Quirks
from .records import OUR_APP, Payment, Pioneer, Token
from .refusal import SimulatorRefusal

STARTING_BALANCE = Decimal(100)
APP_BALANCE = Decimal(1000)


Checkpoint = tuple[dict[str, Pioneer], dict[str, set[str]], dict[str, Token], dict[str, Payment], Chain]


class World:
    """All data of the simulated Pi. Whoever reads or changes it must hold `lock`, which is reentrant."""

    def __init__(self, *, clock: Clock, network: str, app_wallet: str, base_url: str) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.network = network
        self.app_wallet = app_wallet
        self.base_url = base_url
        self.quirks = Quirks()
        self.faults = Faults()
        self.clear()

    def clear(self) -> None:
        """Delete every pioneer, token, payment and transaction. Keep clock, quirks and faults."""
        self.pioneers: dict[str, Pioneer] = {}
        self.granted: dict[str, set[str]] = {}
        self.tokens: dict[str, Token] = {}
        self.payments: dict[str, Payment] = {}
        self.chain = Chain(self.clock, self.network)
        self.chain.balances[self.app_wallet] = APP_BALANCE

    def save(self) -> Checkpoint:
        """Return a copy of all that `clear` deletes."""
        of_pi = copy.deepcopy((self.pioneers, self.granted, self.tokens, self.payments))
        return *of_pi, self.chain.copy()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a copy that `save` has made; the copy can be used again."""
        self.pioneers, self.granted, self.tokens, self.payments = copy.deepcopy(checkpoint[:4])
        self.chain = checkpoint[4].copy()

    @property
    def horizon_url(self) -> str:
        """The base address of Horizon."""
        return f"{self.base_url}/horizon"

    def pioneer(self, username: str) -> Pioneer:
        """Return the pioneer of that name, created on first use with `STARTING_BALANCE`."""
        if username not in self.pioneers:
            pioneer = Pioneer(username, uid_of(username, OUR_APP), wallet_of(username))
            self.pioneers[username] = pioneer
            self.granted[pioneer.uid] = set()
            self.chain.balances[pioneer.wallet] = STARTING_BALANCE
        return self.pioneers[username]

    def pioneer_with_uid(self, uid: object) -> Pioneer:
        """Return the pioneer that our app knows by that uid."""
        for pioneer in self.pioneers.values():
            if pioneer.uid == uid:
                return pioneer
        raise SimulatorRefusal("user_not_found", f"User with uid {uid} was not found")

    def sign_in(self, pioneer: Pioneer, scopes: tuple[str, ...], lifetime: float) -> str:
        """Grant the scopes to our app and issue an access token for them."""
        self.granted[pioneer.uid] |= set(scopes)
        text = secrets.token_urlsafe(32)
        valid_until = self.clock.now() + timedelta(seconds=lifetime)
        self.tokens[text] = Token(pioneer, scopes, valid_until)
        return text

    def token(self, text: str) -> Token | None:
        """Return the access token with that text while it is valid, else None."""
        token = self.tokens.get(text)
        return token if token and self.clock.now() < token.valid_until else None

    def payment(self, identifier: str) -> Payment:
        """Return a payment of any app; if its approval window has elapsed, close its dialog first."""
        payment = self.payments.get(identifier)
        if payment is None:
            raise SimulatorRefusal("payment_not_found", "Payment not found")
        self._expire_if_due(payment)
        return payment

    def dto(self, payment: Payment) -> dict[str, Any]:
        """Return the payment as the API would send it."""
        return payment_dto(payment, self.quirks, self.horizon_url)

    def expire_due(self) -> None:
        """Close the dialogs of payments that were not approved in time."""
        for payment in self.payments.values():
            self._expire_if_due(payment)

    def expire(self, payment: Payment) -> None:
        """Close the dialog of a payment that still waits for approval; see `expired_sets`."""
        if payment.developer_approved or payment.closed or payment.expired:
            return
        payment.expired = True
        if self.quirks.expired_sets == "cancelled":
            payment.cancelled = True
        elif self.quirks.expired_sets == "user_cancelled":
            payment.user_cancelled = True

    def _expire_if_due(self, payment: Payment) -> None:
        if self.clock.now() >= payment.approve_until:
            self.expire(payment)
