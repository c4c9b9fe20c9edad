"""A refusal of the simulated platform, in Pi's own words."""

from __future__ import annotations

from typing import Any


class SimulatorRefusal(Exception):
    """Pi, or the buyer's wallet, has refused a request; nothing has changed.

    `code` is Pi's error code (or a similar one, for refusals of the wallet), `payment` the payment as
    the API would send it, if Pi's answer contains it.
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
        """Return the refusal as the JSON object that Pi sends."""
        body: dict[str, Any] = {"error": self.code}
        if self.message:
            body["error_message"] = self.message
        if self.verification_error:
            body["verification_error"] = self.verification_error
        if self.payment is not None:
            body["payment"] = self.payment
        return body
