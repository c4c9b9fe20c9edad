import pytest

from catalog.admin import publishing
from catalog.models import Delivery, Variant


@pytest.mark.parametrize(
    ("variants", "reason"),
    [
        ([], "It has no variant, so there would be nothing to buy."),
        ([Variant(sku="A")], ""),
        ([Variant(sku="A", delivery=Delivery.CODE)], ""),
        ([Variant(sku="A", delivery=Delivery.DOWNLOAD, file="goods/a.pdf")], ""),
        ([Variant(sku="A", delivery=Delivery.DOWNLOAD)], "A is sold as a download but has no file."),
        ([Variant(sku="A", option="Small"), Variant(sku="B", option="Large")], ""),
        (
            [Variant(sku="A", option="Small"), Variant(sku="B")],
            "It has several variants, and at least one has no option that names it.",
        ),
    ],
    ids=["nothing", "plain", "code", "file", "no file", "options", "no option"],
)
def test_a_product_may_be_published_once_every_variant_can_be_bought(variants, reason):
    assert publishing.reason_against(variants) == reason
