"""Sessions of staff: Django's own, in the database, but only under keys that Django made."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore


class SessionStore(DatabaseStore):
    def _validate_session_key(self, key: Any) -> bool:
        # A cookie can hold anything, even a NUL, with which PostgreSQL refuses the query.
        return isinstance(key, str) and re.fullmatch("[a-z0-9]{32}", key) is not None
