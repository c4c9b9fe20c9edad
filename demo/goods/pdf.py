"""Small, valid PDF files: pages with text, boxes and lines, in the fonts that every PDF reader has.

Coordinates are points (1/72 inch) from the lower left corner, as in PDF itself.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Sequence

A4 = (595, 842)
LETTER = (612, 792)

Colour = tuple[float, float, float]
BLACK: Colour = (0.18, 0.16, 0.22)

FONTS = {"regular": "Helvetica", "bold": "Helvetica-Bold", "serif": "Times-Roman", "italic": "Times-Italic"}


class Page:
    def __init__(self, size: tuple[int, int] = A4) -> None:
        self.size = size
        self._marks: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        self._marks.append(f"{_rgb(colour)} rg {x} {y} {width} {height} re f")

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: Colour = BLACK) -> None:
        self._marks.append(f"{_rgb(colour)} RG 0.6 w {start[0]} {start[1]} m {end[0]} {end[1]} l S")

    def text(
        self, x: float, y: float, text: str, *, font: str = "serif", size: float = 12, colour: Colour = BLACK
    ) -> None:
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self._marks.append(f"BT {_rgb(colour)} rg /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET")

    def paragraph(self, x: float, y: float, text: str, *, columns: int, size: float = 12) -> float:
        """Write the text in lines of at most `columns` characters; return the y below the last one."""
        for line in textwrap.wrap(text, columns):
            self.text(x, y, line, size=size)
            y -= size * 1.45
        return y

    def content(self) -> bytes:
        return zlib.compress("\n".join(self._marks).encode("cp1252"))


def pdf(title: str, pages: Sequence[Page]) -> bytes:
    """Return the pages as the bytes of a PDF file."""
    fonts = " ".join(f"/{name} << {_FONT} /BaseFont /{base} >>" for name, base in FONTS.items())
    kids = " ".join(f"{4 + 2 * nth} 0 R" for nth in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        f"<< /Title ({title}) /Producer (pistore) >>".encode("cp1252"),
    ]
    for nth, page in enumerate(pages):
        content = page.content()
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page.size[0]} {page.size[1]}] "
            f"/Resources << /Font << {fonts} >> >> /Contents {5 + 2 * nth} 0 R >>".encode()
        )
        head = f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + content + b"\nendstream")
    return _file(objects)


_FONT = "/Type /Font /Subtype /Type1 /Encoding /WinAnsiEncoding"


def _file(objects: Sequence[bytes]) -> bytes:
    """Return the objects one after another, then the cross-reference table of their offsets."""
    # The four bytes above 127 tell mail and file transfer programs that the file is binary.
    file, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        file
        + b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
        + b"trailer\n<< /Size %d /Root 1 0 R /Info 3 0 R >>\n" % size
        + b"startxref\n%d\n%%%%EOF\n" % len(file)
    )


def _rgb(colour: Colour) -> str:
    return " ".join(f"{part:.2f}" for part in colour)
