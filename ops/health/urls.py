from django.urls import path

from ops.health import views
from ops.health.desk import CHECK_DESK
from ops.health.ping_views import ping_routes

urlpatterns = [
    *ping_routes,
    *CHECK_DESK.routes(),
    path("entities/<str:name>/ping-key", views.entity_ping_key, name="entity-ping-key"),
    path("checks/<str:uid>/run", views.check_run, name="check-run"),
    path("checks/<str:uid>/pause", views.check_pause, name="check-pause"),
    path("checks/<str:uid>/resume", views.check_resume, name="check-resume"),
]
