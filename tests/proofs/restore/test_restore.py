"""Last night's database is restored, and Pi has moved on meanwhile: no payment is lost.

With real files and the very commands of docs/going-live.md, step by step. What a restore cannot bring back is
said there too: a buyer may get a second code for what was paid once. Nobody gets the code of somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from catalog.models import Variant
from payments.domain import decisions
from payments.management import pacing
from payments.models import DeliveredCode, Order, PiPayment, Refund
from pi_simulator import Simulator
from tests.payments.page import Page, shelf, status_of
from tests.payments.situations import CAROL, pay_again, unverified
from tests.proofs.promises import Goods, broken, broken_at_rest, everything, heal, pass_time
from tests.proofs.restore.backups import Told, commands_of, manage

pytestmark = pytest.mark.django_db(transaction=True)

# A picture, and something that is sold.
FILES = (Path(settings.MEDIA_ROOT) / "of the evening", Path(settings.DOWNLOADS_ROOT) / "of the evening")
A_NIGHT = timedelta(hours=9)
WITHDRAWN = 8  # more than were sold in that night


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "SECONDS_BETWEEN_CALLS", 0)


@dataclass
class Night:
    """One buyer for each thing that can happen to a payment between the backup and the restore."""

    pi: Simulator
    folder: Path
    goods: Goods
    named: dict[str, str] = field(default_factory=dict)  # what happened -> identifier
    orders: dict[str, str] = field(default_factory=dict)  # what happened -> reference
    pages: dict[str, Page] = field(default_factory=dict)
    codes: set[str] = field(
        default_factory=set
    )  # handed out by the evening; later, in the night that is lost
    restored: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # every row as the backup had it
    since: str = ""
    outgoing: str = ""

    def page(self, story: str) -> Page:
        if story not in self.pages:
            self.pages[story] = Page(self.pi, story).sign_in()
        return self.pages[story]

    def approved(self, story: str, basket: dict[str, int]) -> str:
        order, self.named[story] = self.page(story).approved(basket)
        self.orders[story] = order.reference
        return self.named[story]

    def pays(self, story: str) -> None:
        """Sign as the buyer; the page reports it to the shop."""
        self.page(story).complete(self.named[story], self.pi.sign(self.named[story]))

    def buys(self, story: str, basket: dict[str, int]) -> None:
        self.approved(story, basket)
        self.pays(story)

    # The evening before, the night that is lost, and the restore

    def evening(self) -> None:
        self.buys("done before", {"voucher": 1})
        self.approved("signed since", {"mug": 1})
        self.approved("code since", {"voucher": 1})
        self.approved("cancelled since", {"mug": 1})
        self.approved("left alone", {"mug": 1})
        signed = self.approved("signed before", {"mug": 1})
        self.pi.sign(signed)  # and the page never said so
        late = self.approved("late transaction", {"mug": 1})
        self.pi.sign(late, recorded=False)
        self.page("late transaction").incomplete(late)
        over = self.approved("over for long", {"mug": 1})
        self.page("over for long").incomplete(over)
        PiPayment.objects.filter(identifier=over).update(next_check_at=None)
        self.orders["ordered before"] = self.page("ordered before").order({"voucher": 2})["reference"]
        self.orders["never paid"] = self.page("never paid").order({"mug": 1})["reference"]
        doubted = unverified(self.page("doubted"), {"mug": 1})
        self.named["doubted"] = doubted.payments.get().identifier
        twice = pay_again(self.page("done before"), Order.objects.get(reference=self.orders["done before"]))
        self.named["paid twice"] = twice.identifier

    def backup(self) -> None:
        for file in FILES:
            file.parent.mkdir(exist_ok=True)
            file.write_text("as it was")
        self.codes = handed_out()
        self.since = f"{self.pi.clock.now() - timedelta(hours=1):%Y-%m-%dT%H:%M}"
        list(commands_of("## 13. Back it up", self.folder).run())

    def night(self) -> None:
        self.pays("signed since"), self.pays("code since")
        self.pi.cancel_by_user(self.named["cancelled since"])
        self.page("signed before").complete(
            self.named["signed before"], self.pi.txid_of(self.named["signed before"]) or ""
        )
        self.pi.record_transaction(self.named["late transaction"])
        self.pi.verify_transaction(self.named["doubted"])
        order = Order.objects.get(reference=self.orders["ordered before"])
        self.named["ordered before"] = self._pay(self.page("ordered before"), order)
        self.buys("forgotten", {"voucher": 2, "mug": 1})
        self.approved("forgotten, signs later", {"mug": 1})
        self.approved("forgotten, never signs", {"mug": 1})
        self.approved("forgotten, asks again", {"mug": 1})
        unheard = self.approved("forgotten, Pi has not heard", {"book": 1})
        self.pi.sign(unheard, recorded=False)
        decisions.reject_refund(Refund.objects.get(), by=CAROL, note="the buyer wants nothing back")
        self.outgoing = self.pi.create_outgoing(self.page("paid back").pioneer, "0.5")
        self.codes = handed_out() - self.codes

    def restore(self, *, without: str = "") -> list[Told]:
        """Do everything that the document says after a restore, and return what its commands told."""
        steps = commands_of("### After a restore", self.folder)
        told = []
        for each in steps.run(moment=self.since, codes=f"voucher {WITHDRAWN}", without=without):
            told.append(each)
            if each.command == "migrate":
                pass_time(self.pi, A_NIGHT)  # what came out of the backup is older than it says
                self.restored = everything()
        return told

    def _pay(self, page: Page, order: Order) -> str:
        identifier = self.pi.create_payment(
            page.pioneer, amount=str(order.total), metadata={"order": order.reference}
        )
        page.approve(identifier)
        page.complete(identifier, self.pi.sign(identifier))
        return identifier


@pytest.fixture
def night(pi: Simulator, tmp_path: Path) -> Iterator[Night]:
    shelf()
    night = Night(pi, tmp_path, Goods())
    night.evening()
    night.backup()
    night.night()
    yield night
    for file in FILES:
        file.unlink()


def handed_out() -> set[str]:
    return set(DeliveredCode.objects.values_list("code__text", flat=True))


def known(identifier: str) -> PiPayment | None:
    return PiPayment.objects.filter(identifier=identifier).first()


def differences(told: list[Told]) -> list[str]:
    """Return what the last check of the books found."""
    assert told[-1].command.startswith("check_ledger")
    return [line for line in told[-1].lines if line.startswith(("promise", "different", "not asked"))]


def rows(tables: dict[str, list[dict[str, Any]]], identifier: str) -> list[dict[str, Any]]:
    """Return the row of one payment and its events."""
    [payment] = [row for row in tables["PiPayment"] if row["identifier"] == identifier]
    return [payment, *(row for row in tables["Event"] if row["payment_id"] == payment["id"])]


def test_the_steps_after_a_restore_bring_every_payment_back(night: Night) -> None:
    told = night.restore()

    payments = {story: row for story, name in night.named.items() if (row := known(name)) is not None}
    assert {story: (row.status, row.order and row.order.status) for story, row in payments.items()} == {
        "done before": ("completed", "fulfilled"),
        "signed since": ("completed", "paid"),
        "code since": ("completed", "fulfilled"),
        "cancelled since": ("cancelled", "expired"),
        "left alone": ("cancelled", "expired"),
        "signed before": ("completed", "paid"),
        "late transaction": ("completed", "paid"),
        "over for long": ("cancelled", "pending"),  # the clean-up, which runs again with the shop, ends it
        "doubted": ("completed", "needs_review"),
        "paid twice": ("completed", "fulfilled"),
        "ordered before": ("completed", "fulfilled"),
        "forgotten": ("completed", None),
        "forgotten, Pi has not heard": ("completed", None),
    }
    asked_back = set(Refund.objects.filter(status="requested").values_list("payment__identifier", flat=True))
    assert asked_back == {
        night.named[story] for story in ("doubted", "paid twice", "forgotten", "forgotten, Pi has not heard")
    }
    # The one thing that is left for people, and that the shop did not touch.
    uid = night.page("paid back").pioneer.uid
    text = f"0.5 π go out to {uid}, but none of our refunds matches"
    assert differences(told) == [f"different: payment {night.outgoing}: {text}"]
    assert [each.error for each in told[:-1]] == [""] * len(told[:-1])
    assert night.pi.payment(night.outgoing)["status"]["cancelled"] is False

    # What was finished is as it was; what only the lost night knew can be told by its story.
    now = everything()
    for story in ("done before", "over for long", "paid twice"):
        assert rows(now, night.named[story]) == rows(night.restored, night.named[story])
    first = payments["forgotten"].events.earliest("pk")
    assert first.note == f"names order {night.orders['forgotten']}"


def test_after_a_restore_every_promise_holds_and_buyers_come_back(night: Night) -> None:
    night.restore()
    counted = night.goods
    counted.changed(Variant.objects.get(sku="voucher"), by=-WITHDRAWN)
    assert broken(night.pi, counted) == []
    assert handed_out() & night.codes == set(), "a code went to two buyers"
    before = everything()
    for command in ("reconcile_payments", f"recover_payments --since {night.since}"):
        manage(*command.split())
    assert everything() == before, "doing it again changed something"

    # Their pages are still open, and speak of payments that the database has never seen.
    late, waits, leaves = (
        night.named[f"forgotten, {what}"] for what in ("signs later", "asks again", "never signs")
    )
    night.page("forgotten, signs later").complete(late, night.pi.sign(late))
    refused = night.page("forgotten, asks again").approve(waits, expect=409)
    night.page("forgotten, never signs").incomplete(leaves)

    assert refused["error"] == "unknown_order"
    assert [status_of(each) for each in (late, waits, leaves)] == ["completed", "cancelled", "cancelled"]
    assert Refund.objects.get(payment__identifier=late).status == "requested"
    heal(night.pi)
    assert broken_at_rest(night.pi, counted) == []


def test_a_restore_brings_pictures_and_files_for_sale_back(night: Night) -> None:
    for file in FILES:
        file.write_text("damaged")

    night.restore()

    assert [file.read_text() for file in FILES] == ["as it was"] * 2


def test_without_recover_payments_money_would_be_forgotten(night: Night) -> None:
    told = night.restore(without="recover_payments")

    named = ("ordered before", "forgotten", "forgotten, Pi has not heard")
    assert [night.named[story] for story in named if known(night.named[story])] == []
    found = "\n".join(differences(told))
    assert [night.named[story] in found for story in named] == [True] * 3


def test_without_withdraw_codes_two_buyers_would_get_the_same_code(night: Night) -> None:
    night.restore(without="withdraw_codes")

    assert handed_out() & night.codes
