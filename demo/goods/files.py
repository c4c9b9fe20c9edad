"""The files that buyers of the demo's downloads get: a cookbook, and a planner to print."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

from demo.goods.pdf import A4, LETTER, Page, pdf
from demo.goods.recipes import RECIPES

RED = (0.85, 0.37, 0.28)
PALE = (0.96, 0.93, 0.88)
GREY = (0.55, 0.52, 0.58)
GREEN = (0.25, 0.48, 0.42)
WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Recipe:
    name: str
    serves: str
    needs: list[str]
    steps: list[str]

    @classmethod
    def read(cls, text: str) -> Recipe:
        head, needs, *steps = text.strip().split("\n\n")
        name, serves = head.splitlines()
        return cls(name, serves, needs.splitlines(), steps)


def _recipes() -> list[Recipe]:
    return [Recipe.read(text) for text in RECIPES.split("---")]


def cookbook() -> bytes:
    """Return the PDF of the cookbook: a cover and a page for every recipe."""
    recipes = _recipes()
    pages = [_recipe(recipe, number) for number, recipe in enumerate(recipes, start=2)]
    return pdf("The Pioneer's Pantry", [_cover(recipes), *pages])


def _cover(recipes: list[Recipe]) -> Page:
    page = Page()
    page.box(0, 0, *A4, RED)
    page.box(60, 60, A4[0] - 120, A4[1] - 120, PALE)
    page.text(96, 620, "The Pioneer’s", font="bold", size=44, colour=RED)
    page.text(96, 568, "Pantry", font="bold", size=44, colour=RED)
    page.text(98, 528, "Recipes from what keeps", font="italic", size=20, colour=GREY)
    for nth, recipe in enumerate(recipes):
        page.text(98, 300 - 28 * nth, recipe.name, size=16)
        page.text(440, 300 - 28 * nth, str(nth + 2), size=16, colour=GREY)
    page.text(98, 96, "A sample book for the demo shop. Cook from it, share it.", font="italic", colour=GREY)
    return page


def _recipe(recipe: Recipe, number: int) -> Page:
    page = Page()
    page.box(0, 742, A4[0], 100, RED)
    page.text(60, 776, recipe.name, font="bold", size=30, colour=WHITE)
    page.text(60, 702, recipe.serves, font="italic", size=16, colour=GREY)
    height = 24 * len(recipe.needs) + 20
    page.box(60, 674 - height, 205, height, PALE)
    for nth, need in enumerate(recipe.needs):
        page.text(76, 650 - 24 * nth, need, size=13)
    y = 660.0
    for nth, step in enumerate(recipe.steps, start=1):
        page.text(290, y, str(nth), font="bold", size=15, colour=RED)
        y = page.paragraph(312, y, step, columns=36, size=15) - 14
    page.text(60, 48, "The Pioneer’s Pantry", font="italic", size=10, colour=GREY)
    page.text(525, 48, str(number), size=10, colour=GREY)
    return page


def planner() -> bytes:
    """Return a ZIP file with the planner in both paper sizes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("week-planner-a4.pdf", pdf("Week planner", [_week(A4)]))
        archive.writestr("week-planner-letter.pdf", pdf("Week planner", [_week(LETTER)]))
        archive.writestr("read-me.txt", "Print at 100 %, one sheet a week. A4 or US Letter.\n")
    return file.getvalue()


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Next week")


def _week(size: tuple[int, int]) -> Page:
    page, (width, height) = Page(size), size
    page.text(48, height - 72, "The week of", font="bold", size=22, colour=GREEN)
    page.line((184, height - 74), (width - 48, height - 74), GREY)
    column, row = (width - 96 - 18) / 2, (height - 96 - 56 - 3 * 14) / 4
    for nth, day in enumerate(DAYS):
        left = 48 + (nth % 2) * (column + 18)
        top = height - 104 - (nth // 2) * (row + 14)
        page.box(left, top - row, column, row, PALE)
        page.box(left, top - 24, column, 24, GREEN)
        page.text(left + 10, top - 17, day, font="bold", colour=WHITE)
        for line in range(4):
            y = top - 52 - line * (row - 48) / 4
            page.box(left + 10, y - 2, 9, 9, WHITE)
            page.line((left + 28, y - 2), (left + column - 12, y - 2), GREY)
    return page
