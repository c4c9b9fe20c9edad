"""Pictures of food: a tin of tea, a bag of coffee, a jar of honey."""

from __future__ import annotations

from demo.goods.pictures.canvas import Canvas
from demo.goods.pictures.scene import CREAM, WHITE, leaf, scene, shadow
from demo.goods.pictures.shapes import band, box, circle, ellipse, smooth, tube


def tea() -> Canvas:
    canvas = scene(("#dfe8d8", "#d3dfcb"), "#eef3e6", ("#c3cfae", "#b4c29f"))
    shadow(canvas, 490, 822, across=200, down=34)
    _tin(canvas.at(480, 0))
    _emblem(canvas.at(470, 590))
    _sprig(canvas)
    return canvas


def _tin(canvas: Canvas) -> None:
    body = tube(0, 330, 800, 178, 36)
    canvas.fill(body, ("#4f8069", "#33604f"), across=True)
    canvas.fill(box(70, 300, 190, 850), ("#33604f", "#27493f"), across=True, inside=body, opacity=0.75)
    canvas.fill(band(0, 772, 800, 178, 36), ("#e8c37a", "#b98a45"), across=True)
    canvas.fill(box(-140, 330, -112, 790), WHITE, opacity=0.22, inside=body)
    canvas.fill(band(0, 372, 388, 178, 36), "#1d3a32", opacity=0.35)
    lid = tube(0, 272, 372, 187, 36)
    canvas.fill(lid, ("#f0d08c", "#bd8f4a"), across=True)
    canvas.fill(box(80, 200, 200, 420), "#9c7238", opacity=0.35, inside=lid)
    canvas.fill(band(0, 352, 358, 187, 36), "#9c7238", opacity=0.5)
    canvas.fill(box(-146, 260, -116, 420), WHITE, opacity=0.4, inside=lid)
    canvas.fill(ellipse(0, 272, 187, 36), ("#f9e3b1", "#e3bb72"), across=True)
    canvas.fill(ellipse(0, 276, 164, 28), ("#e6c280", "#f3d797"), across=True)
    canvas.fill(ellipse(0, 266, 30, 11), "#b98a45")
    canvas.fill(ellipse(0, 258, 30, 11), ("#fbe9bf", "#deb266"), across=True)


def _emblem(canvas: Canvas) -> None:
    canvas.fill(ellipse(0, 0, 108, 128), CREAM)
    canvas.stroke(ellipse(0, 0, 93, 112), "#c99f55", width=4)
    for turn, size in ((-90, 1.05), (-142, 0.8), (-38, 0.8)):
        leaf(canvas.at(0, 62, turn=turn, size=size), ("#5d9477", "#3f7460"))
    canvas.stroke("M 0 60 V 84", "#3f7460", width=6)


def _sprig(canvas: Canvas) -> None:
    shadow(canvas, 752, 866, across=118, down=14, strength=0.22)
    canvas.stroke("M 872 862 C 800 868 730 850 660 868", "#5b7f52", width=8)
    for x, y, turn in ((836, 862, 205), (790, 862, 160), (726, 858, 208), (676, 866, 176)):
        leaf(canvas.at(x, y, turn=turn), ("#86b070", "#628f57"))


def coffee() -> Canvas:
    canvas = scene(("#f3ddc8", "#edd2b8"), "#fbeedd", ("#d9ad86", "#cb9b73"))
    shadow(canvas, 490, 836, across=200, down=34)
    _pouch(canvas)
    _tie(canvas)
    _label(canvas)
    for x, y, turn, size in (
        (742, 846, 20, 0.9),
        (812, 874, -18, 1),
        (236, 872, -28, 1),
        (716, 900, 8, 0.85),
    ):
        shadow(canvas, x, y + 24 * size, across=40 * size, down=9, strength=0.35)
        _bean(canvas.at(x, y, turn=turn, size=size))
    return canvas


