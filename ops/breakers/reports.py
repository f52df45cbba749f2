"""What programs report of their breakers: one item of a batch, judged by itself."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from core.clock import to_ms
from core.text import Line
from ops.breakers.domain import COUNT_MAX, BreakerState, Counters, Sighting
from ops.breakers.models import INSTANCE_MAX, MESSAGE_MAX, NAME_MAX
from ops.probing.fields import Duration, between

BATCH_MAX = 500
EARLIEST, LATEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
TTL_MS = (5_000, 86_400_000)
TTL_DEFAULT_MS = 60_000
AHEAD_MS_MAX = 60_000
"""How far the clock of a program may be ahead: what comes from the future would outlast all that comes after it."""

Count = Annotated[int, Field(ge=0, le=COUNT_MAX, strict=True)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Word = Literal["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"]


class Report(BaseModel):
    """How one instance of a breaker stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: Annotated[Line, Field(min_length=1, max_length=64, description="Id or name.")]
    breaker: Annotated[Line, Field(min_length=1, max_length=NAME_MAX)]
    instance: Annotated[Line, Field(max_length=INSTANCE_MAX, description="Such as the host and process.")] = ""
    state: Word
    at: Annotated[AwareDatetime | None, Field(description="When it stood so; left out, now.")] = None
    sequence: Annotated[Count, Field(description="Tells reports of the same moment apart.")] = 0
    ttl: Annotated[
        Duration, between(TTL_MS), Field(description="Without another report for so long, it is unknown.")
    ] = TTL_DEFAULT_MS
    since: Annotated[AwareDatetime | None, Field(description="When it entered the state.")] = None
    next_half_open_at: AwareDatetime | None = None
    calls: Annotated[Count | None, Field(description="A counter that only rises, as the next two.")] = None
    failures: Count | None = None
    not_permitted: Count | None = None
    buffered: Annotated[Count | None, Field(description="Calls in the sliding window.")] = None
    slow: Annotated[Count | None, Field(description="Slow ones among them.")] = None
    failure_rate: Annotated[Percent | None, Field(description="Of the window, in percent.")] = None
    slow_rate: Percent | None = None
    message: Annotated[Line, Field(max_length=MESSAGE_MAX)] = ""

    @field_validator("at", "since", "next_half_open_at")
    @classmethod
    def _of_our_time(cls, value: dt.datetime | None) -> dt.datetime | None:
        if value is not None and not EARLIEST <= value <= LATEST:
            raise ValueError(f"must be {EARLIEST:%Y} to {LATEST:%Y}")
        return value

    def sighting(self, now_ms: int, *, place: int = 0) -> Sighting:
        """As it is taken at ``now_ms``; believed from when it was made, so that a late one does not last longer.

        ``place`` orders those of a batch that do not say when they were made.
        """
        at_ms = now_ms if self.at is None else to_ms(self.at)
        return Sighting(
            breaker=self.breaker,
            instance=self.instance,
            state=BreakerState(self.state),
            at_ms=at_ms,
            fresh_until_ms=min(at_ms, now_ms) + self.ttl,
            sequence=self.sequence or (place if self.at is None else 0),
            since_ms=None if self.since is None else min(to_ms(self.since), at_ms),
            next_half_open_ms=None if self.next_half_open_at is None else to_ms(self.next_half_open_at),
            counters=Counters(
                calls=self.calls,
                failures=self.failures,
                slow=self.slow,
                not_permitted=self.not_permitted,
                buffered=self.buffered,
                failure_share=_share(self.failure_rate),
                slow_share=_share(self.slow_rate),
            ),
            message=self.message,
        )


@dataclass(frozen=True, slots=True, order=True)
class ReportError:
    """Why an item was refused: ``code`` is ``invalid``, ``unknown_entity``, ``future`` or ``over_limit``."""

    index: int
    code: Literal["invalid", "unknown_entity", "future", "over_limit"]
    field: str
    message: str


class ReportOutcome(NamedTuple):
    """What became of a batch: each item is one of these, or among ``errors``."""

    accepted: int
    repeated: int
    older: int
    errors: tuple[ReportError, ...]


type RawReports = Iterable[Mapping[str, Any]]


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
