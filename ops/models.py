"""The tables of all slices, gathered for Django."""

from ops.errors.models import (
    ErrorCount,
    ErrorGroup,
    ErrorKey,
    ErrorRelease,
    ErrorTotal,
    ErrorUser,
    SpooledEvent,
    StoredEvent,
)
from ops.health.models import (
    Check,
    CheckResult,
    CheckState,
    DailyRollup,
    FineRollup,
    Heartbeat,
    HourlyRollup,
    ResultDetail,
    RollupProgress,
    StatusChange,
)
from ops.journal.models import JournalEntry
from ops.queues.models import Queue, QueueRollup, QueueSample, QueueState

__all__ = [
    "Check",
    "CheckResult",
    "CheckState",
    "DailyRollup",
    "ErrorCount",
    "ErrorGroup",
    "ErrorKey",
    "ErrorRelease",
    "ErrorTotal",
    "ErrorUser",
    "FineRollup",
    "Heartbeat",
    "HourlyRollup",
    "JournalEntry",
    "Queue",
    "QueueRollup",
    "QueueSample",
    "QueueState",
    "ResultDetail",
    "RollupProgress",
    "SpooledEvent",
    "StatusChange",
    "StoredEvent",
]
