"""``heartbeat``: the target reports by itself, to its ping address; silence past period and grace is the failure.

The ping address takes ``/start``, ``/fail``, ``/log`` and an exit status as Healthchecks does. The engine probes a
heartbeat only when its deadline passed, so a probe always tells of silence.
"""

from typing import Annotated, ClassVar

from core.durations import format_duration_ms
from core.egress import Endpoint
from ops.health.checks.fields import Duration, between
from ops.health.checks.kind import Expectation, KindConfig, Observation, ProbeContext, ProbeFailed

BOUNDS_MS = (1_000, 400 * 86_400_000)
"""Of period and grace: a yearly job, and a month for it to be late."""


class HeartbeatConfig(KindConfig):
    """``period`` is the time from one ping to the next, ``grace`` how late one may be, or how long a run may take."""

    period: Annotated[Duration, between(BOUNDS_MS)] = 86_400_000
    grace: Annotated[Duration, between(BOUNDS_MS)] = 3_600_000


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
