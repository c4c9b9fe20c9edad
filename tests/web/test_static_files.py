from __future__ import annotations

import re
from pathlib import Path

from django.core.files.storage import storages
from django.core.management import call_command
from pytest_django import Settings

from pistore import settings as shop

# Hashing what other packages bring along takes longer than everything else here.
OF_OTHERS = ["admin", "drf_spectacular_sidecar", "rest_framework"]


def test_files_that_are_sold_lie_where_nobody_can_fetch_them() -> None:
    options = shop.STORAGES["downloads"]["OPTIONS"]

    assert options == {"location": shop.DOWNLOADS_ROOT, "base_url": None}
    served = (shop.MEDIA_ROOT, shop.STATIC_ROOT)
    assert [root for root in served if shop.DOWNLOADS_ROOT.is_relative_to(root)] == []


def test_a_script_imports_exactly_the_scripts_it_was_published_with(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "web.static_files.StaticFiles"}}

    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=OF_OTHERS)

    script = tmp_path / storages["staticfiles"].stored_name("storefront/shop.js")
    imported = re.findall(r'import.*"\./(.+)"', script.read_text())
    assert imported
    assert [name for name in imported if not re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name)] == []
