"""Pictures of things for the home: a mug, two tote bags, a bar of soap."""

from __future__ import annotations

from dataclasses import dataclass

from demo.goods.pictures.canvas import Canvas
from demo.goods.pictures.scene import WHITE, leaf, scene, shadow, steam
from demo.goods.pictures.shapes import along, box, circle, ellipse


def mug() -> Canvas:
    canvas = scene(("#d9e6ec", "#cbdde6"), "#ecf4f7", ("#b4cbd6", "#a3bfcc"))
    shadow(canvas, 480, 826, across=190, down=34)
    steam(canvas, 470, 316)
    canvas.stroke("M 640 476 C 800 440 830 690 636 704", "#3f6f8c", width=58)
    canvas.stroke("M 640 468 C 786 434 812 676 640 692", "#6b9ab5", width=22, opacity=0.8)
    _cup(canvas)
    _drink(canvas.at(470, 392))
    _cookie(canvas.at(770, 856))
    return canvas


# fmt: off
_SPECKLES = ((346, 700), (402, 764), (456, 706), (520, 772), (570, 712), (620, 660), (310, 656), (470, 808))
_CHIPS = ((-50, -6, 12), (-10, -16, 10), (36, -4, 13), (2, 12, 11), (-32, 14, 8), (56, 10, 8))
# fmt: on


def _cup(canvas: Canvas) -> None:
    body = "M 280 392 V 690 C 280 790 330 836 400 838 H 540 C 610 836 660 790 660 690 V 392 Z"
    bare = (
        "M 280 600 C 330 640 372 566 424 604 C 474 640 520 580 566 610 C 604 634 634 596 660 600V 850 H 270 Z"
    )
    canvas.fill(body, ("#7fb0c9", "#5b8fab"), across=True)
    canvas.fill(bare, ("#faf2e5", "#eadbc7"), across=True, inside=body)
    canvas.shade("M 560 380 C 596 520 586 700 520 850 H 700 V 380 Z", "#d9d0d0", inside=body)
    canvas.stroke("M 322 452 V 560", WHITE, width=18, opacity=0.5)
    for x, y in _SPECKLES:
        canvas.fill(circle(x, y, 4), "#a4765a", opacity=0.55)


def _drink(canvas: Canvas) -> None:
    well = ellipse(0, 4, 172, 31)
    canvas.fill(ellipse(0, 0, 190, 40), ("#9cc4d8", "#79a9c2"), across=True)
    canvas.fill(well, ("#3f6f8c", "#5788a5"), across=True)
    canvas.fill(ellipse(0, 14, 160, 26), ("#7a4a2f", "#5d3522"), inside=well)
    canvas.fill(ellipse(-40, 10, 70, 8), "#c98f63", opacity=0.6)


def _cookie(canvas: Canvas) -> None:
    shadow(canvas, 0, 22, across=92, down=14)
    canvas.fill(ellipse(0, 12, 92, 34), "#b97a45")
    canvas.fill(ellipse(0, 0, 92, 34), ("#e6b277", "#d49a5c"))
    for x, y, size in _CHIPS:
        canvas.fill(ellipse(x, y, size, size * 0.6), "#6b3f2c")


@dataclass(frozen=True)
class _Cloth:
    light: str
    dark: str
    seam: str
    inks: tuple[str, str, str]


def tote_natural() -> Canvas:
    canvas = scene(("#f3dfd6", "#efd3c6"), "#fbeee7", ("#dcb3a1", "#d0a28f"))
    _tote(canvas, _Cloth("#f8ecd6", "#e8d5b5", "#c7ab80", ("#e0ad8b", "#cc8059", "#b5613b")))
    return canvas


def tote_sage() -> Canvas:
    canvas = scene(("#e6e4d3", "#dcdac4"), "#f3f2e7", ("#c2bf9f", "#b3b08e"))
    _tote(canvas, _Cloth("#9db892", "#7f9f78", "#567556", ("#b9cba8", "#dde3c4", "#fdf3dc")))
    return canvas


def _tote(canvas: Canvas, cloth: _Cloth) -> None:
    shadow(canvas, 500, 852, across=232, down=26)
    canvas.stroke("M 420 410 C 414 130 586 130 580 410", cloth.seam, width=30)
    body = (
        "M 290 372 C 360 386 640 386 710 372 C 726 540 744 700 748 822 C 748 850 736 862 708 862"
        "C 570 870 430 870 292 862 C 264 862 252 850 252 822 C 256 700 274 540 290 372 Z"
    )
    canvas.fill(body, (cloth.light, cloth.dark))
    canvas.fill("M 640 360 C 680 520 660 720 690 880 H 780 V 360 Z", cloth.seam, opacity=0.35, inside=body)
    canvas.fill("M 250 830 C 400 846 600 846 750 830 V 880 H 250 Z", cloth.seam, opacity=0.25, inside=body)
    for crease in ("M 300 470 C 330 560 318 640 296 730", "M 700 500 C 676 580 690 660 712 740"):
        canvas.stroke(crease, cloth.seam, width=6, opacity=0.4)
    _print(canvas.at(500, 612), cloth.inks)
    _straps(canvas, cloth)


