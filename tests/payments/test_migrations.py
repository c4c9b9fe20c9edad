"""Old rows after an upgrade: each kind of sentence that the shop once wrote, and what people wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = ("payments", "0002_one_completed_payment_per_txid")
AFTER = ("payments", "0004_sentences_become_data")
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)

# What stood in `attention`, and what stands in `notice`, `notice_detail` and `attention` afterwards.
SENTENCES = [
    ("Pi does not show it any more.", ("not_shown", "", "")),
    ("Pi gives no clear answer about it.", ("unanswered", "", "")),
    ("Pi answered “cancel”, but its record has not moved.", ("not_moved", "cancel", "")),
    ("Pi refuses what comes next (POST /cancel: forbidden)", ("pi_refuses", "POST /cancel: forbidden", "")),
    (f"Pi refuses what comes next ({'x' * 172}", ("pi_refuses", "x" * 172, "")),
    ("Pi shows a transaction and does not verify it. Look on the chain.", ("unverified", "", "")),
    ("Pi shows a transaction that belongs to another payment.", ("foreign_transaction", "", "")),
    ("The chain shows a transaction for it, but Pi does not take it.", ("paid_on_chain_only", "", "")),
    ("Money arrived that it cannot use; a refund is requested.", ("unusable_money", "", "")),
    ("Alice phoned (Carol)", ("", "", "Alice phoned (Carol)")),
    ("Pi answered my mail", ("", "", "Pi answered my mail")),
    ("", ("", "", "")),
]


def migrate_to(*target: str) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return MigrationExecutor(connection).loader.project_state([target]).apps


@pytest.fixture
def old() -> Iterator[Any]:
    """Yield the models as they were; the tables are migrated forward again whatever happens."""
    yield migrate_to(*BEFORE)
    call_command("flush", verbosity=0, interactive=False)
    call_command("migrate", verbosity=0)


def old_payment(old: Any, identifier: str, **fields: Any) -> Any:
    needed = {"user_uid": "u-1", "amount": 1, "network": "Pi Testnet", "status": "created"}
    model = old.get_model("payments", "PiPayment")
    return model.objects.create(identifier=identifier, **needed | fields)


def old_event(old: Any, *, at: datetime = NOON, **fields: Any) -> None:
    model = old.get_model("payments", "Event")
    event = model.objects.create(**{"kind": "noted", "actor": "staff carol", "cause": "ask_pi"} | fields)
    model.objects.filter(pk=event.pk).update(at=at)


def old_order(old: Any, reference: str, **fields: Any) -> Any:
    pioneer, _ = old.get_model("payments", "Pioneer").objects.get_or_create(uid="u-1")
    model = old.get_model("payments", "Order")
    return model.objects.create(reference=reference, pioneer=pioneer, total=1, expires_at=NOON, **fields)


def old_refund(old: Any, identifier: str, asked_by: str) -> Any:
    payment = old_payment(old, identifier, status="completed", txid=identifier)
    model = old.get_model("payments", "Refund")
    return model.objects.create(payment_id=payment.pk, amount=1, reason="x", asked_by=asked_by)


def told(model: Any) -> list[tuple[str, str, str]]:
    return list(model.objects.order_by("pk").values_list("notice", "notice_detail", "attention"))


def test_rows_of_each_kind_are_carried_over(old: Any) -> None:
    """In one test, because going back and forth takes seconds."""
    for number, (sentence, _) in enumerate(SENTENCES):
        old_order(old, f"R{number}", attention=sentence)
        old_payment(old, f"p{number}", attention=sentence)
    said = "Pi does not show it any more."
    by_a_colleague = old_payment(old, "by a colleague", attention=said)
    old_event(old, payment_id=by_a_colleague.pk, cause="attention", note=f"attention: {said}")
    doubted = old_payment(old, "doubted")
    refused = "Pi does not verify its transaction yet (not_verified)"
    old_event(old, at=NOON.replace(hour=8), payment_id=doubted.pk, note=f"the SDK reports: {refused}")
    old_event(old, at=NOON.replace(hour=9), payment_id=doubted.pk, note=refused, cause="report_error")
    old_event(old, at=NOON.replace(hour=10), payment_id=doubted.pk, note=refused)
    old_event(old, at=NOON.replace(hour=11), payment_id=doubted.pk, note=refused)
    for asked_by in ("the shop", "staff carol"):
        old_refund(old, asked_by, asked_by)

    new = migrate_to(*AFTER)

    payment = new.get_model("payments", "PiPayment")
    expected = [becomes for _, becomes in SENTENCES]
    assert told(new.get_model("payments", "Order")) == expected
    assert told(payment)[: len(expected)] == expected
    assert payment.objects.get(pk=by_a_colleague.pk).attention == said
    assert list(payment.objects.exclude(doubted_at=None).values_list("pk", "doubted_at")) == [
        (doubted.pk, NOON.replace(hour=10))
    ]
    refunds = new.get_model("payments", "Refund").objects.order_by("pk")
    assert list(refunds.values_list("asked_by", "origin")) == [
        ("the shop", "shop"),
        ("staff carol", "person"),
    ]


def test_the_way_back_brings_the_sentences_back(old: Any) -> None:
    for number, (sentence, _) in enumerate(SENTENCES):
        old_payment(old, f"p{number}", attention=sentence)
    migrate_to(*AFTER)

    back = migrate_to(*BEFORE).get_model("payments", "PiPayment").objects.order_by("pk")

    kept = [attention[:199] for attention in back.values_list("attention", flat=True)]
    assert kept == [sentence[:199] for sentence, _ in SENTENCES]
