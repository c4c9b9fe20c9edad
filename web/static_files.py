"""How static files are served by a real shop: compressed, and under names that change with their content."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    # Scripts import each other: without this a browser could mix two versions of the shop.
    support_js_module_import_aggregation = True
