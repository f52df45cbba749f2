"""Writes of breakers: reports of programs, sources, and what operators do to breakers."""

from ops.breakers.services.control import ControlOutcome, control_breaker
from ops.breakers.services.encryption import encrypt_source_secrets
from ops.breakers.services.lifecycle import BreakerLifecycle
from ops.breakers.services.removal import delete_breaker
from ops.breakers.services.reporting import take_reports
from ops.breakers.services.sources import (
    SourceVersion,
    create_source,
    delete_source,
    replace_source,
    save_sources,
    update_source,
)

__all__ = [
    "BreakerLifecycle",
    "ControlOutcome",
    "SourceVersion",
    "control_breaker",
    "create_source",
    "delete_breaker",
    "delete_source",
    "encrypt_source_secrets",
    "replace_source",
    "save_sources",
    "take_reports",
    "update_source",
]
