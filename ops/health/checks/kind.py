"""What a check kind is: the port between the engine and everything that can be probed.

A kind is one file in this package and one registration in ``ops.health.checks``. Everything that a page says about it
stands on its ``Config`` (``ops.probing.config``); ``ops.health.check_fields`` draws the fields in the class's order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

from ops.definitions.definition import Kind
from ops.health.checks.expectation import Expectation
from ops.probing.probe import Observation, ProbeContext
from ops.signals.domain import Status


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """Where another check stands right now, staleness included."""

    status: Status
    message: str = ""
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class CheckContext(ProbeContext):
    """``standings`` are those of the checks that a ``MemberKind`` asked for, by their names ``entity/check``; one that
    does not exist is not among them. ``overdue_run_ms`` is when the run began whose end a kind that waits did not hear
    of in time; None when it is a sign of life that did not come.
    """

    standings: Mapping[str, MemberStanding] = MappingProxyType({})
    overdue_run_ms: int | None = None


class CheckKind(Kind, Protocol):
    """``placeholders`` lists what conditions of this kind may name; ``default_conditions`` hold when none are given."""

    placeholders: ClassVar[frozenset[str]]
    default_conditions: ClassVar[tuple[str, ...]]

    def expectation(self, config: Any) -> Expectation | None:
        """None for a kind that goes out and looks. Else the engine waits, and runs the probe when nothing came."""
        ...

    async def probe(self, config: Any, context: CheckContext) -> Observation:
        """Observe the target once. Raises ``ProbeFailed``; ends by itself within the context's time."""
        ...


@runtime_checkable
class MemberKind(CheckKind, Protocol):
    """A kind that judges by other checks. The engine reads where they stand, and passes it in the context."""

    def members(self, config: Any) -> tuple[str, ...]:
        """The checks that it looks at, each as ``entity/check``."""
        ...
