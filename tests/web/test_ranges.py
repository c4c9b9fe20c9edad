"""Files sent whole and in parts, over real storage and through the site's middleware."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase, ResponseHeaders
from django.test import Client, RequestFactory
from django.urls import path
from django.utils.http import http_date

from web.ranges import StoredFile, send_file

pytestmark = pytest.mark.urls(__name__)

TEXT = b"0123456789"
MODIFIED = int(datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp())
# As many digits as `int` refuses to read.
ENDLESS = "9" * 5_000


def stored(folder: Path, filename: str = "digits.txt") -> StoredFile:
    return StoredFile.open(FileSystemStorage(folder), "stored.txt", filename)


def send(request: HttpRequest, folder: str) -> HttpResponseBase:
    return send_file(request, stored(Path("/") / folder))


urlpatterns = [path("<path:folder>", send)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, TEXT)
    return tmp_path


def put(folder: Path, content: bytes, modified: float = MODIFIED) -> None:
    (folder / "stored.txt").write_bytes(content)
    os.utime(folder / "stored.txt", (modified, modified))


def close(response: HttpResponseBase) -> None:
    """Close it as Django's test client does, without looking after connections to the database."""
    request_finished.disconnect(close_old_connections)
    response.close()
    request_finished.connect(close_old_connections)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: ResponseHeaders
    body: bytes


def ask(folder: Path, method: str = "get", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = getattr(Client(), method)(str(folder), headers=named)
    body = response.getvalue() if response.streaming else response.content
    close(response)
    return Answer(response.status_code, response.headers, body)


def etag_of(folder: Path) -> str:
    return ask(folder, "head").headers["ETag"]


# The whole file ---------------------------------------------------------------------------------------


def test_a_file_is_sent_whole_with_what_a_client_needs_to_resume(folder: Path) -> None:
    answer = ask(folder)

    assert (answer.status, answer.body) == (200, TEXT)
    assert (answer.headers["Accept-Ranges"], answer.headers["Content-Length"]) == ("bytes", "10")
    assert answer.headers["Last-Modified"] == "Sat, 28 Nov 2026 12:00:00 GMT"
    assert answer.headers["ETag"].startswith('"'), "a weak one cannot be resumed by"
    assert "stored" not in answer.headers["ETag"]


def test_head_tells_the_same_without_the_file(folder: Path) -> None:
    told, sent = ask(folder, "head", Range="bytes=0-0"), ask(folder)

    assert (told.status, told.body) == (200, b"")
    for name in ("Accept-Ranges", "Content-Length", "Content-Disposition", "ETag", "Last-Modified"):
        assert told.headers[name] == sent.headers[name]


@pytest.mark.parametrize("filename", ["Cook Book.pdf", "Поваренная книга.pdf", "料理 📖.pdf", 'a "b".pdf'])
def test_a_file_is_saved_under_its_name_whole_or_in_parts(rf: RequestFactory, folder: Path, filename) -> None:
    for asked in ("", "bytes=1-"):
        response = send_file(rf.get("/", headers={"Range": asked}), stored(folder, filename))

        assert response["Content-Type"] == "application/pdf"
        assert filename in unquote(response["Content-Disposition"]).replace("\\", "")
        close(response)


# Parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "positions", "part"),
    [
        ("bytes=0-0", "0-0", b"0"),
        ("bytes=9-9", "9-9", b"9"),
        ("bytes=2-4", "2-4", b"234"),
        ("bytes=5-", "5-9", b"56789"),
        ("bytes=0-", "0-9", TEXT),
        ("bytes=-5", "5-9", b"56789"),
        ("bytes=-10", "0-9", TEXT),
        ("bytes=-11", "0-9", TEXT),
        ("bytes=8-10", "8-9", b"89"),
        (f"bytes=8-{'9' * 40}", "8-9", b"89"),
        (f"bytes=-{'9' * 40}", "0-9", TEXT),
        ("bytes=0005-0006", "5-6", b"56"),
        ("Bytes= 5-6 ", "5-6", b"56"),
    ],
)
def test_one_range_is_sent_as_a_part(folder: Path, asked: str, positions: str, part: bytes) -> None:
    answer = ask(folder, Range=asked)

    assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {positions}/10")
    assert (answer.body, answer.headers["Content-Length"]) == (part, str(len(part)))
    assert (answer.headers["Accept-Ranges"], answer.headers["ETag"]) == ("bytes", etag_of(folder))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0", f"bytes={'9' * 40}-"])
