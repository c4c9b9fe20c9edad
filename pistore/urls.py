"""All routes. Pages for people, JSON for programs, the admin for staff, probes for machines."""

from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.http import Http404
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from pistore import probes
from pistore.log_in import log_in
from web.error_pages import not_found

schema = SpectacularAPIView.as_view()
# Asked for its OPTIONS it would look for a template of them, in vain.
docs = SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"])

urlpatterns = [
    path("", include("catalog.api.urls")),
    path("", include("payments.api.urls")),
    path("", include("storefront.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/login/", log_in),
    # Leads all staff to the address of any row, whatever they may see. No page of ours uses it.
    re_path("^admin/r/", not_found, {"exception": Http404()}),
    path("admin/", admin.site.urls),
    path("api/schema/", schema, name="schema"),
    path("api/docs/", docs, name="docs"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("validation-key.txt", probes.validation_key, name="validation-key"),
    path("pinet/meta", probes.PinetMeta.as_view(), name="pinet-meta"),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]

handler400 = "web.error_pages.bad_request"
handler403 = "web.error_pages.permission_denied"
handler404 = "web.error_pages.not_found"
handler500 = "web.error_pages.server_error"
