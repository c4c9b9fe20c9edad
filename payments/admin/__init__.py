"""Orders, payments and refunds as staff see them. Django's admin looks for its pages here."""

from payments.admin import pages

__all__ = ["pages"]
