"""Everything the simulator remembers, and the one lock around it."""

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


Books = tuple[dict[str, Pioneer], dict[str, set[str]], dict[str, Token], dict[str, Payment], Chain]


class World:
    """Pi's books. Whoever reads or changes them holds `lock`; it may be taken again."""

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
        """Forget every pioneer, token, payment and transaction. Clock, quirks, faults stay."""
        self.pioneers: dict[str, Pioneer] = {}
        self.granted: dict[str, set[str]] = {}
        self.tokens: dict[str, Token] = {}
        self.payments: dict[str, Payment] = {}
        self.chain = Chain(self.clock, self.network)
        self.chain.balances[self.app_wallet] = APP_BALANCE

    def books(self) -> Books:
        """A copy of all that `clear` forgets."""
        of_pi = copy.deepcopy((self.pioneers, self.granted, self.tokens, self.payments))
        return *of_pi, self.chain.copy()

    def open_books(self, books: Books) -> None:
        """Go on from such a copy, which stays as it is."""
        self.pioneers, self.granted, self.tokens, self.payments = copy.deepcopy(books[:4])
        self.chain = books[4].copy()

    @property
    def horizon_url(self) -> str:
        """Where the chain can be looked at."""
        return f"{self.base_url}/horizon"

    def pioneer(self, username: str) -> Pioneer:
        """The pioneer of that name, created with a filled wallet on first use."""
        if username not in self.pioneers:
            pioneer = Pioneer(username, uid_of(username, OUR_APP), wallet_of(username))
            self.pioneers[username] = pioneer
            self.granted[pioneer.uid] = set()
            self.chain.balances[pioneer.wallet] = STARTING_BALANCE
        return self.pioneers[username]

    def pioneer_with_uid(self, uid: object) -> Pioneer:
        """The pioneer our app knows by that uid."""
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
        """What that access token stands for, while it is valid."""
        token = self.tokens.get(text)
        return token if token and self.clock.now() < token.valid_until else None

    def payment(self, identifier: str) -> Payment:
        """The payment, of whatever app; its dialog is closed first if its time has passed."""
        payment = self.payments.get(identifier)
        if payment is None:
            raise SimulatorRefusal("payment_not_found", "Payment not found")
        self._expire_if_due(payment)
        return payment

    def dto(self, payment: Payment) -> dict[str, Any]:
        """The payment as the API would send it."""
        return payment_dto(payment, self.quirks, self.horizon_url)

    def expire_due(self) -> None:
        """Close the dialogs whose app did not approve in time, by the clock."""
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
