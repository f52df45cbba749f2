"""The JSON of a source of breakers that is tried."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from ops.breakers.domain import BreakerState
from ops.breakers.trials import SHOWN_MAX, SourceTrial


class SeenOut(BaseModel):
    name: str
    instance: Annotated[str, Field(description="Empty where the source tells of one instance alone.")]
    state: BreakerState
    message: str


class SourceTrialOut(BaseModel):
    """What one look saw; nothing of it is stored."""

    status: Annotated[Literal["healthy", "unhealthy"], Field(description="Whether it could be read.")]
    message: Annotated[str, Field(description="Why it could not; empty when it could.")]
    duration_ms: float
    breakers: Annotated[int, Field(description="How many were seen.")]
    states: Annotated[dict[str, int], Field(description="How many of them by state, without those of none.")]
    seen: Annotated[list[SeenOut], Field(description=f"The first {SHOWN_MAX} of them.")]

    @classmethod
    def of(cls, trial: SourceTrial) -> Self:
        return cls.model_validate(
            {
                "status": trial.word,
                "message": trial.failure,
                "duration_ms": trial.duration_us / 1_000,
                "breakers": trial.count,
                "states": {state.value: count for state, count in trial.states},
                "seen": [
                    SeenOut(name=found.name, instance=found.instance, state=found.state, message=found.message)
                    for found in trial.seen
                ],
            }
        )
