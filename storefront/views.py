"""The buyer's pages. Whole pages are public and the same for everybody; the page's script fetches fragments,
the private ones with our token in `Authorization: Bearer`. No page sets a cookie."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps

from django.core.paginator import Paginator
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
)
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from catalog.models import Category, Product, Variant
from catalog.queries import published
from payments.domain.sign_in import pioneer_of
from payments.models import Order, Pioneer
from storefront.basket import LINE, read_basket
from storefront.downloads import FileMissing, LinkExpired, LinkForged, file_behind
from storefront.receipt import own_orders, receipt_for
from web.bearer import bearer_token
from web.error_pages import not_found
from web.framing import framable_by_pi
from web.ranges import send_file

logger = logging.getLogger(__name__)

PRODUCTS_PER_PAGE = 24
ORDERS_SHOWN = 50

# Whole pages -------------------------------------------------------------------------------------------


@require_safe
@framable_by_pi
def shop(request: HttpRequest, slug: str | None = None) -> HttpResponse:
    """Show everything that is for sale, or one category of it."""
    category = Category.objects.filter(slug=slug).first() if slug else None
    if slug and category is None:
        return _nothing_here(request)
    products = published().filter(category=category) if category else published()
    shown = Paginator(products, PRODUCTS_PER_PAGE).get_page(request.GET.get("page"))
    categories = Category.objects.filter(products__in=published().order_by()).distinct()
    return render(request, "shop.html", {"products": shown, "category": category, "categories": categories})


@require_safe
@framable_by_pi
def product(request: HttpRequest, slug: str) -> HttpResponse:
    found = published().filter(slug=slug).first()
    if found is None:
        return _nothing_here(request)
    return render(request, "product.html", {"product": found, "first_choice": _first_choice(found)})


def _nothing_here(request: HttpRequest) -> HttpResponse:
    """Answer with the shop's own page, even under DEBUG: Django's could not be shown in Pi's frame."""
    return not_found(request, Http404())


@require_safe
@framable_by_pi
def basket(request: HttpRequest) -> HttpResponse:
    """Show the basket, or with `?line=sku:quantity` the checkout of only that, leaving the basket alone."""
    lines = [line for line in request.GET.getlist("line") if LINE.fullmatch(line)]
    return render(request, "basket.html", {"buy_now": " ".join(lines)})


@require_safe
def add_slash(request: HttpRequest, **_kwargs: str) -> HttpResponse:
    """Redirect to the same address with a slash at its end, query included."""
    return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))


@require_safe
@framable_by_pi
def orders(request: HttpRequest) -> HttpResponse:
    return render(request, "orders.html")


@require_safe
@framable_by_pi
def order(request: HttpRequest, reference: str) -> HttpResponse:
    """Show the page around a receipt, which does not reveal whether there is such an order."""
    return render(request, "order.html", {"reference": reference})


@require_safe
@never_cache
@framable_by_pi
def download(request: HttpRequest, signed: str) -> HttpResponseBase:
    """Send the file of one paid line, or a part. The link is the proof: no token is sent, no cookie set."""
    try:
        file = file_behind(signed)
    except LinkForged:
        return _nothing_here(request)
    except LinkExpired:
        return render(request, "download_expired.html", status=410)
    except FileMissing as error:
        logger.error("%s", error)
        return render(request, "download_missing.html", status=503)
    return send_file(request, file)


# Fragments ---------------------------------------------------------------------------------------------


@require_safe
@never_cache
def basket_lines(request: HttpRequest) -> HttpResponse:
    """Show prices and stock of what the browser has in its basket. Public, like the whole catalogue."""
    wanted = read_basket(request.GET.getlist("line"), buy_now="buy" in request.GET)
    return render(request, "fragments/basket.html", {"basket": wanted})


PrivateView = Callable[..., HttpResponse]


def for_pioneers(view: PrivateView) -> PrivateView:
    """Call `view(request, pioneer, …)` for callers with our token; answer 401 to strangers."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        pioneer = pioneer_of(bearer_token(request))
        if pioneer is None:
            answer = HttpResponse("Sign in first.", status=401, content_type="text/plain")
            answer["WWW-Authenticate"] = "Bearer"
            return answer
        return view(request, pioneer, *args, **kwargs)

    return require_safe(never_cache(guarded))


@for_pioneers
def orders_list(request: HttpRequest, pioneer: Pioneer) -> HttpResponse:
    return render(request, "fragments/orders.html", {"orders": own_orders(pioneer)[:ORDERS_SHOWN]})


@for_pioneers
def order_receipt(request: HttpRequest, pioneer: Pioneer, reference: str) -> HttpResponse:
    """Show what is true about the order now; 204 if the page (`?seen=`) shows that already."""
    try:
        receipt = receipt_for(pioneer, reference)
    except Order.DoesNotExist:
        return render(request, "fragments/no_such_order.html", status=404)
    if request.GET.get("seen") == receipt.stamp:
        return HttpResponse(status=204)
    return render(request, "fragments/order.html", {"receipt": receipt})


def _first_choice(product: Product) -> Variant:
    """Return the first variant that can be bought now; of a sold-out product, simply the first."""
    variants = list(product.variants.all())
    return next((variant for variant in variants if not variant.sold_out), variants[0])
