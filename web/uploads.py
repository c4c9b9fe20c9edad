"""Only staff may upload files."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload


class StaffUploads(FileUploadHandler):
    """Stops reading where a stranger's file begins.

    Django reads a whole form, files included, before any view asks who sent it: the CSRF check is enough.
    Without this, strangers could fill the disk.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if not getattr(getattr(self.request, "user", None), "is_staff", False):
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Return None, so that the next handlers keep the file."""
