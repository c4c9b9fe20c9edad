"""What the demo sells: something of every kind that the shop can deliver.

One product is sold out, one has a single unit left, some come in several sizes or colours; there are
downloads without a limit, and codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Delivery
from demo.goods import files
from demo.goods.pictures import home, pantry, reading, vouchers
from demo.goods.pictures.canvas import Canvas


@dataclass(frozen=True)
class Choice:
    """A variant. `units` is the first stock; for codes, how many are made."""

    sku: str
    price: Decimal
    option: str = ""
    units: int = 0
    delivery: Delivery = Delivery.PHYSICAL
    tracked: bool = True
    file: tuple[str, Callable[[], bytes]] | None = None


@dataclass(frozen=True)
class Goods:
    slug: str
    name: str
    category: str
    description: str
    pictures: tuple[tuple[Callable[[], Canvas], str], ...]
    choices: tuple[Choice, ...]


CATEGORIES = {
    "pantry": "Pantry",
    "home": "Home",
    "reading": "Books & printables",
    "codes": "Gifts & codes",
}

GOODS = (
    Goods(
        slug="mountain-oolong",
        name="Mountain Oolong",
        category="pantry",
        description="""\
Whole leaves from a small garden at 1,400 metres, rolled by hand and roasted once over charcoal. The cup \
is golden, with warm notes of chestnut and orange blossom, and a good spoonful lasts for four infusions.

Comes in a tin that keeps it fresh and looks well on any shelf. Steep for three minutes at 90 °C.""",
        pictures=((pantry.tea, "A green tea tin with a golden lid, and a sprig of tea leaves beside it"),),
        choices=(
            Choice("TEA-OOLONG-50", Decimal("0.9"), "50 g", 40),
            Choice("TEA-OOLONG-100", Decimal("1.6"), "100 g", 32),
            Choice("TEA-OOLONG-250", Decimal("3.5"), "250 g", 12),
        ),
    ),
    Goods(
        slug="slow-morning-coffee",
        name="Slow Morning Coffee",
        category="pantry",
        description="""\
Our house roast: beans from two cooperatives, roasted slowly and never dark, so that it tastes of cocoa, \
hazelnut and a little dried fig. Gentle enough for the third cup.

250 g in a bag with a tin tie. Roasted on Mondays, sent on Tuesdays.""",
        pictures=((pantry.coffee, "A brown bag of coffee with a bean on its label, and four roasted beans"),),
        choices=(
            Choice("COFFEE-BEANS", Decimal("2.2"), "Whole beans", 60),
            Choice("COFFEE-FILTER", Decimal("2.2"), "Ground for filter", 25),
        ),
    ),
    Goods(
        slug="wildflower-honey",
        name="Wildflower Honey",
        category="pantry",
        description="""\
Raw honey from eleven hives at the edge of the forest, gathered in one week of July and never heated. \
Clover, thyme and linden, in that order.

350 g. The bees made little this year: when it is gone, it is gone until next summer.""",
        pictures=((pantry.honey, "A jar of honey under a red dotted cloth, a dipper, and a bee on its way"),),
        choices=(Choice("HONEY-350", Decimal("2.75"), units=1),),
    ),
    Goods(
        slug="two-tone-mug",
        name="Two-Tone Mug",
        category="home",
        description="""\
Thrown on the wheel from speckled stoneware and dipped in sea-blue glaze as far as the potter dares, so \
no two have the same shoreline. The handle has room for three fingers.

Holds 350 ml. Dishwasher and microwave do it no harm.""",
        pictures=((home.mug, "A stoneware mug, blue above and cream below, with steaming coffee"),),
        choices=(Choice("MUG-TWO-TONE", Decimal("4.5"), units=18),),
    ),
    Goods(
        slug="sunrise-tote",
        name="Sunrise Tote",
        category="home",
        description="""\
Heavy organic canvas, seams sewn twice, and a sunrise printed by hand in water-based ink. The large one \
takes a week's groceries; the small one takes a book, a jumper and lunch.

