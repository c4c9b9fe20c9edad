"""Filters for the lists in the catalogue's admin, and what every list does with one that it does not know."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from catalog.models import Delivery, Variant


class StrictChangeList(ChangeList):
    """A list that shows no row, and says so, when asked for what none of its filters knows.

    Django would show all rows.
    """

    filter_specs: list[Any] = []  # Django leaves it unset if it cannot read the filters
    is_unknown = False

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        if self.is_unknown and request.method == "GET":
            messages.warning(request, "This list has no such filter, so it shows nothing.")

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        try:
            rows = super().get_queryset(request, exclude_parameters)
        except IncorrectLookupParameters:
            self.is_unknown = True
        else:
            self.is_unknown = any(_is_unknown(spec) for spec in self.filter_specs)
        return self.root_queryset.none() if self.is_unknown else rows


class StrictListMixin:
    """An admin whose list is a `StrictChangeList`."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList


def _is_unknown(spec: Any) -> bool:
    """Return whether a filter was asked for a value that it does not offer."""
    if isinstance(spec, admin.SimpleListFilter):
        return spec.value() is not None and not _offers(spec.lookup_choices, [spec.value()])
    if isinstance(spec, admin.RelatedFieldListFilter):
        return not _offers(spec.lookup_choices, spec.lookup_val or [])
    if isinstance(spec, admin.ChoicesFieldListFilter):
        blank = [("", "")] if spec.field.blank else []
        return not _offers([*blank, *spec.field.flatchoices], spec.lookup_val or [])
    return False  # Django refuses what is no date, and neither yes nor no


def _offers(choices: Any, values: Any) -> bool:
    return {str(value) for value in values} <= {str(value) for value, _ in choices}


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


class CategoryFilter(admin.RelatedFieldListFilter):
    def has_output(self) -> bool:
        # Also while there is only one: Django ignores the parameter of a filter that it does not show.
        return True


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

    def has_output(self) -> bool:
        return True  # Django ignores the parameter of a filter that it does not show

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(variant__sku=self.value()) if self.value() else queryset
