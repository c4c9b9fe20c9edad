import io

import pytest
from PIL import Image

from demo.goods.pictures.canvas import Easel
from demo.goods.pictures.shapes import box

WHITE, RED, GREY = (255, 255, 255), (255, 0, 0), (128, 128, 128)


def colours(easel: Easel, *spots: tuple[int, int]) -> list[tuple[int, int, int]]:
    with Image.open(io.BytesIO(easel.webp())) as picture:
        return [picture.convert("RGB").getpixel(spot) for spot in spots]


def test_a_shape_is_painted_where_it_is_and_only_inside_another():
    easel = Easel("#ffffff")

    easel.fill(box(100, 100, 300, 300), "#ff0000", inside=box(200, 0, 1000, 1000))

    assert colours(easel, (150, 200), (250, 200), (350, 200)) == [WHITE, RED, WHITE]


def test_a_moved_sheet_moves_turns_enlarges_and_mirrors_what_is_drawn():
    easel = Easel("#ffffff")

    easel.at(500, 500, turn=90, size=2, flip=True).at(0, 10).fill(box(0, 0, 50, 20), "#ff0000")

    # Mirrored, the box lies at x -50 to 0 and y 10 to 30; turned and doubled at x -60 to -20, y -100 to 0.
    assert colours(easel, (460, 450), (460, 510), (490, 450), (430, 450)) == [RED, WHITE, WHITE, WHITE]


def test_a_pen_is_as_wide_as_it_is_told():
    easel = Easel("#ffffff")

    easel.at(0, 0, size=2).stroke("M 100 100 H 200", "#ff0000", width=10)

    assert colours(easel, (300, 191), (300, 209), (300, 188), (300, 212)) == [RED, RED, WHITE, WHITE]


@pytest.mark.parametrize(("across", "far"), [(False, (500, 999)), (True, (999, 500))])
def test_two_colours_run_from_one_side_to_the_other(across, far):
    easel = Easel("#ffffff")

    easel.fill(box(0, 0, 1000, 1000), ("#ff0000", "#ffffff"), across=across)

    near, end = colours(easel, (0, 0), far)
    assert (near[1] < 10, end[1] > 245) == (True, True)


def test_shade_darkens_what_is_there():
    easel = Easel("#808080")

    easel.shade(box(0, 0, 500, 1000), "#ff0000", inside=box(0, 0, 1000, 1000))

    assert colours(easel, (250, 500), (750, 500)) == [(128, 0, 0), GREY]
