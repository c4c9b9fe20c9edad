import io

import pytest
from PIL import Image

from demo.goods.pictures.canvas import Canvas
from demo.goods.pictures.shapes import box

WHITE, RED, GREY = (255, 255, 255), (255, 0, 0), (128, 128, 128)


def colours(canvas: Canvas, *spots: tuple[int, int]) -> list[tuple[int, int, int]]:
    with Image.open(io.BytesIO(canvas.webp())) as picture:
        return [picture.convert("RGB").getpixel(spot) for spot in spots]


def test_a_fill_is_clipped_to_the_shape_and_to_inside():
    canvas = Canvas("#ffffff")

    canvas.fill(box(100, 100, 300, 300), "#ff0000", inside=box(200, 0, 1000, 1000))

    assert colours(canvas, (150, 200), (250, 200), (350, 200)) == [WHITE, RED, WHITE]


def test_at_moves_rotates_scales_and_mirrors_what_is_drawn():
    canvas = Canvas("#ffffff")

    canvas.at(500, 500, turn=90, size=2, flip=True).at(0, 10).fill(box(0, 0, 50, 20), "#ff0000")

    # Mirrored, the box covers x -50 to 0 and y 10 to 30; rotated and doubled, x -60 to -20 and y -100 to 0.
    assert colours(canvas, (460, 450), (460, 510), (490, 450), (430, 450)) == [RED, WHITE, WHITE, WHITE]


def test_a_stroke_has_the_width_it_was_given():
    canvas = Canvas("#ffffff")

    canvas.at(0, 0, size=2).stroke("M 100 100 H 200", "#ff0000", width=10)

    assert colours(canvas, (300, 191), (300, 209), (300, 188), (300, 212)) == [RED, RED, WHITE, WHITE]


@pytest.mark.parametrize(("across", "far"), [(False, (500, 999)), (True, (999, 500))])
def test_a_gradient_runs_from_one_side_to_the_other(across, far):
    canvas = Canvas("#ffffff")

    canvas.fill(box(0, 0, 1000, 1000), ("#ff0000", "#ffffff"), across=across)

    near, end = colours(canvas, (0, 0), far)
    assert (near[1] < 10, end[1] > 245) == (True, True)


def test_shade_darkens_what_was_drawn():
    canvas = Canvas("#808080")

    canvas.shade(box(0, 0, 500, 1000), "#ff0000", inside=box(0, 0, 1000, 1000))

    assert colours(canvas, (250, 500), (750, 500)) == [(128, 0, 0), GREY]
