from django.urls import path

from ops.breakers import form_views, views
from ops.breakers.domain import Action

urlpatterns = [
    path("new/breaker-source", form_views.source_create, name="breaker-source-create"),
    path("new/breaker-source/kind", form_views.source_switch_kind, name="breaker-source-switch-kind"),
    path("new/breaker-source/field", form_views.source_field, name="breaker-source-field"),
    path("new/breaker-source/try", form_views.source_try, name="breaker-source-try"),
    path("breaker-sources/<str:uid>/edit", form_views.source_edit, name="breaker-source-edit"),
    path("breaker-sources/<str:uid>/delete", form_views.source_delete, name="breaker-source-delete"),
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
