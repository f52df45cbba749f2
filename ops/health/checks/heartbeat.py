"""``heartbeat``: the target reports by itself, to its ping address; silence past period and grace is the failure.

The ping address takes ``/start``, ``/fail``, ``/log`` and an exit status as Healthchecks does. The engine probes a
heartbeat only when its deadline passed, so a probe always tells of silence.
"""

from typing import ClassVar

from pydantic import model_validator

from core.durations import format_duration_ms
from core.egress import Endpoint
from ops.health.checks.fields import Duration
from ops.health.checks.kind import Expectation, KindConfig, Observation, ProbeContext, ProbeFailed

_SHORTEST_PERIOD_MS = 1_000


class HeartbeatConfig(KindConfig):
    """``period`` is the time from one ping to the next, ``grace`` how late one may be, or how long a run may take."""

    period: Duration = 86_400_000
    grace: Duration = 3_600_000

    @model_validator(mode="after")
    def _not_too_short(self) -> "HeartbeatConfig":
        if self.period < _SHORTEST_PERIOD_MS or self.grace < _SHORTEST_PERIOD_MS:
            raise ValueError("period and grace are at least 1s")
        return self


class HeartbeatKind:
    name: ClassVar[str] = "heartbeat"
    Config: ClassVar[type[KindConfig]] = HeartbeatConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"RESPONSE_TIME"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: HeartbeatConfig) -> list[Endpoint]:  # noqa: ARG002 - it dials nobody
        return []

    def expectation(self, config: HeartbeatConfig) -> Expectation:
        return Expectation(period_ms=config.period, grace_ms=config.grace)

    async def probe(self, config: HeartbeatConfig, context: ProbeContext) -> Observation:  # noqa: ARG002
        period, grace = format_duration_ms(config.period), format_duration_ms(config.grace)
        raise ProbeFailed("deadline", f"no ping in time: expected one every {period}, with {grace} of grace")
