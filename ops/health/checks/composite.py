"""``composite``: other checks, all or any or at least so many of them, are healthy.

It reads where they stand and dials nobody. A member that is missing, paused or stale is unknown, and so is the
composite unless the others decide it already.
"""

import re
from collections import Counter
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from core.egress import Endpoint
from core.text import Line
from entities.domain import NAME_RULE, is_name
from ops.health.checks.kind import CheckContext, MemberStanding
from ops.probing.config import KindConfig, Presentation
from ops.probing.probe import Observation, ProbeFailed
from ops.signals.domain import Status

MEMBERS_MAX = 50
_NAMED_IN_MESSAGES = 5


def _check_member(value: str) -> str:
    entity, slash, check = value.partition("/")
    if not slash:
        raise ValueError("expected entity/check, such as payments-api/http")
    if not is_name(entity) or not is_name(check):
        raise ValueError(f"both names must be {NAME_RULE}")
    return value


type Member = Annotated[Line, AfterValidator(_check_member)]


class CompositeConfig(KindConfig):
    """``need`` says how many of ``members`` must be healthy: all, any, or a number of them."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Composite",
        summary="Judges by other checks: all, any or so many of them are healthy.",
        glyph="M3 3h4v4H3Zm6 0h4v4H9ZM3 9h4v4H3Zm6 0h4v4H9Z",
        suggested={"interval": "30s"},
        dials=False,
    )
    meaningless: ClassVar[frozenset[str]] = frozenset({"timeout", "degraded_above"})

    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=MEMBERS_MAX)] = Field(
        title="Checks", description="One a line, as entity/check.", examples=["payments-db/tcp"]
    )
    need: Literal["all", "any"] | Annotated[int, Field(ge=1, le=MEMBERS_MAX, strict=True)] = Field(
        "all", title="How many must be healthy", description="all, any, or a number."
    )

    @field_validator("members")
    @classmethod
    def _refuse_twice(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [name for name, count in Counter(value).items() if count > 1]:
            raise ValueError(f"{twice[0]} is named twice")
        return value

    @field_validator("need", mode="before")
    @classmethod
    def _read_need(cls, value: object) -> object:
        """One error, where a union would have one of each kind."""
        if isinstance(value, str):
            if value in {"all", "any"}:
                return value
            value = int(value) if re.fullmatch("[0-9]{1,6}", value) else value
        if type(value) is int and 1 <= value <= MEMBERS_MAX:
            return value
        raise ValueError(f"expected all, any or a number from 1 to {MEMBERS_MAX}")

    @field_validator("need")
    @classmethod
    def _refuse_too_many(cls, value: str | int, info: ValidationInfo) -> str | int:
        members = info.data.get("members", ())
        if isinstance(value, int) and members and value > len(members):
            raise ValueError(f"more than its {len(members)} members")
        return value

    @property
    def needed(self) -> int:
        if isinstance(self.need, int):
            return self.need
        return len(self.members) if self.need == "all" else 1


class CompositeKind:
    name: ClassVar[str] = "composite"
    Config: ClassVar[type[KindConfig]] = CompositeConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"MEMBERS", "HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: CompositeConfig) -> list[Endpoint]:  # noqa: ARG002 - it dials nobody
        return []

    def expectation(self, config: CompositeConfig) -> None:  # noqa: ARG002 - it looks by itself
        return None

    def members(self, config: CompositeConfig) -> tuple[str, ...]:
        return config.members

    async def probe(self, config: CompositeConfig, context: CheckContext) -> Observation:
        missing = MemberStanding(Status.UNKNOWN, "does not exist")
        standings = {name: context.standings.get(name, missing) for name in config.members}
        count = Counter(standing.status for standing in standings.values())
        status = _decide(count, needed=config.needed)
        if status is not Status.HEALTHY:
            raise ProbeFailed("members", _explain(standings, count, config), outcome=status)
        values = {item.name: count[item] for item in Status}
        return Observation(duration_us=0, values={"MEMBERS": len(config.members), **values})


def _decide(count: Counter[Status], *, needed: int) -> Status:
    """By what is known: unknown members matter only where they could make the difference between up and down."""
    up = count[Status.HEALTHY] + count[Status.DEGRADED]
    if count[Status.HEALTHY] >= needed:
        return Status.HEALTHY
    if up >= needed:
        return Status.DEGRADED
    return Status.UNKNOWN if up + count[Status.UNKNOWN] >= needed else Status.UNHEALTHY


def _explain(standings: dict[str, MemberStanding], count: Counter[Status], config: CompositeConfig) -> str:
    """``1 of 3 healthy, 2 needed: db/tcp unhealthy (connection refused); ...``, the worst members first."""
    troubled = sorted(
        ((name, standing) for name, standing in standings.items() if standing.status is not Status.HEALTHY),
        key=lambda item: -item[1].status,
    )
    named = [_describe(name, standing) for name, standing in troubled[:_NAMED_IN_MESSAGES]]
    if others := len(troubled) - len(named):
        named.append(f"and {others} more")
    return f"{count[Status.HEALTHY]} of {len(standings)} healthy, {config.needed} needed: {'; '.join(named)}"


def _describe(name: str, standing: MemberStanding) -> str:
    return f"{name} {standing.status.word}" + (f" ({standing.message[:80]})" if standing.message else "")
