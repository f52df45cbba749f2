from ops.health.ping_views import ping_routes

urlpatterns = [*ping_routes]
