"""Root of the addresses."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from core.api import api
from core.api_docs import docs_page, openapi_json
from core.endpoints import healthz, metrics, prometheus_targets, readyz
from core.permissions import public
from core.problems import handle_error

urlpatterns = [
    path("", include("entities.urls")),
    path("", include("ops.urls")),
    path("login", public(LoginView.as_view(template_name="login.html")), name="login"),
    path("logout", public(LogoutView.as_view()), name="logout"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("sd/prometheus", prometheus_targets, name="prometheus_targets"),
    path("api/v1/openapi.json", openapi_json, name="openapi-json"),
    path("api/v1/docs", docs_page, name="api-docs"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]

handler400 = handler403 = handler404 = handler500 = handle_error
