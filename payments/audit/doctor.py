"""Is this shop ready to take Pi? Each check yields one finding: green, yellow or red, and advice.

Asks Pi, the chain, the database, the files and the shop's own pages; changes nothing.
"""

from __future__ import annotations

import enum
import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from catalog.models import Delivery, Variant
from payments.checks import UNSHARED_CACHES
from payments.domain import reconciliation
from payments.models import PiPayment
from payments.pi.client import PiClient, PiError, PiMisconfigured, PiRefused
from payments.pi.horizon import Horizon
from payments.pi.http import session

SECONDS = 10
PI_API = "https://api.minepi.com/v2"
NETWORKS = {
    "Pi Network": "https://api.mainnet.minepi.com",
    "Pi Testnet": "https://api.testnet.minepi.com",
}

# Where Pi shows apps: its browser, its sandbox, PiNet.
FRAMES_OF_PI = {"https://*.minepi.com", "https://*.pinet.com"}


class Colour(enum.Enum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True)
class Finding:
    """The result of one check. `advice` says what to do when it is not green."""

    colour: Colour
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.advice}".strip()


@dataclass(frozen=True)
class Page:
    """What the shop answers at one address."""

    status: int
    headers: Mapping[str, str]
    content: bytes


Look = Callable[[str], Page]


def examine(look: Look) -> Iterator[Finding]:
    """Run every check in turn and yield its finding; `look` fetches a page of the shop."""
    database = database_is_ready()
    yield database
    yield debug_is_off()
    yield cache_is_shared()
    yield sandbox_is_off()
    yield key_works()
    yield network_is_right()
    yield wallet_exists()
    yield validation_key_is_served(look)
    yield shop_can_be_framed(look)
    yield admin_cannot_be_framed(look)
    if database.colour == Colour.GREEN:
        yield last_payment_was_ours()
        yield somebody_reconciles()
        yield files_are_there()


# Here ------------------------------------------------------------------------------------------------


def database_is_ready() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return _red(f"The database cannot be reached ({error}).", "Is it running, and is DATABASE_URL right?")
    if missing:
        return _red(f"{len(missing)} migrations are missing.", "Run manage.py migrate.")
    return _green("The database is reachable and has all migrations.")


def debug_is_off() -> Finding:
    if settings.DEBUG:
        return _red_in_a_shop("DEBUG is on: errors are shown to everybody.", "Set DEBUG=false.")
    return _green("DEBUG is off.")


def cache_is_shared() -> Finding:
    advice = "Set CACHE_URL, for example to dbcache://pistore_cache, and run manage.py createcachetable."
    if settings.CACHES["default"]["BACKEND"].endswith(UNSHARED_CACHES):
        return _red_in_a_shop("The cache is not shared: each process throttles by itself.", advice)
    try:
        cache.set("pi_doctor", SECONDS, timeout=SECONDS)
        remembers = cache.get("pi_doctor") == SECONDS
    except Exception as error:  # every backend has errors of its own
        return _red(f"The cache cannot be reached ({type(error).__name__}).", advice)
    if not remembers:
        return _red("The cache forgets at once, so nothing is throttled.", advice)
    return _green("The cache is shared between processes.")


def sandbox_is_off() -> Finding:
    if settings.PI_SDK_SANDBOX:
        text = "PI_SDK_SANDBOX is on: pages speak to the sandbox, and stay silent in the Pi Browser."
        return _red_in_a_shop(text, "Set PI_SDK_SANDBOX=false.")
    return _green("The pages speak to the Pi Browser, not to the sandbox.")


