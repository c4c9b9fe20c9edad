"""`pi_doctor`: each check is green in a healthy shop, and red, with advice, for whatever can be wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
import responses
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from pytest_django import Settings

from payments.audit import doctor
from payments.audit.doctor import Colour, Finding
from payments.audit.doctor import Page as Answer
from payments.models import PiPayment
from payments.pi.http import session
from pi_simulator import Simulator
from tests.catalog.goods import lose_file, product, variant
from tests.payments.page import Page

KEY = "0123456789abcdef" * 8
SHARED = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache"}}
UNSHARED = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture
def right(pi: Simulator, settings: Settings, tmp_path: object, db: None) -> Settings:
    """Return the settings of a shop in which everything is right."""
    settings.DEBUG = False
    settings.PI_SDK_SANDBOX = False
    settings.PI_VALIDATION_KEY = KEY
    settings.CACHES = {"default": SHARED["default"] | {"LOCATION": str(tmp_path)}}
    return settings


def run(*options: str) -> tuple[list[str], str]:
    out = io.StringIO()
    try:
        call_command("pi_doctor", *options, stdout=out, no_color=True)
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), ""


def test_a_right_shop_is_green_from_top_to_bottom(right: Settings, alice: Page) -> None:
    alice.buy({"mug": 1})

    assert run() == (
        [
            "green  The database is reachable and has all migrations.",
            "green  DEBUG is off.",
            "green  The cache is shared between processes.",
            "green  The pages speak to the Pi Browser, not to the sandbox.",
            "green  Pi accepts our key.",
            "green  PI_HORIZON_URL is on Pi Testnet, as PI_NETWORK says.",
            "green  Our wallet exists on Pi Testnet.",
            "green  /validation-key.txt answers the bare key, without a redirect.",
            "green  The Pi Browser may show the shop in its frame.",
            "green  Nobody may show the admin in a frame.",
            "green  The last payment was on Pi Testnet, to PI_WALLET_ADDRESS.",
            "green  No payment is overdue for a check.",
            "green  Every file that is sold is there.",
        ],
        "",
    )


def test_a_shop_that_has_sold_nothing_is_told_to_try(right: Settings) -> None:
    printed, error = run()

    assert "yellow Nobody has paid yet. Buy something for a little Pi." in printed
    assert error == ""


def test_anything_red_fails(right: Settings) -> None:
    right.PI_NETWORK = "Pi Network"
    right.PI_VALIDATION_KEY = ""

    printed, error = run()

    assert [line for line in printed if line.startswith("red")] == [
        (
            "red    PI_NETWORK is Pi Network, but PI_HORIZON_URL is on Pi Testnet. "
            "For Pi Network, PI_HORIZON_URL is https://api.mainnet.minepi.com."
        ),
        (
            "red    PI_VALIDATION_KEY is empty, so Pi cannot verify the domain. "
            "Copy it from the developer portal."
        ),
    ]
    assert error == "2 red: the shop is not ready."


def test_looking_changes_nothing(right: Settings, alice: Page) -> None:
    alice.approved({"mug": 1})
    before = list(PiPayment.objects.values())

    run()

    assert list(PiPayment.objects.values()) == before


def test_files_that_are_missing_are_named(alice: Page) -> None:
    variant(product("Song"), sku="song", delivery="download", file="goods/song.mp3")
    variant(product("Later", published=False), sku="later", delivery="download")
    lose_file("song")
    assert doctor.files_are_there().text.startswith("The file of song is missing: ")

    lose_file("book")
    assert doctor.files_are_there() == Finding(
        Colour.RED,
        "The file of book, song is missing: whoever pays for it gets nothing.",
        "Bring var/downloads back from the backup, or add the file anew on the page of the variant.",
    )


# Pi ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"kind": "down"}, "Pi gives no clear answer"),
        ({"kind": "html"}, "Pi gives no clear answer"),
        ({"kind": "nonsense"}, "Pi gives no clear answer"),
        (
            {"kind": "refuse", "status": 401, "body": {"error": "Invalid/missing API key"}},
            "Pi does not accept us",
        ),
        ({"kind": "refuse", "status": 403, "body": {"error": "forbidden"}}, "Pi does not accept us"),
        ({"kind": "refuse", "status": 400, "body": {"error": "something_new"}}, "Pi answers strangely"),
        (
            {
                "kind": "refuse",
                "status": 404,
                "body": {"type": "https://stellar.org/horizon-errors/not_found"},
            },
            "Pi does not accept us",
        ),
    ],
)
def test_a_key_that_pi_does_not_accept_is_red(pi: Simulator, fault: dict[str, object], text: str) -> None:
    kind = fault.pop("kind")
    pi.faults.add(kind, path="/payments/", **fault)

    finding = doctor.key_works()

    assert (finding.colour, finding.text.partition(" (")[0]) == (Colour.RED, text)
    assert "https://api.minepi.com/v2" in finding.advice


def test_a_chain_of_another_network_is_red(pi: Simulator, settings: Settings) -> None:
    settings.PI_NETWORK = "Pi Network"

    assert doctor.network_is_right() == Finding(
        Colour.RED,
        "PI_NETWORK is Pi Network, but PI_HORIZON_URL is on Pi Testnet.",
        "For Pi Network, PI_HORIZON_URL is https://api.mainnet.minepi.com.",
    )


def test_an_api_that_is_no_chain_is_red(pi: Simulator, settings: Settings) -> None:
    settings.PI_HORIZON_URL = settings.PI_API_URL

    finding = doctor.network_is_right()

    assert (finding.colour, finding.advice) == (
        Colour.RED,
        "Is PI_HORIZON_URL https://api.testnet.minepi.com, and up?",
    )


def test_a_wallet_of_another_network_is_red(pi: Simulator, settings: Settings) -> None:
    settings.PI_WALLET_ADDRESS = "G" + "A" * 55

    finding = doctor.wallet_exists()

    assert finding.colour == Colour.RED
    assert finding.text == f"The wallet G{'A' * 55} does not exist on Pi Testnet."


@pytest.mark.parametrize("ask", [doctor.network_is_right, doctor.wallet_exists])
def test_a_chain_that_cannot_be_asked_is_red(pi: Simulator, ask: Callable[[], Finding]) -> None:
    pi.faults.add("down")

    assert ask().colour == Colour.RED


# Here ----------------------------------------------------------------------------------------------------


def test_missing_migrations_are_red(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [("one", False)])

    assert str(doctor.database_is_ready()) == "1 migrations are missing. Run manage.py migrate."


def test_without_a_database_the_rest_is_told_all_the_same(
    right: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("no server")

    monkeypatch.setattr(MigrationExecutor, "migration_plan", fail)

    printed, _ = run()

    assert printed[0].startswith("red    The database cannot be reached (no server).")
    assert "green  Pi accepts our key." in printed
    assert not any("last payment" in line or "Nobody has paid" in line for line in printed)


Unhealthy = tuple[Callable[[], Finding], str, object]


@pytest.mark.parametrize(
    "unhealthy",
    [
        (doctor.debug_is_off, "DEBUG", True),
        (doctor.sandbox_is_off, "PI_SDK_SANDBOX", True),
        (doctor.cache_is_shared, "CACHES", UNSHARED),
        (lambda: doctor.validation_key_is_served(doctor.in_process), "PI_VALIDATION_KEY", ""),
    ],
    ids=lambda unhealthy: unhealthy[1],
)
@pytest.mark.parametrize(
    ("address", "colour"),
    [("https://api.minepi.com/v2", Colour.RED), ("http://localhost:8314/v2", Colour.YELLOW)],
)
def test_what_only_a_shop_needs_is_yellow_in_the_demo(
    settings: Settings, unhealthy: Unhealthy, address: str, colour: Colour
) -> None:
    ask, setting, value = unhealthy
    settings.PI_API_URL, settings.DEBUG = address, True
    setattr(settings, setting, value)

    assert ask().colour == colour


def test_what_a_shop_needs_is_red_without_debug(settings: Settings) -> None:
    settings.PI_API_URL, settings.DEBUG, settings.CACHES = "http://localhost:8314/v2", False, UNSHARED

    assert doctor.cache_is_shared().colour == Colour.RED


@pytest.mark.django_db(transaction=True)
def test_a_cache_whose_table_was_forgotten_is_red(settings: Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "forgotten"}
    }
    with pytest.raises(DatabaseError):
        caches["default"].get("x")

    finding = doctor.cache_is_shared()

    assert finding.colour == Colour.RED
    assert "createcachetable" in finding.advice


def test_a_payment_to_another_wallet_is_red(alice: Page, settings: Settings) -> None:
    alice.buy({"mug": 1})
    paid_to, settings.PI_WALLET_ADDRESS = settings.PI_WALLET_ADDRESS, "G" + "A" * 55

    assert doctor.last_payment_was_ours().text == (
        f"The last payment went to {paid_to}, not to PI_WALLET_ADDRESS."
    )


def test_a_payment_on_another_network_is_red(alice: Page, settings: Settings) -> None:
    alice.buy({"mug": 1})
    settings.PI_NETWORK = "Pi Network"

    assert str(doctor.last_payment_was_ours()) == (
        "The last payment was on Pi Testnet, not on Pi Network. "
        "The key decides the network: set PI_API_KEY or PI_NETWORK."
    )


def test_only_the_last_payment_counts(alice: Page, settings: Settings) -> None:
    alice.buy({"mug": 1})
    PiPayment.objects.update(to_address="an old wallet")
    alice.buy({"mug": 1})

    assert doctor.last_payment_was_ours().colour == Colour.GREEN


@pytest.mark.parametrize(("minutes", "colour"), [(9, Colour.GREEN), (11, Colour.RED)])
def test_overdue_checks_are_red(alice: Page, minutes: int, colour: Colour) -> None:
    alice.approved({"mug": 1})
    PiPayment.objects.update(next_check_at=timezone.now() - timedelta(minutes=minutes))

    assert doctor.somebody_reconciles().colour == colour


# The shop's pages ------------------------------------------------------------------------------------------

SHOP_POLICY = "default-src 'none'; frame-ancestors 'self' https://*.minepi.com https://*.pinet.com"
ADMIN = {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}


def answering(status: int = 200, content: bytes = b"", **headers: str) -> doctor.Look:
    named = requests.structures.CaseInsensitiveDict({k.replace("_", "-"): v for k, v in headers.items()})
    return lambda path: Answer(status, named, content)


def silent(path: str) -> Answer:
    raise requests.ConnectionError(path)


@pytest.mark.parametrize(
    ("look", "colour"),
    [
        (answering(content=KEY.encode()), Colour.GREEN),
        (answering(content=KEY.encode() + b"\n"), Colour.RED),
        (answering(content=b"<html>"), Colour.RED),
        (answering(404), Colour.RED),
        (answering(301, Location="https://www.shop.example/validation-key.txt"), Colour.RED),
        (answering(200, KEY.encode(), Location="/"), Colour.RED),
        (silent, Colour.RED),
    ],
)
def test_the_validation_key_must_be_bare(settings: Settings, look: doctor.Look, colour: Colour) -> None:
    settings.PI_VALIDATION_KEY = KEY

    assert doctor.validation_key_is_served(look).colour == colour


@pytest.mark.parametrize(
    ("look", "colour"),
    [
        (answering(Content_Security_Policy=SHOP_POLICY), Colour.GREEN),
        (answering(Content_Security_Policy=SHOP_POLICY, X_Frame_Options="SAMEORIGIN"), Colour.RED),
        (answering(Content_Security_Policy=f"{SHOP_POLICY}, frame-ancestors 'self'"), Colour.RED),
        (answering(Content_Security_Policy=f"{SHOP_POLICY}, default-src 'self'"), Colour.GREEN),
        (answering(Content_Security_Policy="frame-ancestors https://*.minepi.com"), Colour.RED),
        (answering(Content_Security_Policy="frame-ancestors 'none'"), Colour.RED),
        (answering(Content_Security_Policy=""), Colour.RED),
        (answering(), Colour.RED),
        (answering(500, Content_Security_Policy=SHOP_POLICY), Colour.RED),
        (silent, Colour.RED),
    ],
)
def test_the_pi_browser_must_be_let_in(look: doctor.Look, colour: Colour) -> None:
    assert doctor.shop_can_be_framed(look).colour == colour


@pytest.mark.parametrize(
    ("look", "colour"),
    [
        (answering(**ADMIN), Colour.GREEN),
        (answering(**ADMIN | {"X-Frame-Options": "SAMEORIGIN"}), Colour.RED),
        (answering(**ADMIN | {"Content-Security-Policy": SHOP_POLICY}), Colour.RED),
        (answering(), Colour.RED),
        (answering(500, **ADMIN), Colour.RED),
        (silent, Colour.RED),
    ],
)
def test_nobody_must_frame_the_admin(look: doctor.Look, colour: Colour) -> None:
    assert doctor.admin_cannot_be_framed(look).colour == colour


@responses.activate
def test_from_outside_pages_are_fetched_without_following_redirects() -> None:
    elsewhere = {"Location": "https://www.shop.example/"}
    responses.get("https://shop.example/validation-key.txt", status=301, headers=elsewhere)

    page = doctor.at("https://shop.example/")("/validation-key.txt")

    assert (page.status, page.headers["location"], len(responses.calls)) == (301, elsewhere["Location"], 1)


def test_from_outside_the_given_address_is_asked(right: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(url: str, **options: object) -> None:
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(session, "get", get)

    printed, _ = run("--url", "https://shop.example")

    assert asked == [f"https://shop.example{path}" for path in ("/validation-key.txt", "/", "/admin/login/")]
    unreachable = "red    The shop does not answer (ConnectionError). Is it running, under that address?"
    assert printed.count(unreachable) == 3


@pytest.mark.parametrize("hosts", [["shop.example"], [".shop.example"], ["*"], []])
def test_in_process_any_allowed_host_will_do(right: Settings, hosts: list[str]) -> None:
    right.ALLOWED_HOSTS = hosts
    right.DEBUG = not hosts  # without hosts, Django lets localhost in only for developers

    assert doctor.in_process("/admin/login/").status == 200


@pytest.mark.parametrize(
    "url", ["shop.example", "ftp://shop.example", "https://", "https://shop.example/path", "x"]
)
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(CommandError, match="not an address"):
        call_command("pi_doctor", f"--url={url}")
