from django.urls import include, path

from ops.dashboard import actions, breaker_views, error_views, queue_views, views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("search", views.search, name="search"),
    path("wall", views.wall, name="wall"),
    path("verdict", views.verdict, name="verdict"),
    path("entities", views.entity_list, name="entity-list"),
    path("entities/<str:name>", views.entity_detail, name="entity-detail"),
    path("entities/<str:name>/run", actions.run_entity, name="entity-run"),
    path("entities/<str:name>/pause", actions.pause_entity, name="entity-pause"),
    path("entities/<str:name>/resume", actions.resume_entity, name="entity-resume"),
    path("checks", views.check_list, name="check-list"),
    path("checks/<str:uid>", views.check_detail, name="check-detail"),
    path("checks/<str:uid>/latency", views.check_latency, name="check-latency"),
    path("breakers", breaker_views.breaker_list, name="breaker-list"),
    path("breakers/<str:uid>", breaker_views.breaker_detail, name="breaker-detail"),
    path("breakers/own/<str:name>", breaker_views.own_breaker_detail, name="own-breaker-detail"),
    path("queues", queue_views.queue_list, name="queue-list"),
    path("queues/<str:uid>", queue_views.queue_detail, name="queue-detail"),
    path("queues/<str:uid>/depth", queue_views.queue_depth, name="queue-depth"),
    path("queues/<str:uid>/age", queue_views.queue_age, name="queue-age"),
    path("errors", error_views.error_list, name="error-list"),
    path("errors/<str:uid>", error_views.error_detail, name="error-detail"),
    path("", include("ops.health.urls")),
    path("", include("ops.queues.urls")),
    path("", include("ops.errors.urls")),
    path("", include("ops.breakers.urls")),
]
