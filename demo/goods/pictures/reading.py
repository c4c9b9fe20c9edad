"""Pictures of what is read or printed: a cookbook on a reader, a planner on a clipboard."""

from __future__ import annotations

from demo.goods.pictures.canvas import Canvas
from demo.goods.pictures.scene import CREAM, INK, WHITE, leaf, scene, shadow, steam
from demo.goods.pictures.shapes import box, circle


def cookbook() -> Canvas:
    canvas = scene(("#f8dfd2", "#f3d3c3"), "#fdf0e8", ("#d8a590", "#ca947f"))
    _reader(canvas)
    _cover(canvas)
    _pot(canvas.at(470, 0))
    _herbs(canvas)
    return canvas


def _reader(canvas: Canvas) -> None:
    shadow(canvas, 480, 848, across=232, down=22)
    canvas.fill(box(262, 180, 702, 852, 44), "#2f2a3d")
    canvas.fill(box(250, 176, 690, 848, 44), ("#5a5470", "#453f58"), across=True)
    canvas.fill(box(262, 188, 678, 836, 36), ("#4d4763", "#3c364e"))
    canvas.fill(circle(470, 812, 9), "#6d6685")


def _cover(canvas: Canvas) -> None:
    screen = box(286, 224, 654, 784, 10)
    canvas.fill(screen, ("#e9795b", "#d75f48"))
    canvas.fill(circle(470, 556, 208), "#f3a27f", opacity=0.55, inside=screen)
    canvas.fill(box(344, 276, 596, 298, 11), CREAM)
    canvas.fill(box(384, 318, 556, 334, 8), CREAM, opacity=0.85)
    steam(canvas, 470, 474, size=0.6)
    canvas.fill(box(420, 742, 520, 752, 5), CREAM, opacity=0.85)
    canvas.fill("M 286 224 H 470 L 286 560 Z", WHITE, opacity=0.1, inside=screen)


def _pot(canvas: Canvas) -> None:
    for flip in (False, True):
        canvas.at(0, 0, flip=flip).stroke("M 134 548 H 160 V 572 H 130", "#33424f", width=13)
    body = "M -132 524 H 132 V 640 C 132 682 106 704 70 704 H -70 C -106 704 -132 682 -132 640 Z"
    canvas.fill(body, ("#4f6a7c", "#3d5365"))
    canvas.shade("M 78 500 C 96 580 90 660 70 720 H 170 V 500 Z", "#b9b9c9", inside=body)
    canvas.stroke("M -106 566 V 630", WHITE, width=11, opacity=0.4)
    canvas.fill(box(-144, 506, 144, 532, 13), ("#6f8a9c", "#5a7486"))
    canvas.fill("M -120 506 C -114 476 -60 464 0 464 C 60 464 114 476 120 506 Z", ("#7f9aab", "#64808f"))
    canvas.fill(box(-18, 442, 18, 468, 11), "#f3c074")


def _herbs(canvas: Canvas) -> None:
    shadow(canvas, 786, 872, across=110, down=12, strength=0.24)
    canvas.stroke("M 896 858 C 840 872 760 872 692 862", "#5b7f52", width=8)
    for x, y, turn in ((862, 866, 212), (828, 868, 152), (782, 870, 206), (752, 868, 154), (706, 866, 186)):
        leaf(canvas.at(x, y, turn=turn, size=0.85), ("#8ab777", "#649a5d"))


def planner() -> Canvas:
    canvas = scene(("#dcebe6", "#cfe2db"), "#eff7f4", ("#b2ccc3", "#a2bfb5"))
    _board(canvas)
    _sheet(canvas)
    for nth, (tint, done) in enumerate(_DAYS):
        _day(canvas.at(296 + 118 * (nth % 3), 384 + 170 * (nth // 3)), tint, done)
    _clip(canvas)
    canvas.fill("M 866 300 L 910 306 L 752 872 L 712 860 Z", INK, opacity=0.16, blur=12)
    _pencil(canvas.at(778, 590, turn=16))
    return canvas


# The colour of each day, and which of its three boxes are ticked.
_DAYS = (
    ("#f4a98b", (True, True, False)),
    ("#f6cf7f", (True, False, True)),
    ("#9cc7b7", (False, True, True)),
    ("#a9c4e4", (True, True, False)),
    ("#c9b3df", (False, False, False)),
    ("#f3b6c4", (False, False, False)),
)


def _board(canvas: Canvas) -> None:
    shadow(canvas, 470, 852, across=236, down=22)
    canvas.fill(box(240, 196, 712, 862, 26), "#8a5f3c")
    canvas.fill(box(230, 190, 704, 856, 26), ("#d3a271", "#ba8656"))


def _sheet(canvas: Canvas) -> None:
    """Draw a sheet of paper whose lower right corner curls up."""
    canvas.fill(box(268, 244, 674, 826, 8), "#8a5f3c", opacity=0.35)
    canvas.fill(box(260, 236, 668, 818, 8), (WHITE, "#f6f3ec"))
    canvas.fill("M 668 760 L 610 818 H 668 Z", "#b48a60")
    canvas.fill("M 668 760 L 610 818 C 624 790 626 770 622 752 Q 650 764 668 760 Z", ("#efe9dd", "#d9d0c0"))
    canvas.fill(box(296, 312, 470, 332, 10), "#3f7a6b")
    canvas.fill(box(296, 346, 400, 356, 5), "#b9d3ca")
    canvas.stroke("M 300 752 H 560", "#d9d4c8", width=5)
    canvas.stroke("M 300 782 H 520", "#d9d4c8", width=5)


def _day(canvas: Canvas, tint: str, done: tuple[bool, ...]) -> None:
    canvas.fill(box(0, 0, 104, 150, 12), "#f3f1ea")
    canvas.fill(box(0, 0, 104, 34, 12), tint)
    canvas.fill(box(0, 20, 104, 34), tint)
    for line, ticked, length in zip((56, 86, 116), done, (52, 38, 52), strict=True):
        canvas.fill(box(12, line, 28, line + 16, 4), tint if ticked else "#ddd8cc")
        canvas.fill(box(38, line + 4, 38 + length, line + 11, 3), "#cfc9bc")


def _clip(canvas: Canvas) -> None:
    canvas.fill(box(366, 206, 570, 262, 16), "#5f5b6b", opacity=0.35)
    canvas.fill("M 420 204 C 420 142 516 142 516 204 Z", ("#a9a6b8", "#8b889b"))
    canvas.fill(circle(468, 180, 13), "#dcebe6")
    canvas.fill(box(362, 196, 574, 252, 16), ("#c2bfce", "#918ea1"))
    canvas.fill(box(378, 206, 558, 214, 4), WHITE, opacity=0.5)


def _pencil(canvas: Canvas) -> None:
    for left, right, colour in ((-23, -8, "#f7cf62"), (-8, 9, "#f2b93c"), (9, 23, "#d9982b")):
        canvas.fill(box(left, -230, right, 200), colour)
    canvas.fill("M -23 200 L 0 284 L 23 200 C 14 190 6 212 -2 200 C -10 190 -16 210 -23 200 Z", "#f3d9b4")
    canvas.fill("M 8 204 L 0 284 L 23 200 Z", "#d9b88c")
    canvas.fill("M -8 254 L 0 284 L 8 254 Q 0 262 -8 254 Z", INK)
    canvas.fill(box(-23, -306, 23, -258, 20), ("#f4a0a0", "#e27f86"))
    canvas.fill(box(-24, -264, 24, -228), ("#d5d2de", "#a5a2b3"))
    canvas.fill(box(-24, -252, 24, -246), "#8b889b")
