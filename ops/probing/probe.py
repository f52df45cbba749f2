"""One look at a target: what it is given, and what comes of it."""

from dataclasses import dataclass, field
from typing import Any

from core.egress import AddressPolicy
from ops.signals.domain import Status

MAX_IN_FLIGHT = 800
"""Probes that a process runs at once; what they share is sized to it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the kind itself makes of what it saw. ``phase`` is one of ``ProbeFailed``, or ``body`` or ``value``."""

    outcome: Status
    message: str
    phase: str


@dataclass(slots=True)
class Observation:
    """What a probe saw, before any condition judges it.

    ``duration_us`` is the whole probe in microseconds. ``values`` maps the placeholders that conditions may name
    (``STATUS``, ``BODY``, ``IP``, ``CONNECTED``, ``CERTIFICATE_EXPIRATION`` in ms from now, ...) to what was seen;
    ``RESPONSE_TIME`` is derived from the duration. ``phases`` maps phases such as ``connect`` to seconds. A
    ``finding`` counts beside the conditions: the worse of both is the outcome.
    ``excerpt`` is what a failed result may keep of the answer; unless given, the beginning of ``BODY``. The engine cuts
    and redacts it.
    """

    duration_us: int
    values: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    finding: Finding | None = None
    excerpt: bytes | str = ""


class ProbeFailed(Exception):
    """The target could not be observed, or not as it should be.

    ``phase`` is where it ended: dns, connect, tls, send, receive, timeout, refused, deadline, members, circuit; or
    defect, of a definition that cannot be run, and crash, of the probe itself.
    The message is shown to people: short, without the address of the stack or a traceback. ``outcome`` is what it
    means for the check; unknown where the probe knows that it cannot know, and shows at once. ``excerpt`` is as in
    ``Observation``.
    """

    def __init__(
        self,
        phase: str,
        message: str,
        *,
        duration_us: int = 0,
        outcome: Status = Status.UNHEALTHY,
        excerpt: bytes | str = "",
    ) -> None:
        super().__init__(message)
        self.excerpt = excerpt
        self.phase = phase
        self.message = message
        self.duration_us = duration_us
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What one probe is given.

    ``timeout_seconds`` is all the time it has, ``policy`` judges every address before it is dialled, ``traceparent``
    is the W3C header to pass on where the protocol can carry it.
    """

    timeout_seconds: float
    policy: AddressPolicy
    traceparent: str = ""