def last_payment_was_ours() -> Finding:
    """Check where the last money went: our key and the connected wallet decide that, not our settings."""
    last = PiPayment.objects.order_by("-pk").first()
    if last is None:
        return _yellow("Nobody has paid yet.", "Buy something for a little Pi.")
    if last.network != settings.PI_NETWORK:
        text = f"The last payment was on {last.network}, not on {settings.PI_NETWORK}."
        return _red(text, "The key decides the network: set PI_API_KEY or PI_NETWORK.")
    if last.to_address != settings.PI_WALLET_ADDRESS:
        text = f"The last payment went to {last.to_address or 'no wallet'}, not to PI_WALLET_ADDRESS."
        return _red(text, "Set PI_WALLET_ADDRESS to the wallet that the developer portal shows as connected.")
    return _green(f"The last payment was on {last.network}, to PI_WALLET_ADDRESS.")


def somebody_reconciles() -> Finding:
    overdue = reconciliation.overdue_checks().count()
    if overdue:
        text = f"{overdue} payments are overdue for a check."
        return _red(text, "Run manage.py reconcile_payments every minute; see whether it reaches Pi.")
    return _green("No payment is overdue for a check.")


def files_are_there() -> Finding:
    """Check the files of all downloads, also unpublished ones: whoever bought one may come back for it."""
    sold = Variant.objects.filter(delivery=Delivery.DOWNLOAD).exclude(file="").order_by("sku")
    missing = [variant.sku for variant in sold if not variant.file_is_there]
    if missing:
        return _red(
            f"The file of {', '.join(missing)} is missing: whoever pays for it gets nothing.",
            "Bring var/downloads back from the backup, or add the file anew on the page of the variant.",
        )
    return _green("Every file that is sold is there.")


# Pi --------------------------------------------------------------------------------------------------


def key_works() -> Finding:
    """Ask for a payment that nobody made: with the right key, Pi says that it does not exist."""
    nobodys = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(28))
    try:
        PiClient(seconds=SECONDS).get_payment(nobodys)
    except PiRefused as refusal:
        if refusal.code == "payment_not_found":
            return _green("Pi accepts our key.")
        return _red(f"Pi answers strangely ({refusal}).", f"Is PI_API_URL {PI_API}?")
    except PiMisconfigured as problem:
        advice = f"Copy PI_API_KEY from the developer portal, and set PI_API_URL to {PI_API}."
        return _red(f"Pi does not accept us ({problem}).", advice)
    except PiError as problem:
        return _red(f"Pi gives no clear answer ({problem}).", f"Is PI_API_URL {PI_API}, and Pi up?")
    return _red("Pi shows a payment that nobody made.", f"Is PI_API_URL {PI_API}?")


def network_is_right() -> Finding:
    should_be = NETWORKS[settings.PI_NETWORK]
    try:
        network = Horizon(seconds=SECONDS).network()
    except PiError as problem:
        return _red(
            f"The chain gives no clear answer ({problem}).", f"Is PI_HORIZON_URL {should_be}, and up?"
        )
    if network != settings.PI_NETWORK:
        text = f"PI_NETWORK is {settings.PI_NETWORK}, but PI_HORIZON_URL is on {network}."
        return _red(text, f"For {settings.PI_NETWORK}, PI_HORIZON_URL is {should_be}.")
    return _green(f"PI_HORIZON_URL is on {network}, as PI_NETWORK says.")


def wallet_exists() -> Finding:
    try:
        exists = Horizon(seconds=SECONDS).has_wallet(settings.PI_WALLET_ADDRESS)
    except PiError as problem:
        return _red(
            f"The chain gives no clear answer about our wallet ({problem}).", "Try again in a minute."
        )
    if not exists:
        text = f"The wallet {settings.PI_WALLET_ADDRESS} does not exist on {settings.PI_NETWORK}."
        return _red(
            text, "Set PI_WALLET_ADDRESS to the one in the developer portal; a new one needs some Pi."
        )
    return _green(f"Our wallet exists on {settings.PI_NETWORK}.")


# The shop's pages ------------------------------------------------------------------------------------


