"""The sources of queues. A new one is one file here and one registration below."""

from core.registry import Registry
from ops.queues.sources.source import QueueSource

SOURCES: Registry[QueueSource] = Registry("queue source")
