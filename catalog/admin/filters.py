"""Filters for the lists in the catalogue's admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from catalog.models import Delivery, Variant


class SoldOutFilter(admin.SimpleListFilter):
    title = "stock"
    parameter_name = "stock"
    # The lookup that leads from a row of the list to its variants.
    path = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("left", "In stock"), ("sold-out", "Sold out")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        left = Variant.objects.filter(Q(tracked=False) | Q(on_hand__gt=F("reserved")))
        some = Q(**{f"{self.path}__in": left.values("pk")})
        if self.value() == "left":
            return queryset.filter(some).distinct()
        return queryset.exclude(some) if self.value() == "sold-out" else queryset


class ProductSoldOutFilter(SoldOutFilter):
    path = "variants"


class VariantSoldOutFilter(SoldOutFilter):
    path = "pk"


class SoldFilter(admin.SimpleListFilter):
    title = "sold"
    parameter_name = "sold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Unsold"), ("yes", "Sold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        unsold = {"no": True, "yes": False}.get(self.value() or "")
        return queryset if unsold is None else queryset.filter(sold_at__isnull=unsold)


class VariantOfCodesFilter(admin.SimpleListFilter):
    title = "variant"
    parameter_name = "sku"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        skus = Variant.objects.filter(delivery=Delivery.CODE).order_by("sku").values_list("sku", flat=True)
        return [(sku, sku) for sku in skus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(variant__sku=self.value()) if self.value() else queryset
