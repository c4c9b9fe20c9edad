"""Files come from staff alone."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload


class FromStaffAlone(FileUploadHandler):
    """Stop reading where a stranger's file begins.

    Django reads a form, files and all, before anybody asks who sent it: looking for the token against forged
    forms is enough. Without this, strangers could fill the disk.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if not getattr(getattr(self.request, "user", None), "is_staff", False):
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Return nothing, so that the handlers behind this one keep the file."""
