"""The tables of all slices, gathered for Django."""

from ops.health.models import Check, CheckResult, CheckState, Heartbeat, ResultDetail
from ops.journal.models import JournalEntry

__all__ = ["Check", "CheckResult", "CheckState", "Heartbeat", "JournalEntry", "ResultDetail"]
