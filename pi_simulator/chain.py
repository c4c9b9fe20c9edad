"""The blockchain: balances, signed transactions, and ledgers that close every five seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from .clock import Clock
from .identity import new_txid
from .refusal import SimulatorRefusal

STROOPS_PER_PI = 10_000_000
BASE_FEE = Decimal("0.01")
"""Pi per transaction, on both networks."""

GENESIS = datetime(2021, 3, 14, tzinfo=UTC)
LEDGER_TIME = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One native payment on the chain.

    `memo` is the identifier of its payment, `sequence` its number among its sender's transactions,
    `paging_token` its position among all, as Horizon counts.
    """

    hash: str
    memo: str
    source: str
    destination: str
    amount: Decimal
    sequence: int
    signed_at: datetime
    ledger: int
    paging_token: int

    def touches(self, wallet: str) -> bool:
        """Return whether the wallet sent or received the transaction."""
        return wallet in (self.source, self.destination)


class Chain:
    """All balances and transactions. The caller must hold the world's lock."""

    def __init__(self, clock: Clock, passphrase: str) -> None:
        self.passphrase = passphrase
        self.balances: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.transactions: dict[str, Transaction] = {}
        self._clock = clock
        self._sequences: defaultdict[str, int] = defaultdict(int)

    def copy(self) -> Chain:
        """Return another chain with the same history and the same clock."""
        twin = Chain(self._clock, self.passphrase)
        twin.balances |= self.balances
        twin.transactions |= self.transactions
        twin._sequences |= self._sequences
        return twin

    @property
    def last_ledger(self) -> int:
        """The number of the ledger that closed last."""
        return (self._clock.now() - GENESIS) // LEDGER_TIME

    def closed_at(self, ledger: int) -> datetime:
        """Return when that ledger closed, or will close."""
        return GENESIS + ledger * LEDGER_TIME

    def sequence_of(self, wallet: str) -> int:
        """Return how many transactions the wallet has sent."""
        return self._sequences[wallet]

    def pay(self, *, source: str, destination: str, amount: Decimal, memo: str) -> Transaction:
        """Move the amount, take the fee from the sender, and keep the transaction."""
        cost = amount + BASE_FEE
        if self.balances[source] < cost:
            raise SimulatorRefusal("insufficient_balance", f"The wallet needs {cost} Pi and holds less.")
        self.balances[source] -= cost
        self.balances[destination] += amount
        self._sequences[source] += 1
        ledger = self.last_ledger
        transaction = Transaction(
            hash=new_txid(),
            memo=memo,
            source=source,
            destination=destination,
            amount=amount,
            sequence=self._sequences[source],
            signed_at=self._clock.now(),
            ledger=ledger,
            paging_token=ledger << 32 | len(self.transactions),
        )
        self.transactions[transaction.hash] = transaction
        return transaction
