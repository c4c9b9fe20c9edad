"""What the shop wrote as sentences becomes notices, origins and times; what people wrote stays as it is.

The sentences stand here as they were written up to 1.0.0, whatever the code says by now.
"""

from __future__ import annotations

from django.db import migrations
from django.db.models import Min

THE_SHOP = "the shop"
DOUBT = "Pi does not verify its transaction yet"
WHOLE = {
    "Pi does not show it any more.": "not_shown",
    "Pi gives no clear answer about it.": "unanswered",
    "Pi shows a transaction and does not verify it. Look on the chain.": "unverified",
    "Pi shows a transaction that belongs to another payment.": "foreign_transaction",
    "The chain shows a transaction for it, but Pi does not take it.": "paid_on_chain_only",
    "Money arrived that it cannot use; a refund is requested.": "unusable_money",
}
NOT_MOVED = ("Pi answered “", "”, but its record has not moved.")
PI_REFUSES = "Pi refuses what comes next ("
WRITTEN_BY_STAFF = "attention: "


def read(attention: str) -> tuple[str, str]:
    """Return the notice and its detail; nothing for what is none of the shop's sentences."""
    if attention in WHOLE:
        return WHOLE[attention], ""
    before, after = NOT_MOVED
    if attention.startswith(before) and attention.endswith(after):
        return "not_moved", attention[len(before) : -len(after)]
    if attention.startswith(PI_REFUSES):  # cut to 200 characters, so its end may be missing
        return "pi_refuses", attention[len(PI_REFUSES) :].removesuffix(")")
    return "", ""


def write(notice: str, detail: str) -> str:
    """Return the sentence of a notice, for the way back."""
    if notice == "not_moved":
        return detail.join(NOT_MOVED)
    if notice == "pi_refuses":
        return f"{PI_REFUSES}{detail})"[:200]
    return next((sentence for sentence, name in WHOLE.items() if name == notice), "")


def forward(apps, schema_editor):
    Event = apps.get_model("payments", "Event")
    for name in ("Order", "PiPayment"):
        model = apps.get_model("payments", name)
        of_row = {"Order": "order_id", "PiPayment": "payment_id"}[name]
        for row in model.objects.exclude(attention="").iterator():
            notice, detail = read(row.attention)
            notes = Event.objects.filter(cause="attention", **{of_row: row.pk})
            last = notes.order_by("-pk").values_list("note", flat=True).first()
            if notice and last != f"{WRITTEN_BY_STAFF}{row.attention}":
                model.objects.filter(pk=row.pk).update(notice=notice, notice_detail=detail, attention="")
    apps.get_model("payments", "Refund").objects.filter(asked_by=THE_SHOP).update(origin="shop")
    doubts = Event.objects.filter(payment__isnull=False, kind="noted", note__startswith=DOUBT)
    first = doubts.exclude(cause="report_error").order_by().values("payment_id").annotate(first=Min("at"))
    for row in first.iterator():
        apps.get_model("payments", "PiPayment").objects.filter(pk=row["payment_id"]).update(
            doubted_at=row["first"]
        )


def backward(apps, schema_editor):
    """The event of each doubt is still there, and so is `asked_by`; a colleague's note is not overwritten."""
    for name in ("Order", "PiPayment"):
        model = apps.get_model("payments", name)
        for row in model.objects.exclude(notice="").filter(attention="").iterator():
            model.objects.filter(pk=row.pk).update(attention=write(row.notice, row.notice_detail))


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0003_notices_and_origins'),
    ]

    operations = [migrations.RunPython(forward, backward)]
