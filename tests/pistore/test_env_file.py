"""`.env` as people save it: every line counts, or the start stops with one sentence and without a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from pistore.env_file import Reader

ROOT = Path(__file__).parent.parent.parent
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the reader writes, as django-environ does, out of the real environment."""
    monkeypatch.setattr(Reader, "ENVIRON", {})


def saved(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / ".env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


SPACES = "write NAME=value, with no spaces around the equals sign"
QUOTES = "use straight quotation marks on both sides, or none, around the value of PI_API_KEY"
DOLLAR = (
    ".env, line 1: remove the dollar sign, which names another variable, from the beginning of SECRET_KEY."
)
NOT_UTF_8 = ".env is not UTF-8 text: save it again with the encoding UTF-8."
UNREADABLE = [
    (f"DATABASE_URL = postgres://shop:{SECRET}@host/shop", f".env, line 1: {SPACES}."),
    ("DEBUG=false\nPI_NETWORK =Pi Network", f".env, line 2: {SPACES}."),
    (f"# keys\n\nPI_API_KEY: {SECRET}", f".env, line 3: {SPACES}."),
    (f"pi_api_key={SECRET}", f".env, line 1: {SPACES}."),
    (f"  PI_API_KEY={SECRET}", f".env, line 1: {SPACES}."),
    (SECRET, f".env, line 1: {SPACES}."),
    (f"PI_API_KEY= {SECRET}", ".env, line 1: remove the spaces before and after the value of PI_API_KEY."),
    (f"PI_API_KEY={SECRET}\t", ".env, line 1: remove the spaces before and after the value of PI_API_KEY."),
    (f"PI_API_KEY=“{SECRET}”", f".env, line 1: {QUOTES}."),
    (f'PI_API_KEY="{SECRET}', f".env, line 1: {QUOTES}."),
    (f"PI_API_KEY={SECRET}'", f".env, line 1: {QUOTES}."),
    (
        f"PI_API_KEY=\u200b{SECRET}",
        ".env, line 1: remove the invisible character from the value of PI_API_KEY.",
    ),
    (f"SECRET_KEY=${SECRET}", DOLLAR),
    (
        f"PI_API_KEY=a\nPI_API_KEY={SECRET}",
        ".env, line 2: PI_API_KEY has a value already, in line 1.",
    ),
    (
        f"PI_API_KEY={SECRET}".encode("utf-16"),
        ".env is not UTF-8 text: save it again with the encoding UTF-8.",
    ),
    (b"PI_API_KEY=hunter2\xff", ".env is not UTF-8 text: save it again with the encoding UTF-8."),
]


@pytest.mark.parametrize(("content", "sentence"), UNREADABLE)
def test_a_line_that_cannot_be_read_is_named_without_its_value(
    tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as problem:
        Reader(saved(tmp_path, content))

    assert str(problem.value) == sentence
    assert SECRET not in str(problem.value)


@pytest.mark.parametrize(
    "content",
    [
        f"PI_API_KEY={SECRET}",
        f"\ufeffPI_API_KEY={SECRET}",
        f"\ufeff# saved by Notepad\r\nPI_API_KEY={SECRET}\r\n",
        f"export PI_API_KEY={SECRET}",
        f"PI_API_KEY='{SECRET}'",
        f'   \n\n#\nPI_API_KEY="{SECRET}"',
    ],
)
def test_what_editors_leave_in_a_file_is_read(tmp_path: Path, content: str) -> None:
    assert Reader(saved(tmp_path, content)).str("PI_API_KEY") == SECRET


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    Reader.ENVIRON["PI_API_KEY"] = "of the environment"

    assert Reader(saved(tmp_path, "PI_API_KEY=of the file")).str("PI_API_KEY") == "of the environment"


def test_a_shop_without_a_file_is_set_up_by_its_environment(tmp_path: Path) -> None:
    Reader.ENVIRON["PI_API_KEY"] = SECRET
    reader = Reader(tmp_path / ".env")

    assert reader.str("PI_API_KEY") == SECRET
    reader.refuse_unknown()


def test_a_folder_in_the_place_of_the_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^\.env cannot be read \(IsADirectoryError\)\.$"):
        Reader(tmp_path)


@pytest.mark.parametrize("name", ["PI_NETWROK", "DATABASE_URI", "API_KEY"])
def test_a_misspelt_setting_stops_the_start(tmp_path: Path, name: str) -> None:
    reader = Reader(saved(tmp_path, f"DEBUG=true\n{name}={SECRET}"))
    reader.str("DEBUG")

    with pytest.raises(ImproperlyConfigured) as problem:
        reader.refuse_unknown()

    assert str(problem.value) == f".env, line 2: {name} is no setting of this shop; .env.example lists them."


def test_the_example_is_read_to_its_last_line() -> None:
    assert "PROXY_COUNT" in Reader(ROOT / ".env.example").lines
