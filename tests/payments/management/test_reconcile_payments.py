"""`reconcile_payments` as a command: what it prints, how it stops, how it ends."""

from __future__ import annotations

import io
import os
import signal
import time
from datetime import timedelta
from threading import Timer

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from payments.management.stopping import Stop, stop_on_signals
from payments.models import PiPayment
from tests.payments.page import Page, acts, status_of

pytestmark = pytest.mark.django_db(transaction=True)


def run(*options: str) -> tuple[list[str], str]:
    """Return what it printed, to both streams in order, and the error it ended with."""
    out = io.StringIO()
    try:
        call_command("reconcile_payments", *options, stdout=out, stderr=out)
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), ""


def make_due() -> None:
    PiPayment.objects.exclude(next_check_at=None).update(next_check_at=timezone.now() - timedelta(minutes=1))


def stop_at(page: Page, times: int) -> None:
    """Ask the process to stop while the given call at Pi is under way."""
    calls = iter(range(times - 1))

    def hook(call: object) -> None:
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGTERM)

    page.pi.before_call = hook


def test_a_payment_that_moved_gets_a_line(alice: Page, bob: Page) -> None:
    _, cancelled = alice.approved({"mug": 1})
    _, signed = bob.approved({"book": 1})
    alice.pi.cancel_by_user(cancelled)
    bob.pi.sign(signed)
    make_due()

    printed, error = run()

    assert sorted(printed[:-1]) == sorted(
        [f"{cancelled}: approved → cancelled", f"{signed}: approved → completed"]
    )
    assert (printed[-1], error) == ("2 payments looked at, 2 moved, 0 in trouble.", "")


def test_a_payment_that_waits_gets_none(alice: Page) -> None:
    alice.approved({"mug": 1})
    make_due()

    assert run() == (["1 payments looked at, 0 moved, 0 in trouble."], "")


def test_what_is_not_due_is_left_alone(alice: Page) -> None:
    alice.approved({"mug": 1})
    alice.pi.calls.clear()

    assert run() == (["0 payments looked at, 0 moved, 0 in trouble."], "")
    assert acts(alice.pi) == []


def test_it_fails_when_pi_is_unreachable(alice: Page) -> None:
    _, identifier = alice.approved({"mug": 1})
    make_due()
    alice.pi.faults.add("down")

    printed, error = run()

    assert printed == ["0 payments looked at, 0 moved, 0 in trouble."]
    assert error == (
        f"Pi cannot be asked now (GET /payments/{identifier}: ConnectionError). "
        "The rest keeps its place in the queue."
    )


def test_it_fails_when_our_key_is_wrong(alice: Page, settings: object) -> None:
    alice.approved({"mug": 1})
    make_due()
    settings.PI_API_KEY = "another"

    assert "Invalid/missing API key" in run()[1]


def test_a_payment_in_trouble_does_not_stop_the_others(alice: Page, bob: Page) -> None:
    _, signed = bob.approved({"mug": 1})
    bob.pi.sign(signed)
    _, forgotten = alice.approved({"mug": 1})
    not_found = {"error": "payment_not_found"}
    alice.pi.faults.add("refuse", path=forgotten, status=404, body=not_found)
    make_due()

    printed, error = run()

    assert sorted(printed[:-1]) == sorted(
        [f"{forgotten}: trouble: UnknownPayment", f"{signed}: approved → completed"]
    )
    assert error == "1 payments are in trouble: staff can see why."


def test_told_to_stop_it_finishes_the_payment_it_is_at(alice: Page, bob: Page) -> None:
    _, first = alice.approved({"mug": 1})
    _, second = bob.approved({"mug": 1})
    alice.pi.sign(first), bob.pi.sign(second)
    make_due()
    stop_at(alice, times=1)

    printed, error = run()

    assert printed == [f"{first}: approved → completed", "1 payments looked at, 1 moved, 0 in trouble."]
    assert (error, status_of(second)) == ("", "approved")


def test_afterwards_signals_mean_what_they_meant_before(alice: Page) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    run()

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the rests between the rounds. All is due again after each, and the third is interrupted."""
    taken: list[float] = []

    def rest(stop: Stop, seconds: float) -> None:
        taken.append(seconds)
        make_due()
        if len(taken) >= 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Stop, "sleep", rest)
    return taken


def test_a_loop_goes_on_until_it_is_told_to_stop(alice: Page, rests: list[float]) -> None:
    alice.approved({"mug": 1})
    make_due()

    printed, error = run("--loop", "31")

    assert (printed, error) == (["1 payments looked at, 0 moved, 0 in trouble."] * 3, "")
    assert rests == [31, 31, 31]


def test_a_loop_with_nothing_to_do_says_so_once(db: None, rests: list[float]) -> None:
    assert run("--loop", "31") == (["0 payments looked at, 0 moved, 0 in trouble."], "")
    assert rests == [31, 31, 31]


def test_a_loop_tells_of_an_outage_and_goes_on(alice: Page, rests: list[float]) -> None:
    alice.approved({"mug": 1})
    make_due()
    alice.pi.faults.add("down", times=2)

    printed, error = run("--loop", "31")

    assert [line.partition(" (")[0] for line in printed] == [
        "0 payments looked at, 0 moved, 0 in trouble.",
        "Pi cannot be asked now",
        "Pi cannot be asked now",
        "1 payments looked at, 0 moved, 0 in trouble.",
    ]
    assert printed[1].endswith("Next round in 31 seconds.")
    assert error == ""


def test_a_signal_ends_a_rest() -> None:
    with stop_on_signals() as stop:
        Timer(0.1, os.kill, [os.getpid(), signal.SIGTERM]).start()
        begun = time.monotonic()
        stop.sleep(60)

    assert time.monotonic() - begun < 10


def test_a_rest_lasts_as_long_as_it_should() -> None:
    begun = time.monotonic()
    with stop_on_signals() as stop:
        stop.sleep(0.05)

    assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", ""])
def test_the_rest_must_be_a_whole_number_of_seconds(db: None, seconds: str) -> None:
    with pytest.raises(CommandError, match="whole number above zero"):
        call_command("reconcile_payments", f"--loop={seconds}")
