"""Pictures of what is delivered as a code: a gift card, crystals of a game, a baking course."""

from __future__ import annotations

from demo.goods.pictures.canvas import Canvas, Paint
from demo.goods.pictures.scene import CREAM, INK, WHITE, scene, shadow, sparkle, steam
from demo.goods.pictures.shapes import box, circle, ellipse


def gift_card() -> Canvas:
    canvas = scene(("#fbe0e3", "#f6d0d6"), "#fff1f3", ("#e3aab4", "#d698a4"))
    shadow(canvas, 500, 836, across=290, down=24)
    _card(canvas.at(520, 512, turn=7), ("#f7c873", "#e9a94d"))
    front = canvas.at(490, 600, turn=-5)
    _card(front, ("#a06cc8", "#7d4aa8"))
    _ribbon(front)
    _bow(front.at(-122, -32))
    for x, y, radius in ((212, 330, 30), (842, 300, 24), (806, 700, 18), (260, 240, 14)):
        sparkle(canvas, x, y, radius)
    return canvas


_CARD = box(-290, -186, 290, 186, 34)


def _card(canvas: Canvas, paint: Paint) -> None:
    canvas.at(8, 10).fill(_CARD, INK, opacity=0.25, blur=10)
    canvas.fill(_CARD, paint)
    for radius in (120, 180, 240):
        canvas.stroke(circle(290, -186, radius), WHITE, width=14, opacity=0.1, inside=_CARD)
    canvas.fill("M -290 -186 H 60 L -160 186 H -290 Z", WHITE, opacity=0.1, inside=_CARD)


def _ribbon(canvas: Canvas) -> None:
    canvas.fill(box(-150, -186, -94, 186), ("#ffe2a6", "#f5c668"), inside=_CARD)
    canvas.fill(box(-290, -58, 290, -6), ("#ffe2a6", "#f5c668"), inside=_CARD)
    canvas.fill(box(-6, 60, 138, 76, 8), WHITE, opacity=0.75)
    canvas.fill(box(-6, 96, 90, 112, 8), WHITE, opacity=0.75)


def _bow(canvas: Canvas) -> None:
    canvas.fill(ellipse(10, 26, 120, 50), INK, opacity=0.25, blur=12)
    for flip in (False, True):
        half = canvas.at(0, 0, flip=flip)
        tail = "M 0 8 C -30 60 -64 96 -96 120 L -58 128 L -46 158 C -14 116 4 60 12 14 Z"
        half.fill(tail, ("#f7cb72", "#e3a845"))
        half.fill("M 0 0 C -40 -74 -128 -96 -140 -34 C -150 26 -70 40 0 0 Z", ("#ffe6b0", "#f3bf5c"))
        half.fill("M -8 -4 C -46 -42 -100 -56 -104 -26 C -106 4 -60 14 -8 -4 Z", "#cf9238", opacity=0.75)
    canvas.fill(box(-25, -25, 25, 25, 16), ("#ffe9b8", "#efb955"))


def crystals() -> Canvas:
    canvas = scene(("#dcdcf5", "#cfcfef"), "#efeffc", ("#a9a8da", "#9998cc"))
    shadow(canvas, 490, 846, across=270, down=30)
    _crystal(canvas.at(352, 800, turn=-24, size=1.16), _TEAL, height=284)
    _crystal(canvas.at(640, 800, turn=20, size=1.24), _ROSE, height=290)
    _crystal(canvas.at(490, 812, turn=-2, size=1.72), _VIOLET, height=326)
    _crystal(canvas.at(262, 812, turn=-40, size=0.84), _ROSE, height=226)
    _crystal(canvas.at(728, 816, turn=38, size=0.84), _TEAL, height=238)
    _rock(canvas)
    _ticket(canvas.at(506, 838, turn=-4))
    for x, y, radius in ((290, 286, 34), (748, 248, 26), (806, 452, 18), (172, 486, 16), (620, 176, 15)):
        sparkle(canvas, x, y, radius)
    return canvas


# The colours of a crystal's faces: highlight, lit, half lit, in shade.
Faces = tuple[str, str, str, str]
_VIOLET: Faces = ("#d9c2ff", "#b58df0", "#8f5fdc", "#6c3fc0")
_TEAL: Faces = ("#c4f6ef", "#7fe0da", "#48bcc0", "#2b93a3")
_ROSE: Faces = ("#ffd4ea", "#f7a6cf", "#e277b0", "#bd548f")


def _crystal(canvas: Canvas, faces: Faces, *, height: float) -> None:
    """Draw a prism 100 wide that stands on (0, 0): three sides, and three more that meet in its tip."""
    glint, light, middle, dark = faces
    left, right, low, high = -14, 25, 93 - height, 75 - height
    canvas.fill(f"M -50 0 V {high} L {left} {low} V 0 Z", light)
    canvas.fill(f"M {left} 0 V {low} L {right} {low - 4} V 0 Z", middle)
    canvas.fill(f"M {right} 0 V {low - 4} L 50 {high} V 0 Z", dark)
    canvas.fill(f"M -50 {high} L -3 {-height} L {left} {low} Z", glint)
    canvas.fill(f"M {left} {low} L -3 {-height} L {right} {low - 4} Z", light)
    canvas.fill(f"M {right} {low - 4} L -3 {-height} L 50 {high} Z", middle)
    canvas.stroke(f"M -35 {high + 40} V {high + height * 0.42}", WHITE, width=7, opacity=0.7)


