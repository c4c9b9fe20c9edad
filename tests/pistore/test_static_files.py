from __future__ import annotations

import re
from pathlib import Path

from django.core.files.storage import storages
from django.core.management import call_command
from pytest_django import Settings


def test_a_script_imports_exactly_the_scripts_it_was_published_with(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "pistore.static_files.StaticFiles"}}

    call_command("collectstatic", interactive=False, verbosity=0)

    script = tmp_path / storages["staticfiles"].stored_name("payments/shop.js")
    imported = re.findall(r'import.*"\./(.+)"', script.read_text())
    assert imported
    assert [name for name in imported if not re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name)] == []
