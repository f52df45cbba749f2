from django.urls import include, path

from ops.dashboard.views import overview

urlpatterns = [path("", overview, name="overview"), path("", include("ops.health.urls"))]
