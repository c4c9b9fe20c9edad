import re
import zlib

import pytest

from demo.goods.pdf import LETTER, Page, pdf


def marks(page: Page) -> list[str]:
    return zlib.decompress(page.content()).decode("cp1252").splitlines()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Tea", "(Tea)"),
        ("a (b) c", r"(a \(b\) c)"),
        ("back\\slash", r"(back\\slash)"),
        ("210 °C", "(210 °C)"),
    ],
)
def test_parentheses_and_backslashes_in_text_are_escaped(text, written):
    page = Page()

    page.text(1, 2, text, font="bold", size=9)

    assert marks(page) == [f"BT 0.18 0.16 0.22 rg /bold 9 Tf 1 2 Td {written} Tj ET"]


def test_a_paragraph_is_wrapped_and_returns_the_y_below():
    page = Page()

    end = page.paragraph(0, 100, "one two three four", columns=9, size=10)

    assert re.findall(r"\((.*?)\)", "\n".join(marks(page))) == ["one two", "three", "four"]
    assert end == pytest.approx(100 - 3 * 14.5)


def test_a_file_has_every_page_in_its_own_size():
    file = pdf("Two", [Page(), Page(LETTER)])

    assert b"/Count 2" in file
    assert re.findall(rb"/MediaBox \[(.*?)\]", file) == [b"0 0 595 842", b"0 0 612 792"]
