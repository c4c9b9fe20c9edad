from __future__ import annotations

import io
import zipfile
from decimal import Decimal

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.test import Client
from PIL import Image

from catalog import queries, stock
from catalog.models import Category, Delivery, DeliveryCode, Picture, Product, Variant

pytestmark = pytest.mark.django_db


def run() -> list[str]:
    out = io.StringIO()
    call_command("load_demo_catalogue", stdout=out)
    return out.getvalue().splitlines()


def everything() -> list[list[tuple[object, ...]]]:
    models = (Category, Product, Picture, Variant, DeliveryCode)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


def test_the_demo_is_a_small_shop_with_goods_of_every_kind():
    run()

    products = list(queries.published())
    variants = list(Variant.objects.all())
    prices = sorted(variant.price for variant in variants)
    assert (len(products), Category.objects.count()) == (11, 4)
    assert {variant.delivery for variant in variants} == set(Delivery.values)
    assert (prices[0], prices[-1]) == (Decimal("0.05"), Decimal(12))
    assert [product.name for product in products if product.sold_out] == ["Lavender & Olive Soap"]
    assert [variant.sku for variant in variants if variant.available == 1] == ["HONEY-350"]
    assert [variant.sku for variant in variants if variant.available is None] == [
        "BOOK-PANTRY",
        "PRINT-PLANNER",
    ]
    assert any(len(product.variants.all()) > 1 for product in products)


def test_every_product_has_a_description_and_pictures():
    run()

    for product in queries.published():
        assert len(product.description) > 150
        for picture in product.pictures.all():
            with default_storage.open(picture.image.name) as file, Image.open(file) as image:
                assert (image.format, image.size) == ("WEBP", (1000, 1000))
            assert (picture.width, picture.height) == (1000, 1000)
            assert picture.image.size < 60_000
            assert len(picture.alt) > 30
        assert product.picture


def test_the_stock_of_codes_is_their_number():
    run()

    for variant in Variant.objects.filter(delivery=Delivery.CODE):
        assert (variant.on_hand, variant.codes.filter(sold_at=None).count()) == (25, 25)


def goods_file(sku: str) -> bytes:
    with Variant.objects.get(sku=sku).file.open() as file:
        return file.read()


def table_of(pdf: bytes) -> bytes:
    assert (pdf[:9], pdf[-6:]) == (b"%PDF-1.4\n", b"%%EOF\n")
    return pdf[int(pdf.split()[-2]) :]


def test_the_planner_is_a_zip_file_with_a_pdf_for_each_paper_size():
    run()

    with zipfile.ZipFile(io.BytesIO(goods_file("PRINT-PLANNER"))) as archive:
        pdfs = [archive.read(name) for name in archive.namelist() if name.endswith(".pdf")]
    assert [table_of(pdf)[:5] for pdf in pdfs] == [b"xref\n"] * 2
    assert (b"[0 0 595 842]" in pdfs[0], b"[0 0 612 792]" in pdfs[1]) == (True, True)


def test_the_cross_reference_table_of_the_cookbook_is_right():
    run()

    pdf = goods_file("BOOK-PANTRY")
    places = [int(line.split()[0]) for line in table_of(pdf).splitlines()[3:] if line.endswith(b" n ")]
    assert len(places) == 3 + 2 * 5
    for number, place in enumerate(places, start=1):
        assert pdf[place:].startswith(b"%d 0 obj\n" % number)


def test_loading_the_demo_again_changes_nothing():
    first = run()
    before = everything()

    second = run()

    assert (len(first), second) == (12, ["The demo catalogue is loaded."])
    assert everything() == before


def test_loading_the_demo_again_keeps_changes_of_staff_and_buyers():
    run()
    mug = Variant.objects.get(sku="MUG-TWO-TONE")
    stock.take({mug.pk: 3})
    Product.objects.filter(pk=mug.product_id).update(slug="our-mug", name="Our Mug", published=False)
    Variant.objects.filter(pk=mug.pk).update(price=7)
    before = everything()

    run()

    assert everything() == before


def test_a_deleted_product_comes_back_with_the_same_file_names():
    run()
    soap = Product.objects.get(slug="lavender-olive-soap")
    name = soap.pictures.get().image.name
    soap.delete()

    assert run()[0] == "Added Lavender & Olive Soap."
    assert Picture.objects.get(product__slug="lavender-olive-soap").image.name == name


def test_a_category_with_another_slug_is_used_again():
    Category.objects.create(name="Pantry", slug="larder")

    run()

    assert sorted(Category.objects.values_list("slug", flat=True)) == ["codes", "home", "larder", "reading"]


def test_the_api_lists_the_demo_products(client: Client):
    run()

    assert client.get("/api/products/").json()["count"] == 11


def test_the_command_prints_nothing_with_verbosity_0(capsys):
    call_command("load_demo_catalogue", verbosity=0)

    assert capsys.readouterr().out == ""
    assert Product.objects.count() == 11