def _print(canvas: Canvas, inks: tuple[str, str, str]) -> None:
    """Draw a sun that rises behind three hills, from the palest ink to the darkest."""
    for turn in range(-180, 1, 20):
        canvas.at(0, 0, turn=turn).stroke("M 84 0 H 120", inks[2], width=9)
    canvas.fill(circle(0, 0, 60), inks[2])
    hills = (
        "M -150 52 C -108 10 -72 8 -32 36 C 8 64 48 10 92 12 C 126 14 146 36 160 52 V 188 H -160 Z",
        "M -150 78 C -96 42 -48 60 0 86 C 56 114 106 66 160 64 V 188 H -160 Z",
        "M -150 104 C -102 118 -60 80 0 100 C 60 122 116 132 160 100 V 188 H -160 Z",
    )
    for hill, ink in zip(hills, inks, strict=True):
        canvas.fill(hill, ink, inside=circle(0, 18, 142))


def _straps(canvas: Canvas, cloth: _Cloth) -> None:
    canvas.stroke("M 400 466 C 392 80 608 80 600 466", cloth.light, width=34)
    canvas.stroke("M 415 466 C 408 104 592 104 585 466", cloth.seam, width=4, opacity=0.5)
    for x in (400, 600):
        patch = canvas.at(x, 470)
        patch.fill(box(-26, -30, 26, 30, 6), cloth.dark)
        patch.stroke("M -16 -20 L 16 20", cloth.seam, width=4)
        patch.stroke("M 16 -20 L -16 20", cloth.seam, width=4)


def soap() -> Canvas:
    canvas = scene(("#e9e2f2", "#ded4ea"), "#f5f1fa", ("#c8b8dc", "#b9a7d0"))
    for foot, turn, size in ((640, 8, 1.04), (600, -8, 1.18), (680, 24, 0.94)):
        _lavender(canvas.at(foot, 580, turn=turn, size=size))
    _bar(canvas)
    _wrap(canvas)
    for x, y, radius in _BUBBLES:
        _bubble(canvas.at(x, y, size=radius / 100))
    return canvas


_BAR = (
    "M 226 634 C 234 562 300 512 360 508 H 640 C 700 512 766 562 774 634 V 780"
    "C 774 820 750 842 710 842 H 290 C 250 842 226 820 226 780 Z"
)
_TOP = (
    "M 226 634 C 234 562 300 512 360 508 H 640 C 700 512 766 562 774 634"
    "C 772 662 744 672 706 672 H 294 C 256 672 228 662 226 634 Z"
)
_BUBBLES = ((236, 470, 46), (316, 402, 26), (196, 372, 18), (280, 320, 12), (820, 838, 30), (866, 800, 16))


def _bar(canvas: Canvas) -> None:
    shadow(canvas, 500, 838, across=268, down=30)
    canvas.fill(_BAR, ("#eef0d2", "#c9d09e"))
    canvas.fill(_TOP, ("#f6f7de", "#e7ebc6"))
    canvas.shade("M 664 480 C 722 580 716 760 676 860 H 800 V 480 Z", "#dadac6", inside=_BAR)
    canvas.stroke("M 286 594 C 306 560 340 546 374 544", WHITE, width=16, opacity=0.85)


def _wrap(canvas: Canvas) -> None:
    canvas.fill("M 400 500 H 600 L 622 672 H 378 Z", ("#fffaf0", "#f5ecde"), inside=_BAR)
    canvas.fill("M 378 672 H 622 V 842 H 378 Z", ("#f3e8d6", "#e6d8c2"))
    canvas.fill("M 378 668 H 622 V 680 H 378 Z", "#b9a27f", opacity=0.3)
    canvas.fill(circle(500, 748, 58), "#8b6bb1")
    for turn in (-90, -132, -48):
        leaf(canvas.at(500, 786, turn=turn, size=0.62), ("#f3ebfb", "#d8c6ec"), vein=False)


def _lavender(canvas: Canvas) -> None:
    stalk = "M 0 0 C 6 -90 -8 -170 0 -300"
    canvas.stroke(stalk, "#7d9a6c", width=7)
    for nth, (x, y, direction) in enumerate(along(stalk, 12)[2:]):
        for side, colour in ((-48, "#9a78c4"), (48, "#7d5bab")):
            petal = canvas.at(x, y, turn=direction + side, size=1.1 - nth * 0.05)
            petal.fill("M 0 0 C 10 -14 30 -14 38 0 C 30 12 10 12 0 0 Z", colour)


def _bubble(canvas: Canvas) -> None:
    canvas.fill(circle(0, 0, 100), (WHITE, "#d9c8ee"), opacity=0.55)
    canvas.stroke(circle(0, 0, 96), WHITE, width=8, opacity=0.8)
    canvas.stroke(ellipse(0, 0, 66, 66, (190, 250)), WHITE, width=16)
