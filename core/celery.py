"""The Celery application: the wake-up of the engine, never its memory.

Early acknowledgement is on purpose: a task lost with its worker is made up by the leases in the database, and late
acknowledgement makes a worker die when the broker stops while a task runs (Celery 5.7.0).
"""

import os

from celery import Celery
from django.conf import settings

from core.worker_signals import connect_worker_signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

_REDIS_TIMEOUTS = {"socket_timeout": 2, "socket_connect_timeout": 2, "socket_keepalive": True}

app = Celery("quarterdeck", amqp="core.broker:SteadyAMQP", fixups={"core.worker_fixup:install_fixup"})
app.set_default()  # in every thread, not only in the one that imports this first
app.conf.update(
    broker_url=settings.REDIS_URL.replace("unix://", "redis+socket://", 1),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={**_REDIS_TIMEOUTS, "global_keyprefix": "quarterdeck:"},
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
    task_default_queue="default",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    timezone="UTC",
    beat_scheduler="core.beat:PulsingScheduler",
    beat_max_loop_interval=1,
    beat_schedule={
        "health.tick": {"task": "health.tick", "schedule": 1.0, "options": {"expires": 2.0}},
        "breakers.tell_own_transitions": {
            "task": "breakers.tell_own_transitions",
            "schedule": 5.0,
            "options": {"expires": 5.0},
        },
        "errors.digest": {"task": "errors.digest", "schedule": 1.0, "options": {"expires": 2.0}},
        "errors.judge": {"task": "errors.judge", "schedule": 15.0, "options": {"expires": 15.0}},
        "breakers.sample": {"task": "breakers.sample", "schedule": 1.0, "options": {"expires": 2.0}},
        "breakers.prune": {"task": "breakers.prune", "schedule": 600.0, "options": {"expires": 600.0}},
        "errors.prune": {"task": "errors.prune", "schedule": 300.0, "options": {"expires": 300.0}},
        "queues.sample": {"task": "queues.sample", "schedule": 1.0, "options": {"expires": 2.0}},
        "queues.prune": {"task": "queues.prune", "schedule": 600.0, "options": {"expires": 600.0}},
        "health.roll_up": {"task": "health.roll_up", "schedule": 60.0, "options": {"expires": 60.0}},
        "health.prune_results": {"task": "health.prune_results", "schedule": 600.0, "options": {"expires": 600.0}},
    },
)
connect_worker_signals()
app.autodiscover_tasks(["ops.health", "ops.queues", "ops.breakers", "ops.errors"])
app.autodiscover_tasks(["ops.breakers"], related_name="own_tasks")
