"""How often one caller may ask, and who counts as one caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client
from django.urls import get_resolver
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from payments.models import PiPayment
from pi_simulator import Simulator
from tests.payments.page import Page, acts

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}


@pytest.fixture(autouse=True)
def three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    for scope in ("pioneer", "stranger"):
        monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, "3/min")


def post(path: str, body: dict[str, Any], token: str = "", **environ: Any) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(headers=headers).post(path, body, content_type="application/json", **environ).status_code


def cancel(identifier: str, **more: Any) -> int:
    return post("/payments/cancel", {"paymentId": identifier}, **more)


@pytest.fixture
def approved(alice: Page) -> str:
    """Return a payment that we know; the requests so far no longer count."""
    _, identifier = alice.approved({"book": 1})
    SimpleRateThrottle.cache.clear()
    return identifier


# Strangers ---------------------------------------------------------------------------------------------


def test_made_up_identifiers_are_counted_per_client(pi: Simulator) -> None:
    answers = [cancel(f"made-up-{n}", **HERE) for n in range(5)]

    assert answers == [404, 404, 404, 429, 429]
    assert acts(pi) == ["GET"] * 3
    assert cancel("made-up-9", **ELSEWHERE) == 404


@pytest.mark.parametrize(
    "path", ["approve", "complete", "cancel", "cancelled_payment", "incomplete", "error"]
)
def test_all_callbacks_of_a_client_are_counted_together(pi: Simulator, path: str) -> None:
    for n in range(3):
        cancel(f"made-up-{n}")

    assert post(f"/payments/{path}", {"paymentId": "made-up", "txid": "a"}) == 429
    assert len(acts(pi)) == 3


def test_a_payment_that_we_know_is_not_counted_with_what_is_made_up(approved: str) -> None:
    for n in range(4):
        cancel(f"made-up-{n}")

    assert cancel(approved) == 200


@pytest.mark.parametrize("body", [{"paymentId": "{}"}, {"payment": {"identifier": "{}"}}])
def test_a_payment_is_known_in_either_kind_of_body(approved: str, body: dict[str, Any]) -> None:
    for n in range(4):
        cancel(f"made-up-{n}")
    named = {"paymentId": approved} if "paymentId" in body else {"payment": {"identifier": approved}}

    assert post("/payments/incomplete", named) == 200


def test_even_a_payment_that_we_know_is_not_asked_about_without_end(approved: str) -> None:
    assert [cancel(approved) for _ in range(5)] == [200, 200, 200, 429, 429]


def test_strangers_cannot_use_up_the_limit_of_a_payer(alice: Page, approved: str) -> None:
    """Identifiers stand on the chain: whoever reads one there must not be able to lock its payer out."""
    flood = [cancel(approved, **ELSEWHERE) for _ in range(5)]

    assert flood[-1] == 429
    assert cancel(approved, **HERE) == 200
    assert cancel(approved, token=alice.token, **ELSEWHERE) == 200


@pytest.mark.parametrize(
    "path", ["complete", "cancel", "cancelled_payment", "incomplete", "error", "approve"]
)
def test_a_completed_payment_costs_no_request_to_pi_through_any_entry_point(alice: Page, path: str) -> None:
    """Else whoever reads old identifiers on the chain could spend our budget with them."""
    order = alice.buy({"book": 1})
    [payment] = order.payments.all()
    SimpleRateThrottle.cache.clear()
    before = len(acts(alice.pi))

    body = {"paymentId": payment.identifier, "txid": payment.txid, "error": "again"}

    assert [post(f"/payments/{path}", body, **ELSEWHERE) for _ in range(3)] == [200, 200, 200]
    assert len(acts(alice.pi)) == before


def test_the_payments_of_many_payers_are_no_way_around(
    alice: Page, approved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old identifiers stand on the chain by the thousand, each with a payer of its own."""
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "strangers", "4/min")
    payments = [PiPayment(identifier=f"old-{n}", user_uid=f"payer-{n}", amount=1) for n in range(6)]
    PiPayment.objects.bulk_create(payments)

    answers = [cancel(payment.identifier, **ELSEWHERE) for payment in payments]

    assert answers == [404, 404, 404, 404, 429, 429]
    assert cancel(approved, token=alice.token, **ELSEWHERE) == 200
    assert cancel(approved, **HERE) == 200


