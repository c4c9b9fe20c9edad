"""The catalogue as staff see it. Django's admin looks for its pages here."""

from catalog.admin import pages

__all__ = ["pages"]