Small 32 × 36 cm, large 42 × 46 cm. Wash at 30 °C, inside out.""",
        pictures=(
            (home.tote_natural, "A natural canvas bag with a rust-coloured sunrise printed on it"),
            (home.tote_sage, "The same bag in sage green, with the sunrise in cream"),
        ),
        choices=(
            Choice("TOTE-NATURAL-S", Decimal("3.2"), "Natural, small", 22),
            Choice("TOTE-NATURAL-L", Decimal("3.8"), "Natural, large", 14),
            Choice("TOTE-SAGE-S", Decimal("3.2"), "Sage, small", 9),
            Choice("TOTE-SAGE-L", Decimal("3.8"), "Sage, large", 0),
        ),
    ),
    Goods(
        slug="lavender-olive-soap",
        name="Lavender & Olive Soap",
        category="home",
        description="""\
A broad, honest bar of olive oil soap, boiled in a copper kettle and left to dry for three months. Real \
lavender oil, nothing else: no colour, no palm oil, no plastic.

120 g in a paper band. The next batch is drying.""",
        pictures=((home.soap, "A pale green bar of soap in a paper band, with lavender behind it"),),
        choices=(Choice("SOAP-LAVENDER", Decimal("0.85"), units=0),),
    ),
    Goods(
        slug="the-pioneers-pantry",
        name="The Pioneer's Pantry",
        category="reading",
        description="""\
A little cookbook for people who cook from what is in the house: corn bread from the skillet, stew from \
three tins, jam from whatever is ripe. Plain recipes, short lists, nothing that needs a special shop.

A PDF for any reader, tablet or printer. Yours to download as soon as you have paid.""",
        pictures=((reading.cookbook, "A reading tablet that shows a cookbook with a steaming pot"),),
        choices=(
            Choice(
                "BOOK-PANTRY",
                Decimal("1.5"),
                delivery=Delivery.DOWNLOAD,
                tracked=False,
                file=("the-pioneers-pantry.pdf", files.cookbook),
            ),
        ),
    ),
    Goods(
        slug="week-planner",
        name="Week Planner to Print",
        category="reading",
        description="""\
One sheet, one week. Seven boxes with room for what matters and an eighth for what can wait. Print as \
many as you like, year after year.

A ZIP with two PDFs, for A4 and for US Letter.""",
        pictures=((reading.planner, "A week planner on a clipboard, and a yellow pencil"),),
        choices=(
            Choice(
                "PRINT-PLANNER",
                Decimal("0.05"),
                delivery=Delivery.DOWNLOAD,
                tracked=False,
                file=("week-planner.zip", files.planner),
            ),
        ),
    ),
    Goods(
        slug="teahouse-gift-card",
        name="Teahouse Gift Card",
        category="codes",
        description="""\
An afternoon to give away: a pot of tea and two slices of cake at the Harbour Teahouse. Whoever gets the \
code shows it at the counter, any day of the week.

The code arrives at once and does not run out.""",
        pictures=((vouchers.gift_card, "A purple gift card with a golden ribbon and bow"),),
        choices=(Choice("GIFT-TEAHOUSE", Decimal("3.14"), units=25, delivery=Delivery.CODE),),
    ),
    Goods(
        slug="crystal-caves-voucher",
        name="Crystal Caves Voucher",
        category="codes",
        description="""\
Crystals for the cave explorers: open new tunnels, buy a better lamp, or feed the mole. Enter the code \
in the game under Treasury → Redeem.

Works on every platform. One code, one player.""",
        pictures=((vouchers.crystals, "Violet, teal and rose crystals, with a paper ticket before them"),),
        choices=(
            Choice("CRYSTALS-500", Decimal("0.75"), "500 crystals", 25, Delivery.CODE),
            Choice("CRYSTALS-1200", Decimal("1.5"), "1,200 crystals", 25, Delivery.CODE),
        ),
    ),
    Goods(
        slug="sourdough-at-home",
        name="Sourdough at Home",
        category="codes",
        description="""\
Nine short films and a workbook, from the first spoonful of flour and water to a loaf that cracks when \
it cools. Taught by a baker who answers questions herself.

Your access code opens the course at once. Watch at your own pace, for as long as you like.""",
        pictures=((vouchers.course, "A scored loaf of bread on a board, with a play button"),),
        choices=(Choice("COURSE-SOURDOUGH", Decimal(12), units=25, delivery=Delivery.CODE),),
    ),
)
