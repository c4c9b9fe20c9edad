"""What several pictures share: background, shadows, leaves, steam and sparkles. Light comes from the left."""

from __future__ import annotations

from demo.goods.pictures.canvas import Canvas, Paint
from demo.goods.pictures.shapes import box, circle, ellipse

CREAM = "#fdf6e8"
WHITE = "#ffffff"
INK = "#3a2b45"


def scene(wall: Paint, halo: str, table: Paint) -> Canvas:
    """Return a canvas with a wall, a pale disc behind the object, and a table for it to stand on."""
    canvas = Canvas(wall)
    canvas.fill(circle(500, 455, 345), halo)
    canvas.fill(box(0, 772, 1000, 1000), table)
    canvas.fill(box(0, 772, 1000, 784), WHITE, opacity=0.22)
    return canvas


def shadow(
    canvas: Canvas, x: float, y: float, *, across: float, down: float = 16, strength: float = 0.3
) -> None:
    """Draw the soft shadow of an object that touches the table at (x, y)."""
    canvas.fill(ellipse(x + across * 0.16, y, across * 1.12, down), INK, opacity=strength * 0.55, blur=16)
    canvas.fill(ellipse(x + across * 0.04, y - 2, across * 0.98, down * 0.55), INK, opacity=strength, blur=6)


def leaf(canvas: Canvas, colours: tuple[str, str], *, vein: bool = True) -> None:
    """Draw a leaf that grows from (0, 0) to the right; place it with `canvas.at`."""
    light, dark = colours
    canvas.fill("M 0 0 C 22 -34 66 -42 120 0 C 70 34 26 30 0 0 Z", light)
    canvas.fill("M 0 0 C 40 -3 80 -3 120 0 C 70 34 26 30 0 0 Z", dark)
    if vein:
        canvas.stroke("M -16 2 C 30 -5 70 -4 104 -1", dark, width=4)


def steam(canvas: Canvas, x: float, y: float, *, size: float = 1) -> None:
    """Draw three wisps of steam above (x, y)."""
    for aside, rise, share in ((-75, 0, 0.95), (0, -20, 1.15), (75, 0, 0.95)):
        wisp = canvas.at(x + aside * size, y + rise * size, size=share * size)
        wisp.stroke("M 0 0 C -34 -44 36 -74 4 -124 C -12 -150 8 -168 12 -176", WHITE, width=13, opacity=0.75)


def sparkle(canvas: Canvas, x: float, y: float, radius: float, colour: str = WHITE) -> None:
    star = "M 0 -100 Q 14 -14 100 0 Q 14 14 0 100 Q -14 14 -100 0 Q -14 -14 0 -100 Z"
    canvas.at(x, y, size=radius / 100).fill(star, colour, opacity=0.9)
