"""The routes of Pi's two client families, sign-in and orders (all JSON)."""

from __future__ import annotations

from django.urls import path

from payments.api import views

urlpatterns = [
    path("user/signin", views.SignIn.as_view(), name="sign-in"),
    path("user/signout", views.SignOut.as_view(), name="sign-out"),
    path("user/me", views.Me.as_view(), name="me"),
    path("api/orders/", views.Orders.as_view(), name="api-orders"),
    path("api/orders/<slug:reference>/", views.OneOrder.as_view(), name="api-order"),
    path("api/orders/<slug:reference>/cancel/", views.CancelOrder.as_view(), name="api-order-cancel"),
    path("api/orders/<slug:reference>/reopen/", views.ReopenOrder.as_view(), name="api-order-reopen"),
    # As Pi's demo frontend calls them.
    path("payments/approve", views.Approve.as_view(), name="approve"),
    path("payments/complete", views.Complete.as_view(), name="complete"),
    path("payments/cancel", views.Cancel.as_view(), name="cancel"),
    path("payments/cancelled_payment", views.Cancel.as_view()),
    path("payments/incomplete", views.Incomplete.as_view(), name="incomplete"),
    path("payments/error", views.Error.as_view(), name="error"),
    # As pi-sdk-js and pi-sdk-react call them.
    path("pi_payment/approve", views.Approve.as_view()),
    path("pi_payment/complete", views.Complete.as_view()),
    path("pi_payment/cancel", views.Cancel.as_view()),
    path("pi_payment/incomplete", views.Incomplete.as_view()),
    path("pi_payment/error", views.Error.as_view()),
]
