"""What machines ask of the shop: is it alive, is it ready, whose domain is it, what does a page show."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from catalog.models import Product


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: this process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready: the database answers and has all migrations; 503 otherwise."""
    try:
        executor = MigrationExecutor(connection)
        behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503)
    if behind:
        return JsonResponse({"status": "migrations missing"}, status=503)
    return JsonResponse({"status": "ok"})


@require_GET
def validation_key(request: HttpRequest) -> HttpResponse:
    """The bare key with which Pi's developer portal proves whose domain this is."""
    if not settings.PI_VALIDATION_KEY:
        raise Http404
    return HttpResponse(settings.PI_VALIDATION_KEY, content_type="text/plain")


@require_GET
def pinet_meta(request: HttpRequest) -> HttpResponse:
    """PiNetMetadataDTO of the page at `pathname`: what PiNet shows when somebody shares a link to it."""
    path = request.GET.get("pathname", "/")
    title, description, image = "pistore", "A shop that takes Pi.", ""
    product = _product_at(path)
    if product is not None:
        title, description = product.name, " ".join(product.description.split())[:200]
        picture = product.pictures.first()
        image = request.build_absolute_uri(picture.image.url) if picture else ""
    graph: dict[str, Any] = {"title": title, "description": description, "type": "website"}
    if image:
        graph["images"] = [{"url": image}]
    return JsonResponse({"title": title, "description": description, "openGraph": graph})


def _product_at(path: str) -> Product | None:
    prefix, _, slug = path.strip("/").partition("/")
    if prefix != "products" or "\x00" in slug:
        return None
    return Product.objects.filter(published=True, slug=slug).first()
