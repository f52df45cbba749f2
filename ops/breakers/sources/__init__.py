"""The sources of breakers. A new one is one file here and one registration below."""

from core.registry import Registry
from ops.breakers.sources.source import BreakerSourceKind

SOURCES: Registry[BreakerSourceKind] = Registry("breaker source")
