"""Writes of the slice: permission, rules, audit and revision, in one transaction each."""

from ops.health.services.definitions import (
    CHECK_WRITER,
    create_check,
    delete_check,
    replace_check,
    update_check,
)
from ops.health.services.lifecycle import CheckLifecycle
from ops.health.services.operations import pause_check, resume_check, run_check_now
from ops.health.services.ping_keys import create_ping_key, delete_ping_key, rotate_ping_key

__all__ = [
    "CHECK_WRITER",
    "CheckLifecycle",
    "create_check",
    "create_ping_key",
    "delete_check",
    "delete_ping_key",
    "pause_check",
    "replace_check",
    "resume_check",
    "rotate_ping_key",
    "run_check_now",
    "update_check",
]
