"""Writes of breakers: reports of programs, sources, and what operators do to breakers."""

from ops.breakers.services.control import ControlOutcome, control_breaker
from ops.breakers.services.lifecycle import BreakerLifecycle
from ops.breakers.services.removal import delete_breaker
from ops.breakers.services.reporting import take_reports
from ops.breakers.services.sources import (
    SOURCE_WRITER,
    create_source,
    delete_source,
    replace_source,
    update_source,
)

__all__ = [
    "SOURCE_WRITER",
    "BreakerLifecycle",
    "ControlOutcome",
    "control_breaker",
    "create_source",
    "delete_breaker",
    "delete_source",
    "replace_source",
    "take_reports",
    "update_source",
]
