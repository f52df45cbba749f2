"""What a source of breakers is: the port between sampling and everything that tells of breakers.

A source is one file in this package and one registration in ``ops.breakers.sources``. One that can also act on breakers
fulfils ``Controllable``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ops.breakers.domain import NOTHING_COUNTED, Action, BreakerState, Counters
from ops.definitions.definition import Kind
from ops.probing.probe import ProbeContext

SEEN_MAX = 5_000
"""Breakers that one look reads; more of them are counted and left out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A breaker as one look saw it. ``instance`` is empty where the source tells of one instance alone."""

    name: str
    state: BreakerState
    instance: str = ""
    counters: Counters = NOTHING_COUNTED
    message: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look saw; ``left_out`` breakers had no name that could be kept, or were too many."""

    seen: Sequence[Seen]
    left_out: int = 0


class BreakerSourceKind(Kind, Protocol):
    async def look(self, config: Any, context: ProbeContext) -> Survey:
        """Look once. Raises ``ProbeFailed``; ends by itself within the context's time."""
        ...


@runtime_checkable
class Controllable(Protocol):
    def actions(self, config: Any) -> frozenset[Action]:
        """What it can do to the breakers that it tells of."""
        ...

    async def act(self, config: Any, context: ProbeContext, *, breaker: str, action: Action) -> None:
        """Do it once. Raises ``ProbeFailed``."""
        ...
