"""The catalogue as staff see it. Stock is changed by a difference, only through `catalog.stock`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.html import format_html

from catalog import stock
from catalog.admin import publishing
from catalog.admin.filters import (
    CategoryFilter,
    ProductSoldOutFilter,
    SoldFilter,
    StrictListMixin,
    VariantOfCodesFilter,
    VariantSoldOutFilter,
)
from catalog.admin.forms import SharedForm, VariantForm, VariantFormSet
from catalog.amounts import format_pi
from catalog.models import Category, Delivery, DeliveryCode, Picture, Product, Variant
from web.generic import ModelAdmin, StackedInline, TabularInline

admin.site.site_header = "pistore"
admin.site.site_title = "pistore"
admin.site.index_title = "The shop"

CANNOT_DELETE = (
    "What was ordered or has codes cannot be deleted. Unpublish the product to take it out of the shop."
)
THUMBNAIL = 48
# A message names this many codes and counts the rest.
MAX_NAMED_CODES = 10


@admin.register(Category)
class CategoryAdmin(StrictListMixin, ModelAdmin[Category]):
    form = SharedForm
    list_display = ("name", "slug", "products")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return super().get_queryset(request).annotate(product_count=Count("products"))

    @admin.display(ordering="product_count")
    def products(self, category: Category) -> int:
        return category.product_count  # type: ignore[attr-defined, no-any-return]


class VariantInline(StackedInline[Variant, Product]):
    model = Variant
    form = VariantForm
    formset = VariantFormSet
    show_change_link = True
    fields = (
        ("sku", "option"),
        ("price", "delivery", "file"),
        ("tracked", "stock", "change_stock_by", "key"),
    )
    readonly_fields = ("stock",)

    def get_extra(self, request: HttpRequest, obj: Product | None = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    @admin.display(description="available / reserved / on hand")
    def stock(self, variant: Variant) -> str:
        return _stock([variant] if variant.pk else [])


class PictureInline(TabularInline[Picture, Product]):
    model = Picture
    extra = 0
    fields = ("thumbnail", "image", "alt", "position")
    readonly_fields = ("thumbnail",)

    @admin.display(description="")
    def thumbnail(self, picture: Picture) -> str:
        return _thumbnail(picture if picture.pk else None)


@admin.register(Product)
class ProductAdmin(StrictListMixin, ModelAdmin[Product]):
    form = SharedForm
    list_display = ("thumbnail", "name", "category", "price", "stock", "published")
    list_display_links = ("thumbnail", "name")
    list_filter = ("published", ("category", CategoryFilter), ProductSoldOutFilter, "variants__delivery")
    list_select_related = ("category",)
    list_per_page = 50
    search_fields = ("name", "description", "variants__sku")
    search_help_text = "By name, description or SKU."
    prepopulated_fields = {"slug": ["name"]}
    fields = (("name", "slug"), "category", "description", "published")
    inlines = (VariantInline, PictureInline)
    actions = ("publish", "unpublish")

    class Media:
        css = {"all": ["catalog/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).prefetch_related("variants", "pictures")

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        # Staff who cannot see the variants cannot tell whether there is anything to sell.
        return () if request.user.has_perm("catalog.view_variant") else ("published",)

    def view_on_site(self, obj: Product) -> str | None:
        return obj.get_absolute_url() if obj.published else None

    @admin.display(description="")
    def thumbnail(self, product: Product) -> str:
        return _thumbnail(product.picture)

    @admin.display(description="price in Pi")
    def price(self, product: Product) -> str:
        prices = sorted({variant.price for variant in product.variants.all()})
        return " – ".join(format_pi(price) for price in prices[:1] + prices[1:][-1:])

    @admin.display(description="available / reserved / on hand")
    def stock(self, product: Product) -> str:
        return _stock(product.variants.all())

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001
        super().save_formset(request, form, formset, change)
        if formset.model is Variant:
            for each in formset.initial_forms + formset.extra_forms:
                if each not in formset.deleted_forms and each.stock_story:
                    self.log_change(request, each.instance, each.stock_story)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        answer = super().get_deleted_objects(objs, request)
        if answer[-1]:
            messages.warning(request, CANNOT_DELETE)
        return answer

    @admin.action(description="Publish the selected products", permissions=["change"])
    def publish(self, request: HttpRequest, products: QuerySet[Product]) -> None:
        for product in products.filter(published=False):
            if why := publishing.reason_against(product.variants.all()):
                messages.error(request, f"{product} is not published. {why}")
            else:
                self._show(request, product, published=True)

    @admin.action(description="Unpublish the selected products", permissions=["change"])
    def unpublish(self, request: HttpRequest, products: QuerySet[Product]) -> None:
        for product in products.filter(published=True):
            self._show(request, product, published=False)

    def _show(self, request: HttpRequest, product: Product, *, published: bool) -> None:
        word = "published" if published else "unpublished"
        Product.objects.filter(pk=product.pk).update(published=published)
        self.log_change(request, product, word)
        messages.success(request, f"{product} is {word}.")


@admin.register(Variant)
class VariantAdmin(StrictListMixin, ModelAdmin[Variant]):
    form = VariantForm
    list_display = ("sku", "name", "price_in_pi", "available", "reserved", "on_hand", "sold_as", "published")
    list_filter = (
        "product__published",
        VariantSoldOutFilter,
        "delivery",
        "tracked",
        ("product__category", CategoryFilter),
    )
    list_select_related = ("product",)
    list_per_page = 50
    search_fields = ("sku", "option", "product__name")
    search_help_text = "By SKU, option or product."
    ordering = ("product__name", "pk")
    readonly_fields = ("product", "available", "reserved", "on_hand", "codes")

    class Media:
        css = {"all": ["catalog/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Variants are added on the page of their product.
        return False

    def get_fields(self, request: HttpRequest, obj: Variant | None = None) -> Any:
        about = [
            "product",
            ("sku", "option"),
            "price",
            "delivery",
            "tracked",
            "available",
            "reserved",
            "on_hand",
        ]
        if obj and obj.delivery == Delivery.CODE:
            return [*about, "codes", "new_codes"]
        if obj and obj.delivery == Delivery.DOWNLOAD:
            return [*about, "change_stock_by", "key", "file"]
        return [*about, "change_stock_by", "key"]

    @admin.display(description="product", ordering="product__name")
    def name(self, variant: Variant) -> str:
        return variant.label

    @admin.display(description="price in Pi", ordering="price")
    def price_in_pi(self, variant: Variant) -> str:
        return format_pi(variant.price)

    @admin.display(description="delivery", ordering="delivery")
    def sold_as(self, variant: Variant) -> str:
        return variant.delivery

    @admin.display(ordering=F("on_hand") - F("reserved"))
    def available(self, variant: Variant) -> str:
        return "unlimited" if variant.available is None else str(variant.available)

    @admin.display(boolean=True, ordering="product__published")
    def published(self, variant: Variant) -> bool:
        return variant.product.published

    @admin.display
    def codes(self, variant: Variant) -> str:
        unsold = variant.codes.filter(sold_at=None).count()
        return format_html(
            '<a href="{}?sku={}">{} unsold, {} sold</a>',
            reverse("admin:catalog_deliverycode_changelist"),
            variant.sku,
            unsold,
            variant.codes.count() - unsold,
        )

    def save_model(self, request: HttpRequest, obj: Variant, form: Any, change: bool) -> None:  # noqa: FBT001
        form.write()
        if form.cleaned_data.get("new_codes"):
            _report_codes(request, form.added_codes, form.skipped_codes)

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        others = [name for name in form.changed_data if name not in {"change_stock_by", "new_codes"}]
        parts = [form.stock_story, f"changed {', '.join(others)}" if others else ""]
        return "; ".join(part for part in parts if part)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, missing, protected = super().get_deleted_objects(objs, request)
        products = Product.objects.filter(published=True, variants__in=objs).distinct()
        for product in products:
            if not product.variants.exclude(pk__in=[variant.pk for variant in objs]).exists():
                protected.append(
                    f"{product}, which is published and has no other variant: unpublish it first"
                )
        return to_delete, counts, missing, protected


@admin.register(DeliveryCode)
class DeliveryCodeAdmin(StrictListMixin, ModelAdmin[DeliveryCode]):
    """Codes are added on the page of their variant; here staff find them and withdraw unsold ones."""

    list_display = ("masked", "variant", "sold_at")
    list_filter = (SoldFilter, VariantOfCodesFilter)
    list_select_related = ("variant__product",)
    search_fields = ("=text", "variant__sku")
    search_help_text = "By the whole code, or by SKU."
    actions = ("withdraw",)
    fields = ("variant", "text", "sold_at")
    readonly_fields = ("sold_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DeliveryCode | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DeliveryCode | None = None) -> bool:
        # Deleting would leave the stock as it is. Codes are withdrawn instead.
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.delete_deliverycode")

    @admin.display(description="code", ordering="pk")
    def masked(self, code: DeliveryCode) -> str:
        return code.masked

    @admin.action(description="Withdraw the selected unsold codes", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, codes: QuerySet[DeliveryCode]) -> None:
        withdrawn = [code for code in codes if stock.remove_code(code)]
        self.log_deletions(request, withdrawn)  # type: ignore[arg-type]
        messages.success(request, f"{_codes(len(withdrawn))} withdrawn.")
        if left := len(codes) - len(withdrawn):
            messages.warning(request, f"{_codes(left)} not withdrawn: sold, or promised to a buyer.")


def _stock(variants: Sequence[Variant] | QuerySet[Variant]) -> str:
    """Return the sums over the variants; one that is not tracked makes them unlimited."""
    if not variants:
        return "–"
    reserved = sum(variant.reserved for variant in variants)
    if not all(variant.tracked for variant in variants):
        return f"unlimited / {reserved} / –"
    on_hand = sum(variant.on_hand for variant in variants)
    return f"{on_hand - reserved} / {reserved} / {on_hand}"


def _thumbnail(picture: Picture | None) -> str:
    if picture is None:
        return ""
    return format_html(
        '<img src="{}" alt="{}" width="{}" height="{}" loading="lazy">',
        picture.image.url,
        picture.alt,
        THUMBNAIL,
        round(THUMBNAIL * picture.height / max(1, picture.width)),
    )


def _codes(count: int) -> str:
    return f"{count} code{pluralize(count)}"


def _report_codes(request: HttpRequest, added: list[str], skipped: list[str]) -> None:
    messages.success(request, f"{_codes(len(added))} added.")
    if skipped:
        more = len(skipped) - MAX_NAMED_CODES
        named = ", ".join(skipped[:MAX_NAMED_CODES]) + (f" and {more} more" if more > 0 else "")
        messages.warning(request, f"Not added, because they already exist or were pasted twice: {named}.")
