"""A canvas for flat illustrations: filled shapes, lines with round ends, soft shadows.

Coordinates run from (0, 0) at the top left to (1000, 1000). A shape is the text of an SVG path (absolute
M L H V C Q Z) or a list of points; `demo.goods.pictures.shapes` makes the common ones.
"""

from __future__ import annotations

import copy
import io
import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from demo.goods.pictures.shapes import Outline, Shape, box, points

SIZE = 1000
# Pictures are drawn this many times larger and then reduced, which smooths the edges.
SCALE = 3

# One colour, or two for a gradient from the top (or the left) of the shape to the other side.
Paint = str | tuple[str, str]
# Left, top, right and bottom in pixels of the enlarged canvas.
Part = tuple[int, int, int, int]


class Canvas:
    def __init__(self, backdrop: Paint) -> None:
        self._image = Image.new("RGB", (SIZE * SCALE, SIZE * SCALE))
        # A point (x, y) is drawn at x * `_right` + y * `_down` + `_origin` (complex numbers are points).
        self._origin, self._right, self._down = 0j, SCALE + 0j, SCALE * 1j
        self.fill(box(0, 0, SIZE, SIZE), backdrop)

    def at(self, x: float, y: float, *, turn: float = 0, size: float = 1, flip: bool = False) -> Canvas:
        """Return this canvas with its origin at (x, y), rotated clockwise by `turn` degrees and scaled.

        What is drawn around (0, 0) there is rotated and scaled too, line widths included; gradients stay
        upright.
        """
        moved = copy.copy(self)
        angle = math.radians(turn)
        cos, sin = size * math.cos(angle), size * math.sin(angle)
        moved._origin = self._origin + x * self._right + y * self._down
        moved._right = (-1 if flip else 1) * (cos * self._right + sin * self._down)
        moved._down = cos * self._down - sin * self._right
        return moved

    def fill(
        self,
        shape: Shape,
        paint: Paint,
        *,
        across: bool = False,
        opacity: float = 1.0,
        blur: float = 0.0,
        inside: Shape | None = None,
    ) -> None:
        """Fill the shape, clipped to `inside` if given."""
        outline = self._pixels(shape)
        part = _part(outline, margin=3 * blur * SCALE)
        mask = _cut(part, outline, opacity)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * SCALE))
        self._lay(part, _paint(paint, mask.size, across=across), mask, inside)

    def stroke(
        self,
        shape: Shape,
        colour: str,
        *,
        width: float,
        opacity: float = 1.0,
        inside: Shape | None = None,
    ) -> None:
        """Draw a line with round ends along the shape, clipped to `inside` if given."""
        outline, radius = self._pixels(shape), width * abs(self._right) / 2
        part = _part(outline, margin=radius)
        mask, spots, level = _blank(part), _within(part, outline), round(255 * opacity)
        pen = ImageDraw.Draw(mask)
        pen.line(spots, fill=level, width=round(2 * radius))
        for x, y in spots:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=level)
        self._lay(part, _paint(colour, mask.size), mask, inside)

    def shade(self, shape: Shape, tint: str, *, inside: Shape) -> None:
        """Darken what has been drawn within the shape, as transparent ink would."""
        outline = self._pixels(shape)
        part = _part(outline)
        there = self._image.crop(part)
        darker = ImageChops.multiply(there, _paint(tint, there.size))
        self._lay(part, darker, _cut(part, outline), inside)

    def webp(self) -> bytes:
        """Return the picture as the bytes of a WebP file; lossless, so that gradients show no banding."""
        file = io.BytesIO()
        self._image.reduce(SCALE).save(file, "WEBP", lossless=True, method=1)
        return file.getvalue()

    def _pixels(self, shape: Shape) -> Outline:
        spots = [self._origin + x * self._right + y * self._down for x, y in points(shape)]
        return [(spot.real, spot.imag) for spot in spots]

    def _lay(self, part: Part, layer: Image.Image, mask: Image.Image, inside: Shape | None) -> None:
        if inside is not None:
            mask = ImageChops.multiply(mask, _cut(part, self._pixels(inside)))
        self._image.paste(layer, part, mask)


def _part(outline: Outline, margin: float = 0) -> Part:
    """Return the bounding box of the outline; drawing on the whole canvas each time would take seconds."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    return (
        max(0, math.floor(min(xs) - margin)),
        max(0, math.floor(min(ys) - margin)),
        min(SIZE * SCALE, math.ceil(max(xs) + margin) + 1),
        min(SIZE * SCALE, math.ceil(max(ys) + margin) + 1),
    )


def _blank(part: Part) -> Image.Image:
    left, top, right, bottom = part
    return Image.new("L", (right - left, bottom - top))


def _within(part: Part, outline: Outline) -> Outline:
    left, top, _, _ = part
    return [(x - left, y - top) for x, y in outline]


def _cut(part: Part, outline: Outline, opacity: float = 1.0) -> Image.Image:
    """Return a mask of the part that is opaque inside the outline."""
    mask = _blank(part)
    ImageDraw.Draw(mask).polygon(_within(part, outline), fill=round(255 * opacity))
    return mask


def _paint(paint: Paint, size: tuple[int, int], *, across: bool = False) -> Image.Image:
    if isinstance(paint, str):
        return Image.new("RGB", size, paint)
    width, height = size
    ramp = Image.linear_gradient("L")
    if across:
        strip = ramp.transpose(Image.Transpose.ROTATE_90).resize((width, 1))
    else:
        strip = ramp.resize((1, height))
    return ImageOps.colorize(strip, *paint).resize(size, Image.Resampling.NEAREST)
