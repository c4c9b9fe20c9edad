"""What `make soak` tells in the end."""

from __future__ import annotations

from tests.proofs.histories.at_work import Seen
from tests.proofs.histories.soak import Report, tell


def test_a_broken_promise_is_told_with_the_seed_that_tells_it_again() -> None:
    reports = [
        Report(Seen(steps=1200, histories=12), seeds=[16, 18]),
        Report(Seen(), story="alice pays\n\npromise 4", seed=17, seeds=[17]),
    ]

    told = list(tell(reports, seconds=60))

    assert told[0] == "1,200 steps in 12 histories, 1 minutes"
    assert told[1].startswith("seeds 16 to 18, on ")
    assert told[-1] == (
        "A PROMISE IS BROKEN. Told again by: make soak SEED=17 STEPS=1\nalice pays\n\npromise 4"
    )
