"""`.env`, read strictly: a line that django-environ would pass over or misread stops the start.

The sentences name the line and the setting, never a value: it may be a password.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

NAME_AND_VALUE = re.compile(r"(?:export )?([A-Z][A-Z0-9_]*)=(.*)")
STRAIGHT_QUOTES = "'\""
QUOTES = STRAIGHT_QUOTES + "“”„‘’‚«»"


class Reader(environ.Env):  # type: ignore[misc]  # django-environ has no types
    """The environment and `.env` in one, as django-environ reads them.

    A file that cannot be read to its last line raises ImproperlyConfigured with a sentence that says which
    line, and why. The environment wins over the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.lines = dict(_lines(path))
        self.asked: set[str] = set()
        self.read_env(path, encoding="utf-8-sig")

    def get_value(self, var: str, *args: Any, **options: Any) -> Any:
        """Return the value of a setting, and remember that there is such a setting."""
        self.asked.add(var)
        return super().get_value(var, *args, **options)

    def refuse_unknown(self) -> None:
        """Raise ImproperlyConfigured when a line names no setting: a misspelt one would change nothing."""
        for name, number in self.lines.items():
            if name not in self.asked:
                raise _wrong(number, f"{name} is no setting of this shop; .env.example lists them")


def _lines(path: Path) -> Iterator[tuple[str, int]]:
    """Yield name and number of each line that gives a value."""
    seen: dict[str, int] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        given = NAME_AND_VALUE.fullmatch(line)
        if given is None:
            raise _wrong(number, "write NAME=value, with no spaces around the equals sign")
        name, value = given.groups()
        if name in seen:
            raise _wrong(number, f"{name} has a value already, in line {seen[name]}")
        problem = _problem_of(value)
        if problem:
            raise _wrong(number, f"{problem} of {name}")
        seen[name] = number
        yield name, number


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ImproperlyConfigured(".env is not UTF-8 text: save it again with the encoding UTF-8.") from None
    except OSError as error:
        raise ImproperlyConfigured(f".env cannot be read ({type(error).__name__}).") from None


def _problem_of(value: str) -> str:
    """Return what to mend in a value, in words that end before its setting's name; nothing if it is right."""
    if value != value.strip():
        return "remove the spaces before and after the value"
    if value.startswith("$"):
        return "remove the dollar sign, which names another variable, from the beginning"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in value):
        return "remove the invisible character from the value"
    ends = value[:1] + value[-1:]
    if any(letter in QUOTES for letter in ends) and not _is_quoted(value):
        return "use straight quotation marks on both sides, or none, around the value"
    return ""


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in STRAIGHT_QUOTES


def _wrong(number: int, what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f".env, line {number}: {what}.")
