"""A "no" of the simulated platform, with the words Pi uses for it."""

from __future__ import annotations

from typing import Any


class SimulatorRefusal(Exception):
    """Pi, or the buyer's wallet, refuses what was asked, and nothing has changed.

    `code` is Pi's error code (or, for the wallet's own refusals, one of the same kind), `payment`
    the payment as the API would send it, where Pi's answer carries it.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        payment: dict[str, Any] | None = None,
        verification_error: str = "",
    ) -> None:
        super().__init__(f"{code}: {message or verification_error}")
        self.code = code
        self.message = message
        self.payment = payment
        self.verification_error = verification_error

    def body(self) -> dict[str, Any]:
        """The refusal as the JSON object that Pi answers."""
        body: dict[str, Any] = {"error": self.code}
        if self.message:
            body["error_message"] = self.message
        if self.verification_error:
            body["verification_error"] = self.verification_error
        if self.payment is not None:
            body["payment"] = self.payment
        return body
