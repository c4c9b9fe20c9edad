"""Details of Pi that are not known for certain, as settings.

The error codes and most texts are known from public code and logs. The HTTP status that goes with
a code, and what happens in some corner cases, are not. A correct client must not depend on them, so
a test may change each one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

# 401, 404 and the two 400s of payments to users were seen or reported; the others are guesses.
STATUSES = {
    "invalid_api_key": 401,
    "invalid_token": 401,
    "missing_scope": 401,
    "forbidden": 403,
    "payment_not_found": 404,
    "user_not_found": 404,
    "already_approved": 400,
    "already_completed": 400,
    "cancelled_payment": 400,
    "invalid_amount": 400,
    "invalid_arguments": 400,
    "invalid_metadata": 400,
    "missing_txid": 400,
    "not_verified": 400,
    "ongoing_payment_found": 400,
    "payment_tx_present": 400,
    "pending_payment": 400,
    "txid_mismatch": 400,
    "verification_failed": 400,
}


@dataclass
class Quirks:
    """Settings a test may change at any time. The defaults are the most likely guess."""

    statuses: dict[str, int] = field(default_factory=lambda: dict(STATUSES))
    """HTTP status of each error code."""

    approve_twice_is_error: bool = True
    """A second approval answers `already_approved`; False: 200 and the payment again."""

    complete_twice: Literal["already_completed", "payment_already_linked_with_a_tx", "ok"] = (
        "already_completed"
    )
    """A second completion. The middle one, a `verification_failed`, was seen in a race."""

    cancel_twice_is_error: bool = True
    """A second cancellation answers `cancelled_payment`; False: 200 and the payment again."""

    approval_window: float = 60
    """Seconds the buyer's dialog waits for the app's approval, as Pi's own demo describes."""

    expired_sets: Literal["cancelled", "user_cancelled", "nothing"] = "cancelled"
    """Which flag an elapsed approval window sets. Only the closing dialog and `onCancel` are
    known. `cancelled` is the default because that flag also marks the other cancellation which
    Pi makes by itself, that of a payment replaced by a newer one."""

    late_transaction_revives: bool = True
    """A transaction that Pi learns of after the payment was cancelled makes it completable, and
    blocks the buyer until it is completed. False: the payment stays cancelled for good."""

    exponent_amounts: Literal["small", "always", "never"] = "small"
    """Which amounts are written like 1e-7. Those below a millionth were seen so."""

    platform_scope: bool = False
    """`GET /me` lists the scope `platform` although nobody asked for it, as was once seen."""

    extra_keys: dict[str, Any] = field(default_factory=dict)
    """Further keys of every payment, which a client has to ignore."""

    outgoing_extra_keys: dict[str, Any] = field(
        default_factory=lambda: {"split_recipients": None, "token_canonical": None}
    )
    """Further keys of payments from the app to a pioneer, both seen in real answers."""

    horizon_lag: float = 0
    """Seconds until Horizon shows a transaction that the chain already holds."""

    def status_of(self, code: str) -> int:
        """Return the HTTP status that goes with an error code."""
        return self.statuses.get(code, 400)
