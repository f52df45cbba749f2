"""Root of the addresses."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from core.account import account_password
from core.api import api
from core.api_docs import docs_page, openapi_json
from core.endpoints import favicon, healthz, metrics, prometheus_targets, readyz
from core.permissions import public
from core.problems import handle_error
from core.sign_in import SignInView

urlpatterns = [
    path("", include("entities.urls")),
    path("", include("ops.urls")),
    path("login", public(SignInView.as_view()), name="login"),
    path("logout", public(LogoutView.as_view()), name="logout"),
    path("account/password", account_password, name="account-password"),
    path("favicon.ico", favicon, name="favicon"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("sd/prometheus", prometheus_targets, name="prometheus_targets"),
    path("api/v1/openapi.json", openapi_json, name="openapi-json"),
    path("api/v1/docs", docs_page, name="api-docs"),
    path("api/v1/", api.urls),
    # Before the admin's own forms, which count no tries and audit nothing.
    path("admin/login/", public(RedirectView.as_view(pattern_name="login", query_string=True))),
    path("admin/password_change/", public(RedirectView.as_view(pattern_name="account-password"))),
    path("admin/", admin.site.urls),
]

handler400 = handler403 = handler404 = handler500 = handle_error
