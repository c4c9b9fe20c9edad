"""The buyer's pages and their fragments (all HTML)."""

from __future__ import annotations

from django.urls import path

from storefront import views

pages = [
    path("", views.shop, name="shop"),
    path("c/<slug:slug>/", views.shop, name="category"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("basket/", views.basket, name="basket"),
    path("orders/", views.orders, name="orders"),
    path("orders/<slug:reference>/", views.order, name="order"),
]

urlpatterns = [
    *pages,
    # The same addresses as people type them. APPEND_SLASH stays off: the API has addresses without one.
    *(path(str(page.pattern).removesuffix("/"), views.add_slash) for page in pages if str(page.pattern)),
    path("downloads/<str:signed>/", views.download, name="download"),
    path("fragments/basket/", views.basket_lines, name="basket-lines"),
    path("fragments/orders/", views.orders_list, name="orders-list"),
    path("fragments/orders/<slug:reference>/", views.order_receipt, name="order-receipt"),
]
