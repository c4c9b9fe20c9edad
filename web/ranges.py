"""Files that a client can fetch in parts, so that an interrupted download can be resumed (RFC 9110).

One range is answered; of several at once the whole file is sent, as the RFC allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Self

from django.core.files import File
from django.core.files.storage import Storage
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_http_date_safe
from django.views.decorators.http import condition

# More digits than the size of any file, and fewer than `int` refuses to read.
ONE_RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,40})-([0-9]{0,40})|-([0-9]{1,40}))[ \t]*", re.IGNORECASE)


@dataclass(frozen=True)
class StoredFile:
    """An opened file. `size` is in bytes, `modified` is aware, `etag` changes when the content may have."""

    content: File[bytes] = field(repr=False)
    filename: str
    size: int
    modified: datetime
    etag: str

    @classmethod
    def open(cls, storage: Storage, name: str, filename: str) -> Self:
        """Open the file that the storage knows as `name`, to be saved as `filename`. Raise OSError."""
        size, modified = storage.size(name), storage.get_modified_time(name)
        # Hashed, because where a file is stored is nobody's business.
        version = sha256(f"{name}\n{size}\n{modified.timestamp()}".encode()).hexdigest()
        return cls(storage.open(name, "rb"), filename, size, modified, f'"{version[:32]}"')


def send_file(request: HttpRequest, file: StoredFile) -> HttpResponseBase:
    """Return the file (200), the part that was asked for (206), or only that nothing has changed (304).

    A precondition that fails is answered with 412, a range beyond the end with 416.
    """

    @condition(lambda _: file.etag, lambda _: file.modified)
    def answer(request: HttpRequest) -> HttpResponseBase:
        return _whole_or_part(request, file)

    response = answer(request)
    response["Accept-Ranges"] = "bytes"
    if not response.streaming:
        file.content.close()
    return response


def _whole_or_part(request: HttpRequest, file: StoredFile) -> HttpResponseBase:
    wanted = _wanted(request, file)
    if wanted is None:
        return FileResponse(file.content, as_attachment=True, filename=file.filename)
    if not wanted:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size}"})
    return FileResponse(
        _Part(file.content, wanted),
        status=206,
        as_attachment=True,
        filename=file.filename,
        headers={
            "Content-Length": str(len(wanted)),
            "Content-Range": f"bytes {wanted[0]}-{wanted[-1]}/{file.size}",
        },
    )


def _wanted(request: HttpRequest, file: StoredFile) -> range | None:
    """Return the positions that are asked for, none if they are beyond the end; None means the whole file."""
    asked = ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    # An empty file has no part to send, and some clients ask for ranges always.
    if request.method != "GET" or asked is None or not file.size or not _still_holds(request, file):
        return None
    first, last, from_the_end = asked.groups()
    if from_the_end:
        return range(max(0, file.size - int(from_the_end)), file.size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, file.size) if last else file.size)


def _still_holds(request: HttpRequest, file: StoredFile) -> bool:
    """Return whether the client's first part is of this very file (`If-Range`), or it did not say."""
    validator = request.headers.get("If-Range", "").strip()
    if not validator or validator == file.etag:
        return True
    return parse_http_date_safe(validator) == int(file.modified.timestamp())


class _Part:
    """The bytes at `positions` of an opened file, without `fileno`: servers would send the rest as well."""

    def __init__(self, content: File[bytes], positions: range) -> None:
        content.seek(positions.start)
        self._content = content
        self._left = len(positions)

    def read(self, size: int) -> bytes:
        data: bytes = self._content.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._content.close()
