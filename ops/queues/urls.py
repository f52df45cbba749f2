from django.urls import path

from ops.queues import form_views, views

urlpatterns = [
    path("new/queue", form_views.queue_create, name="queue-create"),
    path("new/queue/kind", form_views.queue_switch_kind, name="queue-switch-kind"),
    path("new/queue/field", form_views.queue_field, name="queue-field"),
    path("queues/<str:uid>/edit", form_views.queue_edit, name="queue-edit"),
    path("queues/<str:uid>/delete", form_views.queue_delete, name="queue-delete"),
    path("queues/<str:uid>/peek", views.queue_peek, name="queue-peek"),
    path("queues/<str:uid>/purge", views.queue_purge, name="queue-purge"),
    path("queues/<str:uid>/dead", views.queue_dead, name="queue-dead"),
    path("queues/<str:uid>/dead/retry", views.queue_dead_retry, name="queue-dead-retry"),
    path("queues/<str:uid>/dead/discard", views.queue_dead_discard, name="queue-dead-discard"),
    path("queues/<str:uid>/consumers/pause", views.queue_consumers_pause, name="queue-consumers-pause"),
    path("queues/<str:uid>/consumers/resume", views.queue_consumers_resume, name="queue-consumers-resume"),
    path("queues/<str:uid>/pause", views.queue_pause, name="queue-pause"),
    path("queues/<str:uid>/resume", views.queue_resume, name="queue-resume"),
]