def _rock(canvas: Canvas) -> None:
    rock = (
        "M 176 852 L 204 796 L 268 770 L 344 782 L 420 752 L 520 770 L 610 748 L 692 778"
        "L 748 770 L 802 806 L 826 852 Z"
    )
    canvas.fill(rock, ("#8a87b8", "#615e92"))
    canvas.fill("M 176 852 L 204 796 L 268 770 L 300 812 L 262 852 Z", "#a6a3cf", opacity=0.6)
    canvas.fill("M 420 752 L 520 770 L 500 812 L 400 800 Z", "#a6a3cf", opacity=0.45)
    canvas.fill("M 692 778 L 748 770 L 802 806 L 826 852 H 640 Z", "#474475", opacity=0.5)


def _ticket(canvas: Canvas) -> None:
    ticket = (
        "M -180 -70 H 180 Q 200 -70 200 -50 V -20 C 176 -20 176 20 200 20 V 50 Q 200 70 180 70"
        "H -180 Q -200 70 -200 50 V 20 C -176 20 -176 -20 -200 -20 V -50 Q -200 -70 -180 -70 Z"
    )
    canvas.at(6, 12).fill(ticket, INK, opacity=0.3, blur=10)
    canvas.fill(ticket, ("#fffaf0", "#f6e7c8"))
    for nth in range(8):
        canvas.at(92, -58 + nth * 16.5).stroke("M 0 0 V 7", "#d6bd8d", width=5)
    canvas.fill(box(-90, -34, 56, -19, 7), "#8f5fdc")
    canvas.fill(box(-90, -2, 20, 13, 7), "#d6bd8d")
    canvas.fill(box(-90, 22, 44, 37, 7), "#d6bd8d")
    _crystal(canvas.at(-136, 40, size=0.44), _VIOLET, height=186)
    sparkle(canvas, 143, 0, 30, "#f0b84f")


def course() -> Canvas:
    canvas = scene(("#f6e6cf", "#f0dabb"), "#fdf5e8", ("#cfa878", "#c09866"))
    steam(canvas, 480, 386, size=1.05)
    _board(canvas)
    _loaf(canvas)
    _play(canvas.at(744, 748))
    return canvas


def _board(canvas: Canvas) -> None:
    shadow(canvas, 480, 858, across=330, down=22)
    canvas.fill(box(146, 800, 814, 864, 28), ("#a9713f", "#8d5a2f"))
    canvas.fill(box(146, 788, 814, 842, 27), ("#d9a56c", "#c68d52"))
    for grain in ("M 190 806 H 420", "M 470 818 H 700", "M 240 824 H 330"):
        canvas.stroke(grain, "#b57f48", width=4, opacity=0.7)


_CRUST = (
    "M 204 700 C 200 540 320 430 480 430 C 640 430 760 540 756 700"
    "C 754 776 700 806 620 808 H 340 C 260 806 206 776 204 700 Z"
)
# fmt: off
_FLOUR = (
    (306, 586), (350, 520), (452, 476), (540, 470), (620, 520), (660, 640), (560, 610), (420, 620),
    (380, 760), (560, 750),
)
# fmt: on


def _loaf(canvas: Canvas) -> None:
    canvas.fill(ellipse(488, 802, 280, 20), INK, opacity=0.3, blur=8)
    canvas.fill(_CRUST, ("#d8924c", "#a8622c"))
    canvas.fill(ellipse(400, 560, 190, 120), "#eeb471", opacity=0.6, blur=44, inside=_CRUST)
    canvas.shade("M 640 420 C 700 560 690 720 600 820 H 800 V 420 Z", "#d8c2bb", inside=_CRUST)
    canvas.fill(ellipse(480, 806, 240, 26), "#7d451f", opacity=0.35, blur=10, inside=_CRUST)
    cut = "M 262 640 C 330 520 560 470 712 590 C 580 540 370 570 262 640 Z"
    canvas.fill(cut, ("#fbe6c3", "#efcf9c"))
    canvas.stroke("M 262 640 C 330 520 560 470 712 590", "#8f4f22", width=7, opacity=0.7)
    for x, y, turn in ((320, 716, -36), (410, 690, -28), (506, 680, -18), (602, 690, -6)):
        nick = canvas.at(x, y, turn=turn)
        nick.fill("M -44 0 C -20 -26 24 -26 48 0 C 22 8 -18 10 -44 0 Z", ("#fbe6c3", "#eecb96"))
        nick.stroke("M -44 0 C -20 -26 24 -26 48 0", "#8f4f22", width=5, opacity=0.6)
    for x, y in _FLOUR:
        canvas.fill(circle(x, y, 5), CREAM, opacity=0.75)


def _play(canvas: Canvas) -> None:
    """Draw a play button, as on a video."""
    canvas.fill(circle(8, 14, 92), INK, opacity=0.3, blur=14)
    canvas.fill(circle(0, 0, 92), CREAM)
    canvas.fill(circle(0, 0, 76), ("#a06cc8", "#7d4aa8"))
    canvas.fill("M -22 -40 Q -26 -44 -26 -36 V 38 Q -26 46 -20 42 L 42 6 Q 48 1 42 -4 Z", CREAM)
