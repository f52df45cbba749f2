from django.urls import path

from ops.errors import views
from ops.errors.ingest_views import ingest_routes

urlpatterns = [
    *ingest_routes,
    path("errors/<str:uid>/resolve", views.error_resolve, name="error-resolve"),
    path("errors/<str:uid>/reopen", views.error_reopen, name="error-reopen"),
    path("errors/<str:uid>/mute", views.error_mute, name="error-mute"),
    path("errors/<str:uid>/assign", views.error_assign, name="error-assign"),
    path("entities/<str:name>/dsns", views.dsn_create, name="dsn-create"),
    path("entities/<str:name>/dsns/<int:number>/revoke", views.dsn_revoke, name="dsn-revoke"),
]
