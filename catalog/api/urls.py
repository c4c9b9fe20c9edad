from django.urls import path

from catalog.api.views import ProductDetail, ProductList

urlpatterns = [
    path("api/products/", ProductList.as_view(), name="api-products"),
    path("api/products/<slug:slug>/", ProductDetail.as_view(), name="api-product"),
]