def signed(alice: Page, identifier: str) -> None:
    """Have the buyer sign a payment that we have noticed, but cannot complete."""
    alice.pi.sign(identifier)
    alice.pi.faults.add("down", path="complete")
    alice.cancel(identifier, expect=503)
    alice.pi.faults.clear()


def completed(alice: Page, identifier: str) -> None:
    alice.complete(identifier, alice.pi.sign(identifier))


@pytest.mark.parametrize(
    ("story", "answer"),
    [(lambda *_: None, 200), (signed, 200), (completed, 429)],
    ids=["held", "signed", "completed"],
)
def test_nobody_behind_the_same_address_keeps_a_payment_from_its_end(
    alice: Page,
    approved: str,
    monkeypatch: pytest.MonkeyPatch,
    story: Callable[[Page, str], None],
    answer: int,
) -> None:
    """A mobile carrier gives one address to thousands of phones, and frontends of others send no token."""
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "strangers", "4/min")
    story(alice, approved)
    SimpleRateThrottle.cache.clear()

    flood = [cancel(f"made-up-{n}", **HERE) for n in range(5)]

    assert flood[-1] == 429
    assert post("/payments/incomplete", {"paymentId": approved}, **HERE) == answer


def test_access_tokens_that_come_with_a_payment_are_counted_with_sign_ins(
    alice: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else old payments, which stand on the chain, would be one more way to guess tokens."""
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "sign-in", "2/min")
    [payment] = alice.buy({"book": 1}).payments.all()
    SimpleRateThrottle.cache.clear()
    before = len(alice.pi.calls)

    body = {"paymentId": payment.identifier, "accessToken": "guessed"}
    tries = [post("/payments/approve", body, **ELSEWHERE) for _ in range(3)]

    assert tries == [401, 401, 429]
    assert [call.path for call in alice.pi.calls[before:]] == ["/v2/me"] * 2
    assert post("/user/signin", body, **ELSEWHERE) == 429
    assert post("/payments/approve", body, **HERE) == 401


def test_whoever_has_signed_in_or_shows_no_token_uses_up_no_sign_in(
    alice: Page, approved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "sign-in", "1/min")
    body, token = {"paymentId": approved}, {"accessToken": "guessed"}

    assert [post("/payments/approve", body) for _ in range(2)] == [200, 200]
    assert [post("/payments/approve", body | token, alice.token) for _ in range(2)] == [200, 200]
    assert post("/payments/cancel", body | token) == 200
    assert post("/user/signin", token) == 401


def test_all_of_one_ipv6_network_are_one_client(pi: Simulator) -> None:
    answers = [cancel("made-up", REMOTE_ADDR=f"2001:db8::{n}") for n in range(4)]

    assert answers == [404, 404, 404, 429]
    assert cancel("made-up", REMOTE_ADDR="2001:db8:0:1::1") == 404


def test_made_up_identifiers_and_addresses_do_not_fill_the_cache(pi: Simulator) -> None:
    for n in range(30):
        forwarded = {"X-Forwarded-For": f"203.0.113.{n}"}
        cancel(f"made-up-{n}", headers=forwarded, REMOTE_ADDR=f"2001:db8::{n}")

    kept = [key.split(":")[2] for key in SimpleRateThrottle.cache._cache]
    assert sorted(kept) == ["callback", "strangers"]


# The rest of the API -----------------------------------------------------------------------------------


def views_of_the_api(patterns: list[Any] | None = None) -> Iterator[type[APIView]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if hasattr(pattern, "url_patterns"):
            yield from views_of_the_api(pattern.url_patterns)
        elif issubclass(getattr(pattern.callback, "cls", object), APIView):
            yield pattern.callback.cls


def test_every_route_of_the_api_is_throttled() -> None:
    views = list(views_of_the_api())

    assert len(views) > 20
    assert [view.__name__ for view in views if not view.throttle_classes] == []


READ = ["/api/products/?search=a", "/api/schema/", "/api/docs/", "/pinet/meta", "/user/signout"]


@pytest.mark.parametrize("path", READ)
def test_reading_is_counted_per_client_too(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    SimpleRateThrottle.cache.clear()
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "api", "2/min")

    answers = [Client().get(path, **HERE) for _ in range(3)]

    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert (answers[-1]["Content-Type"], answers[-1].json()["error"]) == ("application/json", "throttled")
    assert 0 < int(answers[-1]["Retry-After"]) <= 61
    assert Client().get(path, **ELSEWHERE).status_code != 429


# Pioneers ----------------------------------------------------------------------------------------------


def test_a_pioneer_is_counted_wherever_they_are(alice: Page, approved: str) -> None:
    answers = [cancel(approved, token=alice.token, REMOTE_ADDR=f"192.0.2.{n}") for n in range(4)]

    assert answers == [200, 200, 200, 429]


def test_buyers_behind_one_address_do_not_count_for_each_other(alice: Page, bob: Page, approved: str) -> None:
    for _ in range(4):
        cancel(approved, token=alice.token, **HERE)

    assert cancel(approved, token=bob.token, **HERE) == 200


def test_orders_are_counted_per_pioneer(alice: Page, bob: Page) -> None:
    body = {"lines": [{"sku": "book", "quantity": 1}]}
    answers = [post("/api/orders/", body, token=alice.token) for _ in range(4)]

    assert answers == [201, 201, 201, 429]
    assert post("/api/orders/", body, token=bob.token) == 201


def test_orders_and_callbacks_are_counted_apart(alice: Page, approved: str) -> None:
    for _ in range(4):
        post("/api/orders/", {}, token=alice.token)

    assert cancel(approved, token=alice.token) == 200


# Proxies -----------------------------------------------------------------------------------------------


def four_from(*forwarded: str) -> int:
    """Return what the last of four strangers' calls is answered, each with the next X-Forwarded-For."""
    return [
        cancel(f"made-up-{n}", headers={"X-Forwarded-For": forwarded[n % len(forwarded)]}) for n in range(4)
    ][-1]


def proxies(settings: Any, count: int) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": count}


@pytest.mark.parametrize(
    ("count", "forwarded", "last"),
    [
        (0, ["192.0.2.1", "192.0.2.2", "192.0.2.3"], 429),
        (1, ["192.0.2.1"], 429),
        (1, ["192.0.2.1", "192.0.2.2", "192.0.2.3"], 404),
        (1, ["10.0.0.1, 192.0.2.1", "10.0.0.2, 192.0.2.1", "10.0.0.3,192.0.2.1"], 429),
        (2, ["192.0.2.1, 10.0.0.1"], 429),
        (2, ["192.0.2.1, 10.0.0.1", "192.0.2.2, 10.0.0.1", "192.0.2.3, 10.0.0.1"], 404),
        (2, ["1.1.1.1, 192.0.2.1, 10.0.0.1", "2.2.2.2, 192.0.2.1, 10.0.0.1"], 429),
    ],
)
def test_a_forwarded_address_is_believed_as_far_as_our_own_proxies_go(
    pi: Simulator, settings: Any, count: int, forwarded: list[str], last: int
) -> None:
    proxies(settings, count)

    assert four_from(*forwarded) == last


# The cache ---------------------------------------------------------------------------------------------


class BrokenCache(LocMemCache):
    def get(self, *args: Any, **kwargs: Any) -> None:
        raise ConnectionError("the cache is gone")


def test_a_cache_that_fails_keeps_nobody_from_paying(
    alice: Page, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}

    order = alice.buy({"voucher": 1})

    assert order.status == "fulfilled"
    assert "the cache fails, so nobody is throttled" in caplog.text
