"""Outlines of shapes: from the text of an SVG path, and common ones by their dimensions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]
Outline = list[Point]
# The text of an SVG path with absolute M L H V C Q Z, or its corners.
Shape = str | Sequence[Point]


def points(shape: Shape) -> Outline:
    """Return the corners of the shape, with enough points on every curve to make it smooth."""
    if not isinstance(shape, str):
        return list(shape)
    outline: Outline = []
    for command, text in re.findall(r"([MLHVCQZ])([^MLHVCQZ]*)", shape):
        numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]
        outline += _follow(command, numbers, outline)
    return outline


def _follow(command: str, numbers: list[float], outline: Outline) -> Outline:
    if command == "Z":
        return outline[:1]
    if command == "H":
        return [(numbers[-1], outline[-1][1])]
    if command == "V":
        return [(outline[-1][0], numbers[-1])]
    spots = list(zip(numbers[::2], numbers[1::2], strict=True))
    if command in "ML":
        return spots
    degree = 3 if command == "C" else 2
    curved: Outline = []
    for start in range(0, len(spots), degree):
        curved += _bezier([(curved or outline)[-1], *spots[start : start + degree]])
    return curved


def _bezier(controls: Outline, steps: int = 96) -> Outline:
    degree = len(controls) - 1
    weights = [math.comb(degree, nth) for nth in range(degree + 1)]
    curve: Outline = []
    for step in range(1, steps + 1):
        t = step / steps
        shares = [weight * (1 - t) ** (degree - nth) * t**nth for nth, weight in enumerate(weights)]
        x = sum(share * control[0] for share, control in zip(shares, controls, strict=True))
        y = sum(share * control[1] for share, control in zip(shares, controls, strict=True))
        curve.append((x, y))
    return curve


def ellipse(x: float, y: float, across: float, down: float, arc: tuple[float, float] = (0, 360)) -> Outline:
    """Return an ellipse by its centre and two radii, or the arc of it between two angles (clockwise)."""
    start, end = arc
    angles = [math.radians(start + (end - start) * step / 120) for step in range(121)]
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]


def circle(x: float, y: float, radius: float) -> Outline:
    return ellipse(x, y, radius, radius)


def box(left: float, top: float, right: float, bottom: float, radius: float = 0) -> Outline:
    """Return a box, with round corners if there is a radius."""
    if not radius:
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    corners = [
        (right - radius, top + radius, 270),
        (right - radius, bottom - radius, 0),
        (left + radius, bottom - radius, 90),
        (left + radius, top + radius, 180),
    ]
    return [spot for x, y, start in corners for spot in ellipse(x, y, radius, radius, (start, start + 90))]


def tube(x: float, top: float, bottom: float, radius: float, tilt: float) -> Outline:
    """Return an upright cylinder, seen a little from above."""
    return ellipse(x, top, radius, tilt, (180, 360)) + ellipse(x, bottom, radius, tilt, (0, 180))


def band(x: float, top: float, bottom: float, radius: float, tilt: float) -> Outline:
    """Return a strip around the front of a cylinder like that of `tube`."""
    return ellipse(x, top, radius, tilt, (180, 0)) + ellipse(x, bottom, radius, tilt, (0, 180))


def smooth(*corners: Point) -> Outline:
    """Return a smooth closed curve through all the corners."""
    count = len(corners)
    outline: Outline = []
    for nth in range(count):
        before, here, there, after = (corners[(nth + step) % count] for step in (-1, 0, 1, 2))
        leave = (here[0] + (there[0] - before[0]) / 6, here[1] + (there[1] - before[1]) / 6)
        arrive = (there[0] - (after[0] - here[0]) / 6, there[1] - (after[1] - here[1]) / 6)
        outline += _bezier([here, leave, arrive, there])
    return outline


def along(shape: Shape, count: int) -> list[tuple[float, float, float]]:
    """Return `count` evenly spaced places on a curve: x, y and the direction there in degrees."""
    pairs = list(pairwise(points(shape)))
    places: list[tuple[float, float, float]] = []
    for nth in range(count):
        (x, y), (next_x, next_y) = pairs[round(nth * (len(pairs) - 1) / max(1, count - 1))]
        places.append((x, y, math.degrees(math.atan2(next_y - y, next_x - x))))
    return places
