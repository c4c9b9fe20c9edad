"""How staff change the catalogue: only the fields that they edited, and stock by a difference.

The forms run inside the admin's transaction. They lock the row before they validate it, so that what they
found is still true when they write, and never write `on_hand` and `reserved` themselves.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator

from catalog import stock
from catalog.admin import publishing
from catalog.amounts import format_pi
from catalog.models import MIN_AMOUNT, Delivery, DeliveryCode, Product, SavedForm, Variant
from web.generic import BaseInlineFormSet, ModelForm

MAX_STOCK_CHANGE = 1_000_000
ALREADY_SAVED = "This form has already been saved. Reload the page to change the stock again."


class PriceInput(forms.NumberInput):
    """Shows 0.05 for 0.0500000, and 0.0000001 for 1E-7."""

    def format_value(self, value: Any) -> str | None:
        return format_pi(value) if isinstance(value, Decimal) else super().format_value(value)


class KeyField(forms.UUIDField):
    """A hidden key that identifies one rendering of a form. Nobody edits it."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class FreshField(forms.BoundField):
    """Keeps browsers from restoring old input after “Back”, which would overwrite newer values."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        return super().build_widget_attrs(attrs, widget) | {"autocomplete": "off"}


class SharedForm(ModelForm[Any]):
    """A form that several members of staff may have open: it saves only edited fields, on the current row.

    Each field is sent along with the value that the page showed. A field that was not edited keeps what a
    colleague has since made of it; a field that both have edited, with different results, is refused.
    """

    bound_field_class = FreshField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = {column.name for column in self._meta.model._meta.concrete_fields}
        self._own = [name for name in self.fields if name in columns]
        for name in self._own:
            # A file input has no value that could be sent back, and sends a file only if one was chosen.
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
                    self.add_error(name, "Somebody else has changed this in the meantime. Reload the page.")
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
            return None  # a category that has been deleted


def _same(one: Any, other: Any) -> bool:
    """Compare two values. Browsers send line breaks as CR LF, and forms strip surrounding whitespace."""
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().splitlines() == other.strip().splitlines()
    return bool(one == other)


class VariantForm(SharedForm):
    change_stock_by = forms.IntegerField(
        required=False,
        min_value=-MAX_STOCK_CHANGE,
        max_value=MAX_STOCK_CHANGE,
        help_text="Units that came in (5) or went out (-5). Sales in the meantime are kept.",
    )
    key = KeyField(required=False, initial=uuid4)
    # Only on the page of a variant that is sold as codes.
    new_codes = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 60}),
        label="Add codes",
        help_text="One per line. Each code is sold once, oldest first.",
    )

    class Meta:
        # A file for sale has no public address, so the default widget has nothing to link to.
        widgets = {"price": PriceInput, "file": forms.FileInput}
        error_messages = {"price": {"min_value": f"The lowest price is {format_pi(MIN_AMOUNT)}."}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.added_codes: list[str] = []
        if self.instance.pk is None or self.instance.delivery != Delivery.CODE:
            del self.fields["new_codes"]
        if self.instance.pk is None:
            self.fields["change_stock_by"].label = "First stock"
            self.fields["change_stock_by"].help_text = "How many units there are. Add codes after saving."
        else:
            self._describe_existing()

    def _describe_existing(self) -> None:
        variant, fields = self.instance, self.fields
        if "delivery" in fields:
            fields["delivery"].disabled = True
            fields["delivery"].help_text = "Fixed, because orders depend on it. Add another variant instead."
        if "file" in fields and variant.delivery != Delivery.DOWNLOAD:
            fields["file"].disabled = True
        elif "file" in fields and variant.file:
            fields["file"].help_text = f"Buyers get {variant.download_name}."
        if variant.delivery == Delivery.CODE:
            fields["change_stock_by"].disabled = True
            fields["change_stock_by"].help_text = "This is the number of unsold codes: add or withdraw codes."

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
            self.add_error("change_stock_by", "A new variant has no stock to remove.")
        if by and self.cleaned_data.get("delivery") == Delivery.CODE:
            self.add_error("change_stock_by", "Save the variant first, then add its codes on its own page.")

    def _clean_stock(self, by: int) -> None:
        if by and not self._counts():
            self.add_error("change_stock_by", ALREADY_SAVED)
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
        """Return whether this form has not changed stock yet. A second copy of it waits for the row lock."""
        key = self.cleaned_data.get("key")
        return key is not None and not SavedForm.objects.filter(key=key).exists()

    def save(self, commit: bool = True) -> Variant:  # noqa: FBT001, FBT002  (Django's signature)
        super().save(commit=False)
        if commit:
            self.write()
        variant: Variant = self.instance
        return variant

    def write(self) -> None:
        """Change the stock by the difference, then save the edited fields, never the stock as it was read.

        The stock comes first, so that units that have just come in count when tracking is switched on.
        """
        variant, new = self.instance, self.instance._state.adding
        if "file" in self.changed_data:
            # Django has stripped paths and what cannot be printed; the storage will replace more.
            variant.file_name = self.cleaned_data["file"].name
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
            variant.save(update_fields=changed | ({"file_name"} if "file" in changed else set()))

    @property
    def stock_story(self) -> str:
        """What `write` did to the stock, for the admin's history: “stock +5”, “codes +20”."""
        by = self.cleaned_data.get("change_stock_by")
        return f"stock {by:+d}" if by else f"codes +{len(self.added_codes)}" if self.added_codes else ""

    @property
    def skipped_codes(self) -> list[str]:
        """The pasted codes that were not added, because they already exist or were pasted twice."""
        pasted = Counter(self.cleaned_data.get("new_codes") or [])
        return list((pasted - Counter(self.added_codes)).elements())


def _too_few(variant: Variant) -> str:
    if variant.tracked and variant.reserved:
        spare = variant.on_hand - variant.reserved
        return (
            f"{variant.reserved} of the {variant.on_hand} units on hand are promised to buyers: "
            f"at most {spare} can be removed."
        )
    return f"Only {variant.on_hand} units are on hand."


class VariantFormSet(BaseInlineFormSet[Variant, Product, ModelForm[Variant]]):
    """The variants on the page of their product."""

    def full_clean(self) -> None:
        if self.is_bound and self.instance.pk:
            # Lock all of them in the order of their keys, as orders do, before the first form validates its
            # stock: they are written in the order of the page, and only those that were edited.
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
