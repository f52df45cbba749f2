from django.urls import include, path

from ops.dashboard import actions, views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("entities", views.entity_list, name="entity-list"),
    path("entities/<str:name>", views.entity_detail, name="entity-detail"),
    path("entities/<str:name>/run", actions.run_entity, name="entity-run"),
    path("entities/<str:name>/pause", actions.pause_entity, name="entity-pause"),
    path("entities/<str:name>/resume", actions.resume_entity, name="entity-resume"),
    path("checks", views.check_list, name="check-list"),
    path("checks/<str:uid>", views.check_detail, name="check-detail"),
    path("", include("ops.health.urls")),
]
