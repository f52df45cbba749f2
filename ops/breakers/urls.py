from django.urls import path

from ops.breakers import views

urlpatterns = [
    path("breakers/own/<str:name>/force-open", views.own_force_open, name="own-breaker-force_open"),
    path("breakers/own/<str:name>/disable", views.own_disable, name="own-breaker-disable"),
    path("breakers/own/<str:name>/close", views.own_close, name="own-breaker-close"),
    path("breakers/own/<str:name>/reset", views.own_reset, name="own-breaker-reset"),
]
