"""``heartbeat``: the target reports by itself, to its ping address; silence past its time and grace is the failure.

The ping address takes ``/start``, ``/fail``, ``/log`` and an exit status as Healthchecks does. The engine probes a
heartbeat only when its deadline passed, so a probe always tells of silence: of a run that did not end, or of a
ping that did not come.
"""

from functools import cache
from typing import Annotated, ClassVar, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from core.clock import from_ms
from core.durations import describe_duration_ms
from core.egress import Endpoint
from core.text import Line
from core.validation import wrong_field
from ops.health.checks.expectation import Expectation, cron_period_ms
from ops.health.checks.kind import CheckContext
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Duration, between
from ops.probing.probe import Observation, ProbeFailed

BOUNDS_MS = (1_000, 400 * 86_400_000)
"""Of period and grace: a yearly job, and a month for it to be late."""

DAY_MS = PERIOD_MS = 86_400_000
CRON_FIELDS = 5


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check_cron(value: str) -> str:
    cron = " ".join(value.split())
    if len(cron.split()) != CRON_FIELDS:
        raise ValueError("expected five fields: minute, hour, day of the month, month, day of the week")
    if cron_period_ms(cron, "UTC") > BOUNDS_MS[1]:
        raise ValueError("comes less than once a year")
    return cron


def _check_timezone(value: str) -> str:
    if value not in _timezones():
        raise ValueError("expected a time zone such as UTC or Europe/Berlin")
    return value


Cron = Annotated[Line, Field(max_length=100), AfterValidator(_check_cron)]
Timezone = Annotated[Line, Field(max_length=64), AfterValidator(_check_timezone)]


class HeartbeatConfig(KindConfig):
    """``period`` is the time from one ping to the next, ``grace`` how late one may be, or how long a run may take.

    ``cron`` takes the place of the period: one ping for each of its times in ``timezone``.
    """

    presentation: ClassVar[Presentation] = Presentation(
        title="Heartbeat",
        summary="Waits for a sign of life that the job itself sends, as a request to its ping address.",
        glyph="M1.5 8.5H5l1.6-5 2.8 9 1.6-4h3.5",
        waits=True,
    )
    meaningless: ClassVar[frozenset[str]] = frozenset({"interval", "retry_interval", "timeout"})

    period: Annotated[Duration, between(BOUNDS_MS)] = Field(
        PERIOD_MS,
        title="Period",
        description="Time from one ping to the next.",
        examples=["12h"],
    )
    grace: Annotated[Duration, between(BOUNDS_MS)] = Field(
        3_600_000,
        title="Grace",
        description="How late a ping may be before the check fails.",
        examples=["30m"],
    )
    cron: Cron | None = Field(
        None,
        title="Cron",
        description="Minute, hour, day, month, weekday. Instead of the period.",
        examples=["30 2 * * 1-5"],
        json_schema_extra={"advanced": True},
    )
    timezone: Timezone = Field(
        "UTC",
        title="Time zone",
        description="Of the cron expression.",
        examples=["Europe/Berlin"],
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _has_one_rhythm(self) -> Self:
        if self.cron is not None and self.period != PERIOD_MS:
            raise wrong_field("cron", "give a period or a cron expression, not both")
        return self


class HeartbeatKind:
    name: ClassVar[str] = "heartbeat"
    Config: ClassVar[type[KindConfig]] = HeartbeatConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"RESPONSE_TIME"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: HeartbeatConfig) -> list[Endpoint]:  # noqa: ARG002 - it dials nobody
        return []

    def expectation(self, config: HeartbeatConfig) -> Expectation:
        if config.cron is None:
            return Expectation(config.period, config.grace)
        return Expectation(cron_period_ms(config.cron, config.timezone), config.grace, config.cron, config.timezone)

    async def probe(self, config: HeartbeatConfig, context: CheckContext) -> Observation:
        grace = describe_duration_ms(config.grace)
        if (began := context.overdue_run_ms) is not None:
            is_same_day = began // DAY_MS == (began + config.grace) // DAY_MS
            at = from_ms(began).strftime("%H:%M:%S" if is_same_day else "%d %b, %H:%M:%S")
            raise ProbeFailed("deadline", f"the run that began at {at} UTC did not end within {grace}")
        often = f"every {describe_duration_ms(config.period)}"
        if config.cron is not None:
            often = f"at {config.cron} {config.timezone}"
        raise ProbeFailed("deadline", f"no ping in time: expected one {often}, with {grace} of grace")
