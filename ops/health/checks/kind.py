"""What a check kind is: the port between the engine and everything that can be probed.

A kind is one file in this package and one registration in ``ops.health.checks``. Everything that a page says about it
stands in that file, on its ``Config``:

- ``presentation`` says what the kind is called, what it does, how it is drawn and what a new check of it starts with;
- of each field ``title`` is the label, ``description`` the help below it, the first of ``examples`` the placeholder;
- ``json_schema_extra={"advanced": True}`` folds a field away, ``{"multiline": True}`` gives a text several lines.

The control follows from the type: ``Duration``, ``bool``, ``Literal``, whole numbers, lists, mappings, ``Secret``,
anything else as text. ``ops.health.check_form`` draws them in the order of the class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from core.egress import AddressPolicy, Endpoint
from core.redaction import redact
from core.secrets import MASK, mask_sealed
from ops.health.checks.expectation import Expectation
from ops.health.domain import Status

MAX_IN_FLIGHT = 800
"""Probes that a process runs at once; what a kind shares between its probes is sized to it."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """``glyph`` is the path of a 16 by 16 drawing in lines; ``summary`` one sentence.

    ``suggested`` are values of common fields that a new check starts with in the form, ``conditions`` examples of them.
    A kind that ``waits`` never goes out: it has no rhythm of its own and cannot be tried.
    """

    title: str = ""
    summary: str = ""
    glyph: str = "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Zm-2 5.6 1.4 1.4 2.7-3"
    suggested: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    waits: bool = False


class KindConfig(BaseModel):
    """The fields of one kind, as the catalogue file and the API spell them. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    presentation: ClassVar[Presentation] = Presentation()

    @classmethod
    def masked(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of this kind, any of them, as those may read them who may not edit: without secrets.

        A kind whose fields can hold secrets under a plain name hides these too. Values may be of any shape.
        """
        shown = mask_sealed(dict(fields))
        return {name: MASK if value == MASK else redact(value, name) for name, value in shown.items()}


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

    ``phase`` is where it ended: dns, connect, tls, send, receive, timeout, refused, deadline, members.
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
class MemberStanding:
    """Where another check stands right now, staleness included."""

    status: Status
    message: str = ""
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What the engine gives to one probe.

    ``timeout_seconds`` is all the time it has, ``policy`` judges every address before it is dialled, ``traceparent``
    is the W3C header to pass on where the protocol can carry it. ``standings`` are those of the checks that a
    ``MemberKind`` asked for, by their names ``entity/check``; one that does not exist is not among them.
    """

    timeout_seconds: float
    policy: AddressPolicy
    traceparent: str = ""
    standings: Mapping[str, MemberStanding] = MappingProxyType({})


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


@runtime_checkable
class MemberKind(CheckKind, Protocol):
    """A kind that judges by other checks. The engine reads where they stand, and passes it in the context."""

    def members(self, config: Any) -> tuple[str, ...]:
        """The checks that it looks at, each as ``entity/check``."""
        ...
