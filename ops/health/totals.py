"""What a stretch of time sums up to: results by outcome, time by state, latency. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.latency import Histogram, bucket_of, merge_into, pack, unpack
from ops.health.intervals import StateTime
from ops.signals.domain import Status

COLUMNS = ("healthy", "unknown", "degraded", "unhealthy", "known_ms", "degraded_ms", "down_ms", "latency")
"""Of a roll-up, in the order of ``Totals.columns``."""


@dataclass(slots=True)
class Totals:
    """``counts`` are results by ``Status``, ``latency`` the durations of those that were healthy or degraded."""

    counts: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    known_ms: int = 0
    degraded_ms: int = 0
    down_ms: int = 0
    latency: Histogram = field(default_factory=dict)

    @property
    def results(self) -> int:
        return sum(self.counts)

    @property
    def uptime(self) -> float | None:
        """The time not unhealthy over the time with a known status; None without any."""
        return 1 - self.down_ms / self.known_ms if self.known_ms else None

    @property
    def worst(self) -> Status | None:
        """The worst status known in that time; unknown where only results were that said nothing."""
        if self.down_ms:
            return Status.UNHEALTHY
        if self.degraded_ms:
            return Status.DEGRADED
        if self.known_ms:
            return Status.HEALTHY
        return Status.UNKNOWN if self.results else None

    def add_result(self, outcome: int, duration_us: int) -> None:
        self.counts[outcome] += 1
        if outcome in _ANSWERED:
            bucket = bucket_of(duration_us)
            self.latency[bucket] = self.latency.get(bucket, 0) + 1

    def add_time(self, time: StateTime) -> None:
        self.known_ms += time.known
        self.degraded_ms += time.degraded
        self.down_ms += time.down

    def add_columns(self, columns: Sequence[Any]) -> None:
        """Add a roll-up, as ``COLUMNS``."""
        healthy, unknown, degraded, unhealthy, known_ms, degraded_ms, down_ms, latency = columns
        for status, count in enumerate((healthy, unknown, degraded, unhealthy)):
            self.counts[status] += count
        self.known_ms += known_ms
        self.degraded_ms += degraded_ms
        self.down_ms += down_ms
        merge_into(self.latency, unpack(latency))

    def columns(self) -> tuple[Any, ...]:
        return (*self.counts, self.known_ms, self.degraded_ms, self.down_ms, pack(self.latency))


_ANSWERED = frozenset({Status.HEALTHY.value, Status.DEGRADED.value})
