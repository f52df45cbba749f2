"""The sources of breakers. A new one is one file here and one registration below."""

from core.registry import Registry
from ops.breakers.sources.actuator import ActuatorSource
from ops.breakers.sources.scrape import ScrapeSource
from ops.breakers.sources.source import BreakerSourceKind


def register_source(source: BreakerSourceKind) -> None:
    SOURCES.register(source.name, source)


SOURCES: Registry[BreakerSourceKind] = Registry("breaker source")
register_source(ScrapeSource())
register_source(ActuatorSource())
