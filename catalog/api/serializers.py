"""The catalogue as JSON, for other frontends."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import Category, Picture, Product, Variant


class ProductFilters(serializers.Serializer[None]):
    """Filters for the list of products. The length is limited, because every word costs the database."""

    category = serializers.SlugField(
        required=False, allow_blank=True, help_text="Only products of the category with this slug."
    )
    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="Only products in whose name, description or category every word occurs.",
    )


class CategorySerializer(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ["name", "slug"]


@extend_schema_field(OpenApiTypes.URI)
class PictureURL(serializers.ImageField):
    """The absolute address of the image, on the host that was asked."""


class PictureSerializer(serializers.ModelSerializer[Picture]):
    url = PictureURL(source="image", read_only=True)

    class Meta:
        model = Picture
        fields = ["url", "alt", "width", "height"]


class VariantSerializer(serializers.ModelSerializer[Variant]):
    price = serializers.DecimalField(
        max_digits=15,
        decimal_places=7,
        normalize_output=True,
        help_text="In Pi, as text, with as many of 7 decimal places as it needs: “12”, “0.05”.",
    )
    available = serializers.IntegerField(
        allow_null=True,
        read_only=True,
        help_text="Units that can be bought now; null where there is no limit.",
    )
    sold_out = serializers.BooleanField(read_only=True)

    class Meta:
        model = Variant
        fields = ["sku", "option", "price", "available", "sold_out", "delivery"]
        read_only_fields = fields


class ProductSerializer(serializers.ModelSerializer[Product]):
    category = CategorySerializer()
    pictures = PictureSerializer(many=True)
    variants = VariantSerializer(many=True)

    class Meta:
        model = Product
        fields = ["slug", "name", "description", "category", "pictures", "variants"]
        read_only_fields = fields
