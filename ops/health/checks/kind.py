"""What a check kind is: the port between the engine and everything that can be probed.

A kind is one file in this package and one registration in ``ops.health.checks``.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict


class KindConfig(BaseModel):
    """The fields of one kind, as the catalogue file and the API spell them. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a probe saw, before any condition judges it.

    ``duration_us`` is the whole probe in microseconds. ``values`` maps the placeholders that conditions may name
    (``STATUS``, ``BODY``, ``IP``, ``CONNECTED``, ``CERTIFICATE_EXPIRATION`` in ms, ...) to what was seen;
    ``RESPONSE_TIME`` is derived from the duration. ``phases`` maps phases such as ``connect`` to seconds.
    """

    duration_us: int
    values: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)


class ProbeFailed(Exception):
    """The target could not be observed.

    ``phase`` is where it ended: dns, connect, tls, send, receive, timeout, refused.
    The message is shown to people: short, without the address of the stack or a traceback.
    """

    def __init__(self, phase: str, message: str, *, duration_us: int = 0) -> None:
        super().__init__(message)
        self.phase = phase
        self.message = message
        self.duration_us = duration_us


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What the engine gives to one probe: which check, its slot, and the seconds it has in all."""

    check_id: int
    slot_ms: int
    timeout_seconds: float


class CheckKind(Protocol):
    """``placeholders`` lists what conditions of this kind may name; ``addresses`` the hosts it will dial."""

    name: ClassVar[str]
    Config: ClassVar[type[KindConfig]]
    placeholders: ClassVar[frozenset[str]]

    def addresses(self, config: Any) -> list[str]: ...

    async def probe(self, config: Any, context: ProbeContext) -> Observation:
        """Observe the target once. Raises ``ProbeFailed``; ends by itself within the context's time."""
        ...