def _pouch(canvas: Canvas) -> None:
    body = (
        "M 316 240 Q 316 226 330 226 H 650 Q 664 226 664 240 L 660 330 C 656 490 682 640 680 800"
        "C 680 838 654 852 616 852 H 364 C 326 852 300 838 300 800 C 298 640 324 490 320 330 Z"
    )
    shade = "M 578 220 L 576 330 C 604 490 594 660 600 860 H 700 V 220 Z"
    light = "M 300 220 H 352 L 350 330 C 336 480 336 660 342 860 H 280 Z"
    canvas.fill(body, ("#9a6850", "#6b4132"))
    canvas.fill(shade, "#4a2a22", opacity=0.42, inside=body)
    canvas.fill(light, WHITE, opacity=0.1, inside=body)
    canvas.fill("M 300 772 C 400 806 580 806 680 772 V 860 H 300 Z", "#3d231d", opacity=0.22, inside=body)
    canvas.stroke("M 330 346 Q 490 362 650 346", "#4a2a22", width=5, opacity=0.4)


def _tie(canvas: Canvas) -> None:
    """Draw the tin tie that keeps the rolled top closed, bent around both edges."""
    canvas.fill(box(306, 306, 674, 318, 6), "#4a2a22", opacity=0.35)
    for left, right in ((296, 338), (642, 684)):
        canvas.fill(box(left, 276, right, 330, 9), ("#d9ae68", "#b98a45"))
    canvas.fill(box(296, 276, 684, 306, 10), ("#f8e3b8", "#ddb26c"))


def _label(canvas: Canvas) -> None:
    label = box(364, 440, 616, 724, 24)
    canvas.fill(label, CREAM)
    canvas.fill("M 592 430 C 598 520 594 640 598 740 H 640 V 430 Z", "#d9b98f", opacity=0.45, inside=label)
    canvas.fill(circle(490, 552, 76), "#e9a15c")
    _bean(canvas.at(490, 552, turn=28, size=1.25))
    canvas.fill(box(412, 652, 568, 664, 6), "#8a5a44")
    canvas.fill(box(442, 680, 538, 688, 4), "#c99b6c")


def _bean(canvas: Canvas) -> None:
    whole = ellipse(0, 0, 44, 30)
    canvas.fill(whole, "#7b4a34")
    canvas.fill("M -44 4 C -20 36 24 36 44 4 C 30 20 -26 22 -44 4 Z", "#54301f", inside=whole)
    canvas.stroke("M -42 0 C -18 -16 14 16 42 0", "#54301f", width=7, inside=whole)
    canvas.stroke("M -26 -16 C -14 -22 0 -23 10 -22", WHITE, width=5, opacity=0.3)


def honey() -> Canvas:
    canvas = scene(("#fdeecb", "#fae3b4"), "#fff7e2", ("#eac27a", "#dfb065"))
    shadow(canvas, 470, 832, across=190, down=34)
    _jar(canvas.at(460, 0))
    _cloth(canvas.at(460, 0))
    _comb(canvas.at(460, 612))
    _dipper(canvas)
    _bee(canvas.at(786, 268))
    return canvas


def _jar(canvas: Canvas) -> None:
    right = [(150, 372), (196, 452), (198, 720), (160, 822)]
    left = [(-x, y) for x, y in reversed(right)]
    glass = smooth((0, 352), *right, (0, 842), *left)
    canvas.fill(glass, ("#f8c04a", "#e28a1e"))
    canvas.fill(ellipse(-60, 600, 150, 260), "#ffdf7e", opacity=0.55, blur=40, inside=glass)
    canvas.fill("M 70 340 C 150 480 140 700 60 850 H 240 V 340 Z", "#b9601a", opacity=0.32, inside=glass)
    canvas.stroke("M -162 470 C -170 540 -168 640 -160 720", WHITE, width=20, opacity=0.65)
    canvas.fill(circle(-150, 768, 11), WHITE, opacity=0.65)


