"""Django's admin and form classes that are generic for the type checker, generic at run time, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin

__all__ = ["BaseInlineFormSet", "ModelAdmin", "ModelForm", "StackedInline", "TabularInline"]

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin, StackedInline, TabularInline
    from django.forms import BaseInlineFormSet, ModelForm
else:

    class _Generic:
        """Accept type parameters, and forget them."""

        def __class_getitem__(cls, parameters):
            return cls

    class ModelAdmin(_Generic, admin.ModelAdmin):
        pass

    class StackedInline(_Generic, admin.StackedInline):
        pass

    class TabularInline(_Generic, admin.TabularInline):
        pass

    class ModelForm(_Generic, forms.ModelForm):
        pass

    class BaseInlineFormSet(_Generic, forms.BaseInlineFormSet):
        pass
