"""The tables of all slices, gathered for Django."""

from ops.breakers.models import (
    BreakerInstance,
    BreakerSource,
    BreakerSourceState,
    BreakerTransition,
    FleetBreaker,
)
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
    "BreakerInstance",
    "BreakerSource",
    "BreakerSourceState",
    "BreakerTransition",
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
    "FleetBreaker",
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
