from django.urls import path

from ops.health import views
from ops.health.ping_views import ping_routes

urlpatterns = [
    *ping_routes,
    path("new/check", views.check_create, name="check-create"),
    path("checks/<str:uid>/edit", views.check_edit, name="check-edit"),
    path("checks/<str:uid>/delete", views.check_delete, name="check-delete"),
    path("checks/<str:uid>/run", views.check_run, name="check-run"),
    path("checks/<str:uid>/pause", views.check_pause, name="check-pause"),
    path("checks/<str:uid>/resume", views.check_resume, name="check-resume"),
]