def _cloth(canvas: Canvas) -> None:
    """Draw the cloth over the lid: a frill below the ribbon, a cap above it, dots all over."""
    frill = (
        "M -148 330 L -190 392 Q -168 410 -148 394 Q -120 416 -92 400 Q -62 420 -32 403"
        "Q 0 422 32 403 Q 62 420 92 400 Q 120 416 148 394 Q 168 410 190 392 L 148 330 Z"
    )
    cap = "M -150 334 C -156 262 -110 244 0 244 C 110 244 156 262 150 334 Z"
    canvas.fill(frill, ("#e2604d", "#c94a3d"))
    canvas.fill(cap, ("#f07f66", "#dd5a49"))
    canvas.fill("M 50 240 C 110 270 100 320 96 340 H 240 V 240 Z", "#a93a32", opacity=0.35, inside=cap)
    for x, y in _DOTS:
        canvas.fill(circle(x, y, 8), CREAM, opacity=0.9)
    canvas.fill(box(-156, 324, 156, 346, 11), ("#fbe6b5", "#e0b86c"))


# fmt: off
_DOTS = (
    (-104, 286), (-52, 268), (0, 290), (52, 266), (100, 292), (-28, 312), (-84, 316), (40, 316),
    (-130, 376), (-66, 380), (4, 382), (70, 380), (136, 374),
)
# Steps to the right and down, and the colour of the cell: the darker, the fuller.
_CELLS = (
    (0, 0, "#ee9f30"), (0, -2, "#f9d488"), (0, 2, "#f3b545"), (-1, -1, "#f6c55f"),
    (-1, 1, "#f9d488"), (1, -1, "#f3b545"), (1, 1, "#e08c25"),
)
# fmt: on


def _comb(canvas: Canvas) -> None:
    label = box(-118, -104, 118, 104, 26)
    canvas.fill(label, CREAM)
    canvas.fill(box(60, -110, 130, 110), "#e5bf7d", opacity=0.3, inside=label)
    for right, down, colour in _CELLS:
        cell = canvas.at(45 * right, -14 + 26 * down)
        cell.fill("M 27 0 L 13.5 23.4 L -13.5 23.4 L -27 0 L -13.5 -23.4 L 13.5 -23.4 Z", colour)
    canvas.fill(box(-58, 80, 58, 88, 4), "#b87333")


def _dipper(canvas: Canvas) -> None:
    shadow(canvas, 790, 902, across=150, down=13, strength=0.28)
    canvas.stroke("M 948 782 L 760 862", "#c98d52", width=20)
    canvas.stroke("M 944 780 L 762 857", "#e3b07a", width=8)
    for step, length in enumerate((50, 66, 74, 70, 54)):
        ring = canvas.at(752 - 25 * step, 866 + 10.6 * step, turn=-23, size=length / 100)
        ring.stroke("M 0 -50 V 50", "#a56c39", width=1700 / length)
        ring.stroke("M -4 -50 V 50", "#d29a5e", width=900 / length)
    drop = smooth((612, 906), (650, 878), (704, 870), (712, 908), (690, 944), (640, 950), (600, 936))
    canvas.fill(drop, ("#f9c04a", "#e8951f"), opacity=0.92)
    canvas.stroke("M 632 908 C 644 896 662 890 682 890", WHITE, width=9, opacity=0.65)


def _bee(canvas: Canvas) -> None:
    for turn, size in ((-62, 1.0), (-104, 0.85)):
        wing = canvas.at(-2, -18, turn=turn, size=size)
        wing.fill("M 0 0 C 20 -34 74 -34 80 0 C 74 30 20 26 0 0 Z", WHITE, opacity=0.85)
    bee, body = canvas.at(0, 0, turn=-12), ellipse(0, 0, 52, 34)
    bee.fill(body, ("#ffd257", "#f0a92d"))
    bee.stroke("M -18 -40 Q -6 0 -18 40", "#4a3327", width=13, inside=body)
    bee.stroke("M 12 -40 Q 24 0 12 40", "#4a3327", width=13, inside=body)
    bee.fill(circle(44, -4, 22), "#4a3327")
    bee.fill(circle(54, -8, 5), WHITE)
    bee.stroke("M 52 -22 Q 62 -40 74 -38", "#4a3327", width=5)
    for x, y, radius in ((-80, 20, 5), (-100, 36, 4), (-122, 44, 3)):
        canvas.fill(circle(x, y, radius), "#b98545", opacity=0.7)
