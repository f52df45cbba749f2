"""Writes of the slice: permission, rules, audit and revision, in one transaction each."""

from ops.queues.services.definitions import (
    QUEUE_WRITER,
    create_queue,
    delete_queue,
    pause_queue,
    replace_queue,
    resume_queue,
    update_queue,
)
from ops.queues.services.lifecycle import QueueLifecycle
from ops.queues.services.messages import (
    PEEK_MAX,
    ShownMessage,
    Swept,
    discard_all_dead,
    discard_dead,
    pause_consumers,
    peek,
    peek_dead,
    purge,
    resume_consumers,
    retry_all_dead,
    retry_dead,
)

__all__ = [
    "PEEK_MAX",
    "QUEUE_WRITER",
    "QueueLifecycle",
    "ShownMessage",
    "Swept",
    "create_queue",
    "delete_queue",
    "discard_all_dead",
    "discard_dead",
    "pause_consumers",
    "pause_queue",
    "peek",
    "peek_dead",
    "purge",
    "replace_queue",
    "resume_consumers",
    "resume_queue",
    "retry_all_dead",
    "retry_dead",
    "update_queue",
]
