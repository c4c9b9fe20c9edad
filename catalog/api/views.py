"""The public part of the JSON API: what is for sale, without signing in."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.pagination import PageNumberPagination

from catalog import queries
from catalog.api.serializers import ProductFilters, ProductSerializer
from catalog.models import Product


class Pages(PageNumberPagination):
    page_size = 24
    page_size_query_param = "page_size"
    max_page_size = 100


class ProductView(generics.GenericAPIView[Product]):
    # None, so that an expired token cannot hide what everybody may see.
    authentication_classes = ()
    serializer_class = ProductSerializer
    pagination_class = Pages
    lookup_field = "slug"

    def get_queryset(self) -> QuerySet[Product]:
        return queries.published()


@extend_schema_view(
    get=extend_schema(
        summary="What is for sale",
        parameters=[ProductFilters],
        responses={
            200: ProductSerializer(many=True),
            400: OpenApiResponse(description="The category or the search is invalid."),
            404: OpenApiResponse(description="There is no such page."),
            429: OpenApiResponse(description="Too often from one address; `Retry-After` says when."),
            503: OpenApiResponse(description="The shop is busy."),
        },
    )
)
class ProductList(ProductView, generics.ListAPIView[Product]):
    def get_queryset(self) -> QuerySet[Product]:
        query = ProductFilters(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        return queries.matching(super().get_queryset(), **query.validated_data)


@extend_schema_view(
    get=extend_schema(
        summary="One product",
        responses={
            200: ProductSerializer,
            404: OpenApiResponse(description="No product with this slug is for sale."),
            429: OpenApiResponse(description="Too often from one address; `Retry-After` says when."),
            503: OpenApiResponse(description="The shop is busy."),
        },
    )
)
class ProductDetail(ProductView, generics.RetrieveAPIView[Product]):
    pass
