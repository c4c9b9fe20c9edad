"""What machines ask the shop: is it alive, is it ready, whose domain is it, what does a page show?"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Product
from catalog.queries import published
from payments.api.serializers import ErrorAnswer


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 whenever this process can answer at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database answers and has all migrations; 503 otherwise."""
    try:
        executor = MigrationExecutor(connection)
        behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503)
    if behind:
        return JsonResponse({"status": "migrations missing"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
def validation_key(request: HttpRequest) -> HttpResponse:
    """Answer with the bare key by which Pi's developer portal verifies the domain; 404 if none is set."""
    if not settings.PI_VALIDATION_KEY:
        raise Http404
    return HttpResponse(settings.PI_VALIDATION_KEY, content_type="text/plain")


class PinetMeta(APIView):
    """What PiNet shows when somebody shares a link to one of our pages."""

    authentication_classes = ()

    @extend_schema(
        parameters=[
            OpenApiParameter("pathname", description="The page, like /products/tea/, or all of its address.")
        ],
        responses={
            200: dict[str, Any],
            429: ErrorAnswer,
            503: OpenApiResponse(description="The shop is busy."),
        },
    )
    def get(self, request: Request) -> Response:
        """Return the PiNetMetadataDTO of the product at `pathname`; of the shop itself for any other page."""
        product = _product_at(request.query_params.get("pathname", "/"), host=request.get_host())
        if product is None:
            return Response(_metadata("pistore", "A shop that takes Pi."))
        description = " ".join(product.description.split())[:200]
        if product.picture is None:
            return Response(_metadata(product.name, description))
        image = {
            "url": request.build_absolute_uri(product.picture.image.url),
            "alt": product.picture.alt,
            "width": product.picture.width,
            "height": product.picture.height,
        }
        return Response(_metadata(product.name, description, image))


def _metadata(title: str, description: str, image: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a PiNetMetadataDTO: all optional, but `openGraph` needs a `type` and `twitter` a `card`."""
    shown: dict[str, Any] = {"title": title}
    if description:
        shown["description"] = description
    pictured = {**shown, "images": [image]} if image else shown
    return {
        **shown,
        "openGraph": {"type": "website", **pictured},
        "twitter": {"card": "summary_large_image" if image else "summary", **pictured},
    }


def _product_at(link: str, *, host: str) -> Product | None:
    """Return the published product that a link leads to: a path or an address at our own `host`.

    What people share may carry a query or a fragment, and lack the last slash.
    """
    try:
        shared = urlsplit(link)
        if shared.netloc and shared.hostname != urlsplit(f"//{host}").hostname:
            return None
        page = resolve(unquote(shared.path).removesuffix("/") + "/")
    except (ValueError, Resolver404):  # no address at all; no page of ours
        return None
    if page.url_name != "product":
        return None
    return published().filter(slug=page.kwargs["slug"]).first()
