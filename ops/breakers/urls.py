from django.urls import path

from ops.breakers import views
from ops.breakers.desk import SOURCE_DESK
from ops.breakers.domain import Action

urlpatterns = [
    *SOURCE_DESK.routes(),
    *(
        path(
            f"breakers/<str:uid>/{action.value.replace('_', '-')}",
            views.breaker_control,
            {"action": action},
            name=f"breaker-{action.value}",
        )
        for action in Action
    ),
    path("breakers/<str:uid>/delete", views.breaker_delete, name="breaker-delete"),
    path("breakers/own/<str:name>/force-open", views.own_force_open, name="own-breaker-force_open"),
    path("breakers/own/<str:name>/disable", views.own_disable, name="own-breaker-disable"),
    path("breakers/own/<str:name>/close", views.own_close, name="own-breaker-close"),
    path("breakers/own/<str:name>/reset", views.own_reset, name="own-breaker-reset"),
]
