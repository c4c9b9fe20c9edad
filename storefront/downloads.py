"""Links to files that were bought: signed, short-lived, and valid for one line of one paid order."""

from __future__ import annotations

from datetime import timedelta

from django.core import signing
from django.urls import reverse

from catalog.models import Delivery
from payments.models import OrderLine
from payments.statuses import WITH_GOODS
from web.ranges import StoredFile

SALT = "pistore.download"
VALID_FOR = timedelta(minutes=10)


class LinkExpired(Exception):
    """The link is ours, but too old, or its order is not paid. Open the order for a new link."""


class LinkForged(Exception):
    """We never made this link."""


class FileMissing(Exception):
    """The link is valid, but the file cannot be read. Staff must put it back; then the same link works."""


def download_url(line: OrderLine) -> str:
    """Return a link to the file of this line that works without a token, for ten minutes."""
    return reverse("download", args=[signing.dumps(line.pk, salt=SALT)])


def file_behind(signed: str) -> StoredFile:
    """Return the file that `signed` stands for, opened. Raise LinkExpired, LinkForged or FileMissing."""
    try:
        line_id = signing.loads(signed, salt=SALT, max_age=VALID_FOR)
    except signing.SignatureExpired as error:
        raise LinkExpired from error
    except signing.BadSignature as error:
        raise LinkForged from error
    line = _delivered(line_id)
    if line is None or not line.variant.file:
        raise LinkExpired
    variant, file = line.variant, line.variant.file
    try:
        return StoredFile.open(file.storage, str(file.name), variant.download_name)
    except OSError as error:
        raise FileMissing(f"the file of {variant.sku} cannot be read: {error}") from error


def _delivered(line_id: int) -> OrderLine | None:
    return (
        OrderLine.objects.filter(
            pk=line_id,
            delivered_at__isnull=False,
            variant__delivery=Delivery.DOWNLOAD,
            order__status__in=WITH_GOODS,
        )
        .select_related("variant")
        .first()
    )
