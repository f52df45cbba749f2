"""What a check kind is: the port between the engine and everything that can be probed.

A kind is one file in this package and one registration in ``ops.health.checks``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from core.egress import AddressPolicy, Endpoint
from core.telemetry.logging import redact

MAX_IN_FLIGHT = 800
"""Probes that a process runs at once; what a kind shares between its probes is sized to it."""


class KindConfig(BaseModel):
    """The fields of one kind, as the catalogue file and the API spell them. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def masked(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of this kind, any of them, as those may read them who may not edit: without secrets.

        A kind whose fields can hold secrets under a plain name hides these too. Values may be of any shape.
        """
        return {name: redact(value, name) for name, value in fields.items()}


@dataclass(frozen=True, slots=True)
class Observation:
    """What a probe saw, before any condition judges it.

    ``duration_us`` is the whole probe in microseconds. ``values`` maps the placeholders that conditions may name
    (``STATUS``, ``BODY``, ``IP``, ``CONNECTED``, ``CERTIFICATE_EXPIRATION`` in ms from now, ...) to what was seen;
    ``RESPONSE_TIME`` is derived from the duration. ``phases`` maps phases such as ``connect`` to seconds.
    """

    duration_us: int
    values: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)


class ProbeFailed(Exception):
    """The target could not be observed.

    ``phase`` is where it ended: dns, connect, tls, send, receive, timeout, refused, deadline.
    The message is shown to people: short, without the address of the stack or a traceback.
    """

    def __init__(self, phase: str, message: str, *, duration_us: int = 0) -> None:
        super().__init__(message)
        self.phase = phase
        self.message = message
        self.duration_us = duration_us


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What the engine gives to one probe.

    ``timeout_seconds`` is all the time it has, ``policy`` judges every address before it is dialled, ``traceparent``
    is the W3C header to pass on where the protocol can carry it.
    """

    timeout_seconds: float
    policy: AddressPolicy
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A sign of life that the target sends by itself, once in ``period_ms`` and at most ``grace_ms`` late."""

    period_ms: int
    grace_ms: int


class CheckKind(Protocol):
    """``placeholders`` lists what conditions of this kind may name; ``default_conditions`` hold when none are given."""

    name: ClassVar[str]
    Config: ClassVar[type[KindConfig]]
    placeholders: ClassVar[frozenset[str]]
    default_conditions: ClassVar[tuple[str, ...]]

    def targets(self, config: Any) -> list[Endpoint]:
        """Whom it will dial; services ask the address policy about each before they save."""
        ...

    def expectation(self, config: Any) -> Expectation | None:
        """None for a kind that goes out and looks. Else the engine waits, and runs the probe when nothing came."""
        ...

    async def probe(self, config: Any, context: ProbeContext) -> Observation:
        """Observe the target once. Raises ``ProbeFailed``; ends by itself within the context's time."""
        ...
