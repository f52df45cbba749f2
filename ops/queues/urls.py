from django.urls import path

from ops.queues import views
from ops.queues.desk import QUEUE_DESK

urlpatterns = [
    *QUEUE_DESK.routes(),
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
