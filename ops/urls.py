from django.urls import path

from ops.dashboard.views import overview

urlpatterns = [path("", overview, name="overview")]
