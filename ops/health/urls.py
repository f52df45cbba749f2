from django.urls import path

from ops.health import form_views, views
from ops.health.ping_views import ping_routes

urlpatterns = [
    *ping_routes,
    path("new/check", form_views.check_create, name="check-create"),
    path("new/check/kind", form_views.check_switch_kind, name="check-switch-kind"),
    path("new/check/field", form_views.check_field, name="check-field"),
    path("new/check/try", form_views.check_try, name="check-try"),
    path("entities/<str:name>/ping-key", views.entity_ping_key, name="entity-ping-key"),
    path("checks/<str:uid>/edit", form_views.check_edit, name="check-edit"),
    path("checks/<str:uid>/delete", views.check_delete, name="check-delete"),
    path("checks/<str:uid>/run", views.check_run, name="check-run"),
    path("checks/<str:uid>/pause", views.check_pause, name="check-pause"),
    path("checks/<str:uid>/resume", views.check_resume, name="check-resume"),
]
