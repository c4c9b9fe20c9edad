"""The simulator as tests and the command line use it: one Pi, and the actions of every party."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import lifecycle, wire
from .calls import Call, Hook
from .clock import Clock
from .control import Control
from .faults import Faults
from .gateway import Gateway
from .identity import wallet_of
from .pages import Pages
from .quirks import Quirks
from .records import OUR_APP, Payment, Pioneer
from .snapshot import snapshot
from .world import World

if TYPE_CHECKING:
    from .adapter import InProcessAdapter

DEMO_API_KEY = "simulated-api-key"
DEMO_SHOP = "http://127.0.0.1:8000/"
DEMO_WALLET = wallet_of(f"app {OUR_APP}")
TESTNET = "Pi Testnet"
IN_PROCESS_URL = "http://pi.simulated"

Amount = str | int | Decimal


class Simulator:
    """A whole Pi in memory.

    `wsgi` serves it over HTTP, `adapter()` to `requests` in the same process. The methods act
    for those who do not speak HTTP: the buyer, the buyer's wallet, the chain, and time. Methods
    that take an `identifier` raise `SimulatorRefusal` where Pi or the wallet would refuse. All
    may be called from any thread.
    """

    def __init__(
        self,
        *,
        api_key: str = DEMO_API_KEY,
        network: str = TESTNET,
        app_wallet: str = DEMO_WALLET,
        base_url: str = IN_PROCESS_URL,
        shop_url: str = DEMO_SHOP,
        clock: Clock | None = None,
        virtual_time: bool = False,
    ) -> None:
        """Start a Pi with one app, whose key and wallet these are.

        `shop_url` is the page the phone opens. With `virtual_time`, slow answers move the clock
        instead of making anybody wait.
        """
        self.api_key = api_key
        self.shop_url = shop_url
        self.clock = clock or Clock()
        self._world = World(
            clock=self.clock,
            network=network,
            app_wallet=app_wallet,
            base_url=base_url,
        )
        routes = [("/_control/", Control(self).answer), ("/", Pages().answer)]
        self.wsgi = Gateway(self._world, api_key, routes, virtual_time=virtual_time)

    # How it is reached

    @property
    def url(self) -> str:
        """The base of the Platform API, version included."""
        return f"{self._world.base_url}/v2"

    @property
    def horizon_url(self) -> str:
        """The base of Horizon."""
        return self._world.horizon_url

    @property
    def network(self) -> str:
        """The network's name, which is its passphrase too."""
        return self._world.network

    @property
    def app_wallet(self) -> str:
        """The address our app is paid at."""
        return self._world.app_wallet

    def served_at(self, base_url: str) -> None:
        """Begin all addresses with `base_url` from now on, because a server answers there."""
        self._world.base_url = base_url

    def adapter(self) -> InProcessAdapter:
        """Return an adapter for `requests` that answers from this simulator, without a socket."""
        from .adapter import InProcessAdapter  # needs `requests`, which nothing else here does

        return InProcessAdapter(self.wsgi)

    # What tests inspect and set

    @property
    def quirks(self) -> Quirks:
        """Settings for what nobody has seen Pi do."""
        return self._world.quirks

    @property
    def faults(self) -> Faults:
        """What goes wrong between the shop and Pi."""
        return self._world.faults

    @property
    def calls(self) -> list[Call]:
        """The calls that reached Pi, in the order of their arrival."""
        return self.wsgi.calls

    @property
    def before_call(self) -> Hook | None:
        """Runs when a call has arrived and Pi has not acted; it may act as anybody."""
        return self.wsgi.before_call

    @before_call.setter
    def before_call(self, hook: Hook | None) -> None:
        self.wsgi.before_call = hook

    @property
    def after_call(self) -> Hook | None:
        """Runs when Pi has acted on a call and the answer has not left."""
        return self.wsgi.after_call

    @after_call.setter
    def after_call(self, hook: Hook | None) -> None:
        self.wsgi.after_call = hook

    def reset(self) -> None:
        """Forget everybody and everything, calls and faults included. The clock goes on."""
        with self._world.lock:
            self._world.clear()
        self.faults.clear()
        self.calls.clear()

    def checkpoint(self) -> Callable[[], None]:
        """Return a function that restores all data and the time as they are now, as often as it is called.

        Faults, quirks and calls are not restored.
        """
        with self._world.lock:
            saved, offset = self._world.save(), self.clock.offset

        def restore() -> None:
            with self._world.lock:
                self._world.restore(saved)
                self.clock.reset(offset)

        return restore

    # Pioneers

    def pioneer(self, username: str, balance: Amount | None = None) -> Pioneer:
        """Return the pioneer of that name, created on first use with 100 Pi; `balance` sets the balance."""
        with self._world.lock:
            pioneer = self._world.pioneer(username)
            if balance is not None:
                self._world.chain.balances[pioneer.wallet] = wire.exact_balance(balance)
            return pioneer

    def balance_of(self, wallet: Pioneer | str) -> Decimal:
        """Return the balance of a pioneer, or of the wallet at an address, in Pi."""
        address = wallet.wallet if isinstance(wallet, Pioneer) else wallet
        with self._world.lock:
            return self._world.chain.balances.get(address, Decimal())

    def sign_in(
        self,
        pioneer: Pioneer,
        *,
        scopes: tuple[str, ...] = ("username", "payments"),
        lifetime: float = 3600,
    ) -> str:
        """Grant our app the scopes, and return an access token valid for `lifetime` seconds."""
        with self._world.lock:
            known = self._world.pioneer(pioneer.username)
            return self._world.sign_in(known, tuple(scopes), lifetime)

    def revoke(self, token: str) -> None:
        """Invalidate an access token at once."""
        with self._world.lock:
            self._world.tokens.pop(token, None)

    def incomplete_payment_of(self, pioneer: Pioneer) -> dict[str, Any] | None:
        """Return what `authenticate` finds: the latest payment that is neither completed nor cancelled.

        It may have no transaction, as developers report although the documentation does not say so.
        """
        with self._world.lock:
            found = lifecycle.unfinished_incoming(self._world, pioneer)
            return self._dto(found[0]) if found else None

    # The buyer and the buyer's wallet

    def create_payment(
        self,
        pioneer: Pioneer,
        amount: Amount = "1",
        memo: str = "A simulated purchase",
        metadata: dict[str, Any] | None = None,
        app: str = OUR_APP,
    ) -> str:
        """Create a payment as the SDK's `createPayment` does, and return its identifier.

        Cancel the pioneer's open payment in that app if it has no transaction; refuse with
        `pending_payment` if it has one. With the name of another `app`, our app may not see the
        payment.
        """
        with self._world.lock:
            return lifecycle.create_incoming(
                self._world,
                self._world.pioneer(pioneer.username),
                amount=wire.exact_amount(amount),
                memo=memo,
                metadata=copy.deepcopy(metadata or {}),
                app=app,
            ).identifier

    def sign(self, identifier: str, *, recorded: bool | None = None, verified: bool = True) -> str:
        """Pay as the buyer: move the amount on the chain, and return the txid.

        Refused unless the app has approved and nobody has cancelled. With `recorded=False` Pi
        does not learn of it until `record_transaction`, or until the app completes with the txid;
        for payments from the app, which the app's wallet signs, that is the default, as at the real
        Pi. With `verified=False` Pi does not verify it until `verify_transaction`.
        """
        with self._world.lock:
            payment = self._world.payment(identifier)
            if recorded is None:
                recorded = payment.incoming
            return lifecycle.sign(self._world, payment, recorded=recorded, verified=verified)

    def send(self, pioneer: Pioneer, amount: Amount, *, memo: str) -> str:
        """Send Pi from the pioneer's wallet to the app's without a payment, with any memo; return the txid.

        Pi's API does not show the transaction: it belongs to no payment, whatever its memo says.
        """
        with self._world.lock:
            transaction = self._world.chain.pay(
                source=self._world.pioneer(pioneer.username).wallet,
                destination=self._world.app_wallet,
                amount=wire.exact_amount(amount),
                memo=memo,
            )
            return transaction.hash

    def record_transaction(self, identifier: str) -> None:
        """Let Pi learn of the signed transaction, even if the payment has been cancelled meanwhile."""
        with self._world.lock:
            lifecycle.record(self._world.payment(identifier))

    def verify_transaction(self, identifier: str) -> None:
        """Let Pi learn of the signed transaction and verify it."""
        with self._world.lock:
            lifecycle.verify(self._world.payment(identifier))

    def cancel_by_user(self, identifier: str) -> None:
        """Cancel as the buyer, instead of paying."""
        with self._world.lock:
            lifecycle.cancel_by_user(self._world, self._world.payment(identifier))

    def expire_approval(self, identifier: str) -> None:
        """Let the approval window of a payment elapse now.

        The buyer's dialog closes, `onCancel` fires, and nobody can sign any more. Nobody has
        published which flag Pi sets then; `quirks.expired_sets` says `cancelled` unless told
        otherwise. An approved payment stays as it is. Moving the clock by 60 seconds does the
        same.
        """
        with self._world.lock:
            self._world.expire(self._world.payment(identifier))

    def forget(self, identifier: str) -> None:
        """Delete the payment at Pi: whoever asks for it gets `payment_not_found`."""
        with self._world.lock:
            del self._world.payments[self._world.payment(identifier).identifier]

    # The app's server, without HTTP and without faults

    def create_outgoing(
        self,
        pioneer: Pioneer,
        amount: Amount = "1",
        memo: str = "A simulated refund",
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Open a payment of our app to a pioneer, as `POST /payments` does; return the identifier.

        The pioneer is taken to have shared the wallet address; over HTTP that scope must have
        been granted at a sign-in.
        """
        with self._world.lock:
            known = self._world.pioneer(pioneer.username)
            self._world.granted[known.uid].add("wallet_address")
            return lifecycle.create_outgoing(
                self._world,
                known,
                amount=wire.exact_amount(amount),
                memo=memo,
                metadata=copy.deepcopy(metadata or {"reason": "refund"}),
            ).identifier

    def approve(self, identifier: str) -> None:
        """Approve as our app's server."""
        with self._world.lock:
            lifecycle.approve(self._world, self._world.payment(identifier))

    def complete(self, identifier: str, txid: str) -> None:
        """Complete as our app's server."""
        with self._world.lock:
            lifecycle.complete(self._world, self._world.payment(identifier), txid)

    def cancel(self, identifier: str) -> None:
        """Cancel as our app's server."""
        with self._world.lock:
            lifecycle.cancel(self._world, self._world.payment(identifier))

    # The record

    def payment(self, identifier: str) -> dict[str, Any]:
        """Return the payment as the API would send it, with its amount as a Decimal."""
        with self._world.lock:
            return self._dto(self._world.payment(identifier))

    def payments(self) -> list[dict[str, Any]]:
        """Return every payment of our app as the API would send it, in both directions, oldest first."""
        with self._world.lock:
            ours = [payment for payment in self._world.payments.values() if payment.app == OUR_APP]
            return [self._dto(payment) for payment in ours]

    def txid_of(self, identifier: str) -> str | None:
        """Return the hash of the payment's transaction on the chain, whether Pi knows of it or not."""
        with self._world.lock:
            signed = self._world.payment(identifier).signed
            return signed.hash if signed else None

    def state(self) -> dict[str, Any]:
        """Return all data for the control panel, without keys and tokens."""
        with self._world.lock:
            return {"shop": self.shop_url, **copy.deepcopy(snapshot(self._world, self.calls))}

    def tamper(self, identifier: str, **lies: Any) -> None:
        """Replace fields in Pi's answers about a payment, such as `amount`, `user_uid`, `to_address`,
        `network`, `metadata` or `direction`. The chain is not affected.
        """
        with self._world.lock:
            payment = self._world.payment(identifier)
            unknown = lies.keys() - self._world.dto(payment).keys()
            if unknown:
                raise ValueError(f"a payment has no {', '.join(sorted(unknown))}")
            if isinstance(lies.get("amount"), (str, int)):
                lies["amount"] = Decimal(lies["amount"])
            payment.lies |= copy.deepcopy(lies)

    def _dto(self, payment: Payment) -> dict[str, Any]:
        return copy.deepcopy(self._world.dto(payment))
