"""How staff change the catalogue: what they have touched on a page and nothing else, stock by a difference.

The forms run inside the admin's transaction. They lock the row before they judge it, so that what they find
is still true when they write, and never write `on_hand` and `reserved` themselves.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator

from catalog import stock
from catalog.admin import publishing
from catalog.models import SMALLEST_AMOUNT, Delivery, DeliveryCode, Product, SavedForm, Variant

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    VariantInlineFormSet = forms.BaseInlineFormSet[Variant, Product, forms.ModelForm[Variant]]
else:
    ModelForm = forms.ModelForm
    VariantInlineFormSet = forms.BaseInlineFormSet

MAX_STOCK_CHANGE = 1_000_000
SAVED_ALREADY = "This page was saved already. Load it again to change the stock once more."


class PriceInput(forms.NumberInput):
    """Shows 0.05, where the database has 0.0500000 and Python 1E-7."""

    def format_value(self, value: Any) -> str | None:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else super().format_value(value)


class KeyField(forms.UUIDField):
    """Tells one form from all others that were ever shown. Nobody sees it, and nobody changes it."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class FreshField(forms.BoundField):
    """Shows what we send: after “Back” a browser would type again what was saved, over what is newer."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        return super().build_widget_attrs(attrs, widget) | {"autocomplete": "off"}


class SharedForm(ModelForm):
    """A page that a colleague may have open, too: it saves what was touched on it, over the row as it is now.

    Each field is sent back with what the page showed in it. One that still says so keeps what a colleague has
    made of it since; one that both have changed, each in another way, is refused.
    """

    bound_field_class = FreshField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = {column.name for column in self._meta.model._meta.concrete_fields}
        self._own = [name for name in self.fields if name in columns]
        for name in self._own:
            # A file shows nothing that could be sent back, and is sent only where it was touched.
            is_file = isinstance(self.fields[name], forms.FileField)
            self.fields[name].show_hidden_initial = self.instance.pk is not None and not is_file

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.instance.pk is not None:
            rows = type(self.instance)._default_manager.select_for_update(no_key=True)
            self.instance.refresh_from_db(from_queryset=rows)
            for name in self._own:
                if name not in self.changed_data:
                    self.cleaned_data[name] = getattr(self.instance, name)
                elif self._is_overtaken(name):
                    self.add_error(name, "Somebody else has changed this meanwhile. Load the page again.")
        return self.cleaned_data

    def _is_overtaken(self, name: str) -> bool:
        if not self.fields[name].show_hidden_initial:
            return False
        now, mine = getattr(self.instance, name), self.cleaned_data.get(name)
        return not _same(now, self._shown(name)) and not _same(now, mine)

    def _shown(self, name: str) -> Any:
        try:
            return self.fields[name].to_python(self.data.get(self.add_initial_prefix(name)))
        except ValidationError:
            return None  # a category that is gone


def _same(one: Any, other: Any) -> bool:
    """Browsers send every line break as two characters, and forms strip what stands around a text."""
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().splitlines() == other.strip().splitlines()
    return bool(one == other)


class VariantForm(SharedForm):
    change_stock_by = forms.IntegerField(
        required=False,
        min_value=-MAX_STOCK_CHANGE,
        max_value=MAX_STOCK_CHANGE,
        help_text="What came in (5) or went out (-5); whatever was sold meanwhile stays sold.",
    )
    key = KeyField(required=False, initial=uuid4)
    # Only on the page of a variant that is delivered as codes.
    new_codes = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 60}),
        label="Add codes",
        help_text="One on each line. Every code is sold once, the oldest first.",
    )

    class Meta:
        # A file that is for sale has no address that the usual widget could link to.
        widgets = {"price": PriceInput, "file": forms.FileInput}
        error_messages = {"price": {"min_value": f"The lowest price is {SMALLEST_AMOUNT:f}."}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.added_codes: list[str] = []
        if self.instance.pk is None or self.instance.delivery != Delivery.CODE:
            del self.fields["new_codes"]
        if self.instance.pk is None:
            self.fields["change_stock_by"].label = "First stock"
            self.fields["change_stock_by"].help_text = "How many units there are. Codes are added afterwards."
        else:
            self._describe_existing()

    def _describe_existing(self) -> None:
        variant, fields = self.instance, self.fields
        if "delivery" in fields:
            fields["delivery"].disabled = True
            fields["delivery"].help_text = "Fixed, because orders rely on it. For another kind add a variant."
        if "file" in fields and variant.delivery != Delivery.DOWNLOAD:
            fields["file"].disabled = True
        elif "file" in fields and variant.file:
            fields["file"].help_text = f"Buyers receive {PurePath(str(variant.file)).name}."
        if variant.delivery == Delivery.CODE:
            fields["change_stock_by"].disabled = True
            fields["change_stock_by"].help_text = "Counted by its codes: add or withdraw those."

    def clean_new_codes(self) -> list[str]:
        codes = [line.strip() for line in self.cleaned_data["new_codes"].splitlines() if line.strip()]
        longest = MaxLengthValidator(DeliveryCode._meta.get_field("text").max_length)
        for code in codes:
            longest(code)
        return codes

    def clean(self) -> dict[str, Any]:
        super().clean()
        by = self.cleaned_data.get("change_stock_by") or 0
        if self.instance.pk is None:
            self._clean_first_stock(by)
        else:
            self._clean_stock(by)
        return self.cleaned_data

    def _clean_first_stock(self, by: int) -> None:
        if by < 0:
            self.add_error("change_stock_by", "A new variant has no stock to take from.")
        if by and self.cleaned_data.get("delivery") == Delivery.CODE:
            self.add_error(
                "change_stock_by", "Codes are counted one by one: save, then add them on its page."
            )

    def _clean_stock(self, by: int) -> None:
        if by and not self._counts():
            self.add_error("change_stock_by", SAVED_ALREADY)
            return
        variant = self.instance
        after = variant.on_hand + by
        if by < 0 and after < (variant.reserved if variant.tracked else 0):
            self.add_error("change_stock_by", _too_few(variant))
        elif self.cleaned_data.get("tracked") and after < variant.reserved:
            self.add_error(
                "tracked",
                f"More units are promised to buyers ({variant.reserved}) than there are on hand ({after}).",
            )

    def _counts(self) -> bool:
        """Whether it has changed no stock yet. Its twin waits for the variant's row until that is known."""
        key = self.cleaned_data.get("key")
        return key is not None and not SavedForm.objects.filter(key=key).exists()

    def save(self, commit: bool = True) -> Variant:  # noqa: FBT001, FBT002  (as Django has it)
        super().save(commit=False)
        if commit:
            self.write()
        variant: Variant = self.instance
        return variant

    def write(self) -> None:
        """This will save what was changed, never the stock as the form once read it, then the difference.

        The difference comes first, so that units which just came in count when tracking is switched on.
        """
        variant, new = self.instance, self.instance._state.adding
        if new:
            variant.save()
        if by := self.cleaned_data.get("change_stock_by"):
            stock.change_on_hand(variant, by=by)
            if not new:
                SavedForm.objects.create(key=self.cleaned_data["key"])
        if codes := self.cleaned_data.get("new_codes"):
            self.added_codes = stock.add_codes(variant, codes)
        own = {field.name for field in Variant._meta.concrete_fields}
        if not new and (changed := own.intersection(self.changed_data)):
            variant.save(update_fields=changed)

    @property
    def stock_story(self) -> str:
        """What `write` did to the stock, for the history: “stock +5”, “codes +20”."""
        by = self.cleaned_data.get("change_stock_by")
        return f"stock {by:+d}" if by else f"codes +{len(self.added_codes)}" if self.added_codes else ""

    @property
    def skipped_codes(self) -> list[str]:
        """The pasted codes that were not added: some variant has them already, or they were pasted twice."""
        pasted = Counter(self.cleaned_data.get("new_codes") or [])
        return list((pasted - Counter(self.added_codes)).elements())


def _too_few(variant: Variant) -> str:
    if variant.tracked and variant.reserved:
        spare = variant.on_hand - variant.reserved
        return (
            f"{variant.reserved} of the {variant.on_hand} units on hand are promised to buyers: "
            f"at most {spare} can go."
        )
    return f"Only {variant.on_hand} units are on hand."


class VariantFormSet(VariantInlineFormSet):
    """The variants on the page of their product."""

    def full_clean(self) -> None:
        if self.is_bound and self.instance.pk:
            # All of them in the order of their keys, as buyers lock them, before the first form judges its
            # stock: they are written in the order of the page, and only where something was changed.
            list(self.instance.variants.select_for_update(no_key=True).order_by("pk"))
        super().full_clean()

    def clean(self) -> None:
        super().clean()
        if any(self.errors) or not self.instance.published:
            return
        kept = [form for form in self.forms if form not in self.deleted_forms]
        variants = [form.instance for form in kept if form.instance.pk or form.has_changed()]
        if why := publishing.reason_against(variants):
            raise ValidationError(f"This product cannot be published. {why}")
