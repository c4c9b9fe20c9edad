"""The buyer's pages and their fragments (all HTML)."""

from __future__ import annotations

from django.urls import path

from payments import pages

urlpatterns = [
    path("", pages.shop, name="shop"),
    path("c/<slug:slug>/", pages.shop, name="category"),
    path("products/<slug:slug>/", pages.product, name="product"),
    path("basket/", pages.basket, name="basket"),
    path("orders/", pages.orders, name="orders"),
    path("orders/<slug:reference>/", pages.order, name="order"),
    path("downloads/<str:signed>/", pages.download, name="download"),
    path("fragments/basket/", pages.basket_lines, name="basket-lines"),
    path("fragments/orders/", pages.orders_list, name="orders-list"),
    path("fragments/orders/<slug:reference>/", pages.order_receipt, name="order-receipt"),
]
