from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from orders import answers

from . import documents, health, pages
from .api_document import ApiDocumentView

# Below /api/ every error is a problem in JSON.
handler400 = answers.handler400
handler404 = answers.handler404
handler500 = answers.handler500

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="test-page")),
    path(
        "test-concurrent-orders",
        pages.test_page,
        name="test-page",
    ),
    # Browsers ask here when an answer names no icon of its own, as JSON cannot.
    path(
        "favicon.ico",
        RedirectView.as_view(url=f"{settings.STATIC_URL}orders/icon.svg"),
    ),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("api/schema/", ApiDocumentView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(template_name="api-docs.html"),
        name="docs",
    ),
    path("api/asyncapi.json", documents.sockets_document, name="sockets-document"),
    path("api/docs/sockets/", documents.sockets_page, name="sockets-docs"),
    path("", include("orders.urls")),
    path("admin/", admin.site.urls),
]
