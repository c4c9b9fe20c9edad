import pytest

from demo.goods.pictures.shapes import along, band, box, circle, ellipse, points, smooth, tube


@pytest.mark.parametrize(
    ("path", "corners"),
    [
        ("M 1 2 L 3 4", [(1, 2), (3, 4)]),
        ("M 1 2 H 5 V -6.5 Z", [(1, 2), (5, 2), (5, -6.5), (1, 2)]),
        ("M 1 2 L 3 4 5 6", [(1, 2), (3, 4), (5, 6)]),
    ],
)
def test_straight_lines_become_their_corners(path, corners):
    assert points(path) == corners


@pytest.mark.parametrize("path", ["M 0 0 Q 5 10 10 0", "M 0 0 C 2.5 10 7.5 10 10 0"])
def test_a_curve_runs_from_end_to_end_within_its_control_points(path):
    curve = points(path)

    assert (curve[0], curve[-1]) == ((0, 0), pytest.approx((10, 0)))
    assert 5 <= max(y for _, y in curve) < 10
    assert len(curve) > 50


def test_consecutive_curves_are_joined():
    curve = points("M 0 0 Q 5 10 10 0 15 -10 20 0")

    assert curve[96] == pytest.approx((10, 0))
    assert curve[-1] == pytest.approx((20, 0))


@pytest.mark.parametrize(
    ("outline", "edges"),
    [
        (box(1, 2, 3, 4), (1, 2, 3, 4)),
        (box(0, 0, 10, 6, 2), (0, 0, 10, 6)),
        (circle(5, 5, 2), (3, 3, 7, 7)),
        (ellipse(5, 5, 4, 1), (1, 4, 9, 6)),
        (ellipse(0, 0, 2, 2, (0, 90)), (0, 0, 2, 2)),
        (tube(5, 2, 8, 3, 1), (2, 1, 8, 9)),
        (band(5, 2, 8, 3, 1), (2, 2, 8, 9)),
        (smooth((0, 0), (4, 0), (4, 4), (0, 4)), (-0.5, -0.5, 4.5, 4.5)),
    ],
)
def test_a_shape_reaches_to_its_edges(outline, edges):
    xs, ys = [x for x, _ in outline], [y for _, y in outline]

    assert (min(xs), min(ys), max(xs), max(ys)) == pytest.approx(edges, abs=0.01)


def test_places_along_a_line_have_its_direction():
    assert along("M 0 0 L 0 1 L 0 2 L 0 3", 3) == [(0, 0, 90), (0, 1, 90), (0, 2, 90)]
