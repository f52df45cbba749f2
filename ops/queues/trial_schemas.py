"""The JSON of a queue that is tried."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from ops.queues.trials import QueueTrial


class LimitTrialOut(BaseModel):
    limit: Annotated[str, Field(description="The field of the definition.")]
    shown: Annotated[str, Field(description="What was seen, and the limit.")]
    ok: Annotated[bool | None, Field(description="Null where the source does not tell what it takes to judge.")]
    degrades: Annotated[bool, Field(description="Over it the queue is degraded, not unhealthy.")]


class QueueTrialOut(BaseModel):
    """What one look led to; nothing of it is stored. Figures are null where the source cannot tell, and all of them
    when it could not be read."""

    status: Literal["healthy", "unknown", "degraded", "unhealthy"]
    message: str
    duration_ms: float
    size: int | None
    oldest_age_seconds: float | None
    consumers: int | None
    unacked: int | None
    scheduled: int | None
    dead: int | None
    added: Annotated[int | None, Field(description="Counts up since the source began, as `removed` does.")]
    removed: int | None
    parts: Annotated[dict[str, int], Field(description="Sizes within, such as of priorities or consumer groups.")]
    limits: Annotated[list[LimitTrialOut], Field(description="Those that are set, each judged for itself.")]

    @classmethod
    def of(cls, trial: QueueTrial) -> Self:
        names = ("size", "oldest_age_seconds", "consumers", "unacked", "scheduled", "dead", "added", "removed")
        return cls.model_validate(
            {
                "status": trial.status.word,
                "message": trial.message,
                "duration_ms": trial.duration_us / 1_000,
                **{name: getattr(trial.reading, name, None) for name in names},
                "parts": dict(trial.reading.parts) if trial.reading else {},
                "limits": [
                    LimitTrialOut(limit=item.field, shown=item.shown, ok=item.ok, degrades=item.degrades)
                    for item in trial.limits
                ],
            }
        )
