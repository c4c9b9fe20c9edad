"""A plugin of pytest: what a mutant breaks must be noticed by the tests of that module, or by a whole story.

Nearly every test signs in and looks a payment up, so nearly every test would be asked about the client. That
takes a minute for each mutant that survives, and a test that fails for its sake says little about the client.
"""

from __future__ import annotations

import os

import pytest

STORIES = "tests/test_shop.py"
ENTRY_POINTS = (
    "tests/payments/domain/test_approve.py",
    "tests/payments/domain/test_cancel.py",
    "tests/payments/domain/test_commits.py",
    "tests/payments/domain/test_complete.py",
    "tests/payments/domain/test_ordering.py",
    "tests/payments/domain/test_place_order.py",
    "tests/payments/domain/test_reconcile.py",
    "tests/payments/domain/test_recover.py",
    "tests/payments/management/test_recover_payments.py",
    "tests/payments/domain/test_settle.py",
)
PI = ("tests/payments/pi/",)
OWN_TESTS = {
    "catalog.stock": ("tests/catalog/test_stock.py",),
    "payments.api.authentication": (
        "tests/payments/api/test_openapi.py",
        "tests/payments/api/test_sign_in.py",
    ),
    "payments.domain.sync": (
        *ENTRY_POINTS,
        "tests/payments/domain/test_close_missing.py",
        "tests/payments/domain/test_sync.py",
        "tests/payments/domain/test_honour.py",
    ),
    "payments.domain.gate": ("tests/payments/domain/test_gate.py", "tests/payments/domain/test_approve.py"),
    "payments.models": ("tests/payments/test_models.py",),
    "payments.moves": ("tests/payments/domain/test_commits.py", "tests/payments/test_moves.py"),
    "payments.pi.client": PI,
    "payments.pi.formats": PI,
    "payments.pi.http": PI,
    "payments.domain.protocol": ENTRY_POINTS,
    "catalog.amounts": ("tests/catalog/test_amounts.py", "tests/storefront/test_amounts_on_pages.py"),
    "payments.domain.delivery": (
        "tests/payments/domain/test_complete.py",
        "tests/payments/domain/test_delivery.py",
        "tests/payments/domain/test_honour.py",
        "tests/payments/domain/test_ship.py",
    ),
    "payments.domain.notices": ("tests/payments/domain/test_notices.py",),
    "payments.domain.ordering": (
        "tests/payments/domain/test_ordering.py",
        "tests/payments/domain/test_place_order.py",
    ),
    "payments.domain.settle": ENTRY_POINTS,
    "payments.domain.verdict": ("tests/payments/domain/test_verdict.py",),
    "payments.money": ("tests/payments/domain/test_verdict.py", "tests/payments/domain/test_honour.py"),
    "payments.pi.horizon": PI,
    "payments.domain.refunds": (
        "tests/payments/domain/test_commits.py",
        "tests/payments/domain/test_honour.py",
        "tests/payments/domain/test_refunds.py",
    ),
    "payments.domain.sign_in": ("tests/payments/api/test_sign_in.py",),
    "payments.domain.decisions": (
        "tests/payments/domain/test_close_missing.py",
        "tests/payments/domain/test_commits.py",
        "tests/payments/domain/test_honour.py",
        "tests/payments/domain/test_reject_refund.py",
        "tests/payments/domain/test_ship.py",
    ),
    "payments.domain.reconciliation": (
        "tests/payments/management/test_cleanup_stale_orders.py",
        "tests/payments/domain/test_commits.py",
        "tests/payments/domain/test_reconcile.py",
        "tests/payments/management/test_reconcile_payments.py",
    ),
    "web.bearer": ("tests/web/test_bearer.py",),
}
# Threads that race need a database in a file.
RACES = (
    "test_of_eight_who_want_one_status_one_gets_it",
    "test_a_read_followed_by_save_would_let_all_eight_win",
    "test_a_locked_payment_is_changed_by_nobody_else",
    "test_two_sign_ins_at_once_make_one_pioneer",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    module = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")[0]
    own = OWN_TESTS.get(module) or [file for files in OWN_TESTS.values() for file in files]
    wanted = [item for item in items if item.nodeid.startswith((STORIES, *own)) and item.name not in RACES]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted
