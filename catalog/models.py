"""What is for sale, and how much of it there is. Knows nothing of orders or of Pi.

A Product is what a buyer reads; a Variant is what a buyer buys: price and stock live there, in a row of
their own, so that a member of staff who edits a text cannot overwrite a sale.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import PurePath

from django.core.files.storage import Storage, storages
from django.core.validators import FileExtensionValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

# The formats that every browser shows, and no extension that a server could take for a page or a script.
PICTURES = ("jpg", "jpeg", "png", "gif", "webp", "avif")
# The smallest amount that Pi's chain can express (7 decimal places).
MIN_AMOUNT = Decimal("0.0000001")
# Only codes of this many characters show their end: a shorter one could be guessed from it.
SHORTEST_SHOWN_CODE = 12


def downloads_storage() -> Storage:
    return storages["downloads"]


class Category(models.Model):
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What a buyer reads: texts and pictures. Every published product has at least one variant."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    published = models.BooleanField(
        default=False, help_text="Only published products can be seen and bought."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])

    # What pages show of a product, all from the rows that `catalog.queries.published` has prefetched.

    @property
    def picture(self) -> Picture | None:
        return next(iter(self.pictures.all()), None)

    @property
    def plain_variant(self) -> Variant | None:
        """The only variant; None where the buyer has to choose."""
        variants = self.variants.all()
        return variants[0] if len(variants) == 1 else None

    @property
    def price_from(self) -> Decimal:
        """The lowest price that a buyer can get now; for a sold-out product, the lowest of all."""
        return min(self._prices)

    @property
    def several_prices(self) -> bool:
        """Whether `price_from` needs a “from” in front of it."""
        return len(self._prices) > 1

    @property
    def sold_out(self) -> bool:
        return all(variant.sold_out for variant in self.variants.all())

    @property
    def _prices(self) -> set[Decimal]:
        variants = self.variants.all()
        return {variant.price for variant in variants if not variant.sold_out or self.sold_out}


class Picture(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pictures")
    image = models.ImageField(
        upload_to="products",
        width_field="width",
        height_field="height",
        max_length=200,
        validators=[FileExtensionValidator(PICTURES)],
    )
    width = models.PositiveIntegerField(editable=False, default=0)
    height = models.PositiveIntegerField(editable=False, default=0)
    alt = models.CharField(
        "description", max_length=200, help_text="What a person who cannot see the picture is told."
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.alt


class Delivery(models.TextChoices):
    PHYSICAL = "physical", "shipped by staff"
    DOWNLOAD = "download", "a file to download"
    CODE = "code", "a code of its own for every unit"


class Variant(models.Model):
    """What a buyer buys. `price` is in Pi, 7 places; `on_hand` and `reserved` are whole units.

    `reserved` of the units `on_hand` are promised to orders whose payment is under way; the difference can
    still be sold. Where `tracked` is false there is always enough, and `on_hand` means nothing; holds are
    counted all the same, so that tracking can be switched on at any time. Stock changes only through
    `catalog.stock`.
    """

    # Variants that were ordered are protected by the order lines, those with codes by the codes.
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    sku = models.CharField(
        "SKU",
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", "Letters, digits, . _ - only.")],
    )
    option = models.CharField(
        max_length=80,
        blank=True,
        help_text="What sets it apart (“Large”); empty for a plain product.",
    )
    # 15 digits are as many as SQLite and JavaScript keep exactly.
    price = models.DecimalField(
        "price in Pi",
        max_digits=15,
        decimal_places=7,
        validators=[MinValueValidator(MIN_AMOUNT)],
    )
    tracked = models.BooleanField(
        default=True, help_text="Count the stock. Without it the variant never sells out."
    )
    on_hand = models.PositiveIntegerField(default=0, editable=False)
    reserved = models.PositiveIntegerField(default=0, editable=False)
    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.PHYSICAL)
    file = models.FileField(
        storage=downloads_storage,
        upload_to="goods",
        blank=True,
        max_length=200,
        help_text="The file that buyers of a download receive.",
    )
    # As staff named the file, which the storage may call “Cook_Book_Yu2uXP8.pdf”; empty where it is unknown.
    file_name = models.CharField(max_length=255, blank=True, editable=False)

    class Meta:
        ordering = ["product_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "option"], name="variant_option_once_per_product"),
            models.CheckConstraint(condition=Q(price__gt=0), name="variant_price_above_zero"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="variant_reserved_not_negative"),
            models.CheckConstraint(condition=Q(on_hand__gte=0), name="variant_on_hand_not_negative"),
            models.CheckConstraint(
                condition=Q(tracked=False) | Q(reserved__lte=F("on_hand")),
                name="variant_reserved_within_on_hand",
                violation_error_message="More units are promised to buyers than there are on hand.",
            ),
            models.CheckConstraint(
                condition=~Q(delivery=Delivery.CODE) | Q(tracked=True),
                name="variant_codes_are_tracked",
                violation_error_message="Codes are always counted: leave “tracked” on.",
            ),
            models.CheckConstraint(condition=Q(delivery__in=Delivery.values), name="variant_delivery_known"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name on an order line: the product's, followed by the option if there is one."""
        return f"{self.product.name} – {self.option}" if self.option else self.product.name

    @property
    def available(self) -> int | None:
        """How many units can still be sold now; None means there is no limit."""
        return self.on_hand - self.reserved if self.tracked else None

    @property
    def sold_out(self) -> bool:
        return self.tracked and self.on_hand <= self.reserved

    @property
    def download_name(self) -> str:
        """The name under which buyers save the file; empty if there is none."""
        return self.file_name or PurePath(str(self.file)).name

    @property
    def file_is_there(self) -> bool:
        """Whether buyers of a download would get anything: a restored shop may lack its files."""
        return bool(self.file) and self.file.storage.exists(str(self.file.name))


class DeliveryCode(models.Model):
    """One text (a key, a voucher) for one sold unit. `on_hand` of its variant counts the unsold ones."""

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="codes")
    text = models.CharField(max_length=200, unique=True)
    sold_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["variant", "id"], condition=Q(sold_at=None), name="delivery_code_unsold")
        ]

    def __str__(self) -> str:
        # The text is what is sold: it must not appear in lists, logs and delete pages.
        return f"code {self.pk} of {self.variant_id}"

    @property
    def masked(self) -> str:
        """The end of the code: enough to tell it by, too little to use it. Nothing of a short one."""
        return f"••••{self.text[-4:]}" if len(self.text) >= SHORTEST_SHOWN_CODE else "••••"


class SavedForm(models.Model):
    """The key of a form that has changed stock. Submitted again, the form changes nothing more."""

    key = models.UUIDField(primary_key=True, editable=False)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.key)