def test_a_range_beyond_the_end_cannot_be_satisfied(folder: Path, asked: str) -> None:
    answer = ask(folder, Range=asked)

    assert (answer.status, answer.headers["Content-Range"], answer.body) == (416, "bytes */10", b"")
    assert "Content-Disposition" not in answer.headers


@pytest.mark.parametrize(
    "asked",
    [
        *("", "bytes", "bytes=", "bytes=-", "bytes=x-y", "bytes=1", "5-", "items=0-1", "bytes 0-1"),
        *("bytes=5-2", "bytes=--5", "bytes=+1-2", "bytes=1_0-", "bytes=0x1-", "bytes=1.5-", "bytes=0-1x"),
        *("bytes=٣-", "bytes=-٣", "bytes=²-", "bytes=0-٣", "bytes=３-"),
        *(f"bytes={ENDLESS}-", f"bytes=0-{ENDLESS}", f"bytes=-{ENDLESS}"),
        *("bytes=0-1,3-4", "bytes=0-1, -1", "bytes=0-1,"),
    ],
)
def test_what_is_no_single_range_is_ignored(folder: Path, asked: str) -> None:
    answer = ask(folder, Range=asked)

    assert (answer.status, answer.body) == (200, TEXT)
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_an_empty_file_is_always_sent_whole(folder: Path, asked: str) -> None:
    put(folder, b"")

    answer = ask(folder, Range=asked)

    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


def test_a_file_arrives_whole_in_parts_of_every_size(folder: Path) -> None:
    content = os.urandom(10_000)
    put(folder, content)

    for size in (1_000, 4_096, 4_097, 9_999):
        asked = [f"bytes={start}-{start + size - 1}" for start in range(0, len(content), size)]
        assert b"".join(ask(folder, Range=each).body for each in asked) == content


def test_a_part_is_read_in_small_chunks(folder: Path) -> None:
    put(folder, b"x" * 100_000)

    chunks = list(Client().get(str(folder), headers={"Range": "bytes=1-"}))

    assert (sum(map(len, chunks)), max(map(len, chunks))) == (99_999, 4_096)


# Conditions -------------------------------------------------------------------------------------------


def test_if_range_sends_the_rest_of_the_same_file(folder: Path) -> None:
    for validator in (etag_of(folder), http_date(MODIFIED)):
        answer = ask(folder, Range="bytes=5-", If_Range=validator)

        assert (answer.status, answer.body) == (206, b"56789")


def test_if_range_sends_another_file_from_the_start(folder: Path) -> None:
    dates = [http_date(MODIFIED - 1), http_date(MODIFIED + 1)]

    for validator in ['"another"', "W/" + etag_of(folder), *dates, "x", ENDLESS]:
        for asked in ("bytes=5-", "bytes=50-"):
            answer = ask(folder, Range=asked, If_Range=validator)

            assert (answer.status, answer.body) == (200, TEXT)


@pytest.mark.parametrize("asked", ["", "bytes=5-"])
def test_an_unchanged_file_is_not_sent_again(folder: Path, asked: str) -> None:
    etag = etag_of(folder)

    for told in ({"If_None_Match": etag}, {"If_Modified_Since": http_date(MODIFIED)}):
        answer = ask(folder, Range=asked, **told)

        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag)


def test_a_changed_file_is_sent_again(folder: Path) -> None:
    for told in ({"If_None_Match": '"another"'}, {"If_Modified_Since": http_date(MODIFIED - 1)}):
        assert ask(folder, **told).body == TEXT


def test_a_part_of_a_file_that_must_not_have_changed_is_refused_if_it_has(folder: Path) -> None:
    assert ask(folder, Range="bytes=5-", If_Match='"another"').status == 412
    assert ask(folder, Range="bytes=5-", If_Match=etag_of(folder)).status == 206


@pytest.mark.parametrize(
    ("content", "modified"), [(b"012345678", MODIFIED), (TEXT, MODIFIED + 1), (TEXT, MODIFIED + 0.25)]
)
def test_the_etag_changes_with_the_file(folder: Path, content: bytes, modified: float) -> None:
    before = etag_of(folder)

    put(folder, content, modified)

    assert etag_of(folder) != before


def test_the_etag_stays_while_the_file_does(folder: Path) -> None:
    assert etag_of(folder) == etag_of(folder)


# The file itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-0"}, {"Range": "bytes=99-"}, {"If-Match": '"x"'}])
def test_the_file_is_closed_afterwards(rf: RequestFactory, folder: Path, headers: dict[str, str]) -> None:
    file = stored(folder)

    close(send_file(rf.get("/", headers=headers), file))

    assert file.content.closed


def test_a_file_that_is_not_there_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        stored(tmp_path)