def validation_key_is_served(look: Look) -> Finding:
    key = settings.PI_VALIDATION_KEY
    if not key:
        text = "PI_VALIDATION_KEY is empty, so Pi cannot verify the domain."
        return _red_in_a_shop(text, "Copy it from the developer portal.")
    try:
        page = look("/validation-key.txt")
    except OSError as problem:
        return _unreachable(problem)
    if "Location" in page.headers:
        text = f"/validation-key.txt redirects to {page.headers['Location']}."
        return _red(text, "Serve it as it is: Pi follows no redirect.")
    if page.status != HTTPStatus.OK or page.content != key.encode():
        text = f"/validation-key.txt answers {page.status} and not just the key."
        return _red(text, "Does something in front of the shop change it?")
    return _green("/validation-key.txt answers the bare key, without a redirect.")


def shop_can_be_framed(look: Look) -> Finding:
    try:
        page = look("/")
    except OSError as problem:
        return _unreachable(problem)
    if page.status != HTTPStatus.OK:
        return _red(f"The shop's first page answers {page.status}.", "Look into the log.")
    policies = _frame_ancestors(page)
    is_allowed = policies and all(policy >= FRAMES_OF_PI for policy in policies)
    if "X-Frame-Options" in page.headers or not is_allowed:
        advice = "Does something in front of the shop add X-Frame-Options or a policy of its own?"
        return _red("The Pi Browser may not show the shop in its frame.", advice)
    return _green("The Pi Browser may show the shop in its frame.")


def admin_cannot_be_framed(look: Look) -> Finding:
    try:
        page = look("/admin/login/")
    except OSError as problem:
        return _unreachable(problem)
    if page.status != HTTPStatus.OK:
        return _red(f"The admin's login answers {page.status}.", "Look into the log.")
    if page.headers.get("X-Frame-Options") != "DENY" or {"'none'"} not in _frame_ancestors(page):
        advice = "Does something in front of the shop change its headers?"
        return _red("Somebody may show the admin in a frame, and borrow your staff's clicks.", advice)
    return _green("Nobody may show the admin in a frame.")


def in_process(path: str) -> Page:
    """Fetch a page inside this process, as if by https, with nothing in front of it."""
    host = settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else "localhost"
    client = Client(raise_request_exception=False)
    response = client.get(path, secure=True, headers={"host": "localhost" if host == "*" else host})
    return Page(response.status_code, response.headers, response.content)


def at(url: str) -> Look:
    """Return a function that fetches a page from the shop's public address, through whatever is in front of
    it, and raises OSError when there is no answer.
    """

    def look(path: str) -> Page:
        response = session.get(url.rstrip("/") + path, timeout=SECONDS, allow_redirects=False)
        return Page(response.status_code, response.headers, response.content)

    return look


def _frame_ancestors(page: Page) -> list[set[str]]:
    """Return the frame-ancestors of each policy: a proxy may add a second one, and then both must allow."""
    policies = page.headers.get("Content-Security-Policy", "").split(",")
    directives = [directive.split() for policy in policies for directive in policy.split(";")]
    return [set(values) for name, *values in filter(None, directives) if name == "frame-ancestors"]


# Colours ---------------------------------------------------------------------------------------------


def _green(text: str) -> Finding:
    return Finding(Colour.GREEN, text)


def _yellow(text: str, advice: str) -> Finding:
    return Finding(Colour.YELLOW, text, advice)


def _red(text: str, advice: str) -> Finding:
    return Finding(Colour.RED, text, advice)


def _red_in_a_shop(text: str, advice: str) -> Finding:
    """Return red, or yellow in the demo, which talks to a simulated Pi on this machine."""
    is_demo = settings.DEBUG and urlsplit(settings.PI_API_URL).scheme != "https"
    return _yellow(text, advice) if is_demo else _red(text, advice)


def _unreachable(problem: OSError) -> Finding:
    return _red(f"The shop does not answer ({type(problem).__name__}).", "Is it running, under that address?")
