"""What Pi knows: pioneers, their access tokens, and payments with their flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from .chain import Transaction

OUR_APP = "shop"
"""The app whose API key the simulator was started with."""

Direction = Literal["user_to_app", "app_to_user"]
USER_TO_APP: Direction = "user_to_app"
APP_TO_USER: Direction = "app_to_user"


@dataclass(frozen=True, slots=True)
class Pioneer:
    """A buyer: `uid` identifies them to our app, `wallet` is the address they pay from.

    `roles` and `language` are what Pi tells an app that was granted the scopes for them.
    """

    username: str
    uid: str
    wallet: str
    roles: tuple[str, ...] = ("email_verified",)
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Token:
    """One access token, as long as nobody revokes it."""

    pioneer: Pioneer
    scopes: tuple[str, ...]
    valid_until: datetime


@dataclass(slots=True)
class Payment:
    """One payment as Pi knows it.

    `signed` is its transaction on the chain, `recorded` whether Pi has learned of that, `verified`
    whether Pi has verified it. `lies` replaces fields of the API's answer, and nothing else.
    """

    identifier: str
    app: str
    pioneer: Pioneer
    user_uid: str
    amount: Decimal
    memo: str
    metadata: dict[str, Any]
    direction: Direction
    from_address: str
    to_address: str
    network: str
    created_at: datetime
    approve_until: datetime
    developer_approved: bool = False
    developer_completed: bool = False
    cancelled: bool = False
    user_cancelled: bool = False
    expired: bool = False
    signed: Transaction | None = None
    recorded: bool = False
    verified: bool = False
    doubted: bool = False
    lies: dict[str, Any] = field(default_factory=dict)

    @property
    def incoming(self) -> bool:
        """Whether a pioneer pays the app."""
        return self.direction == USER_TO_APP

    @property
    def closed(self) -> bool:
        """Whether one of the two cancel flags is set."""
        return self.cancelled or self.user_cancelled
