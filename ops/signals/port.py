"""What a slice tells of entities, for whoever joins them (``ops.statuses``)."""

from collections.abc import Collection, Iterable
from typing import ClassVar, Protocol

from ops.signals.domain import Reason, Told


class SignalSource(Protocol):
    """``now_ms`` is the clock of the database: what is stale by it is unknown.

    ``went_stale`` is the SQL of a query that finds something when a freshness ended from ``%(seen)s`` on and before
    ``{now}``; empty for a slice whose signals never go stale.
    """

    went_stale: ClassVar[str]

    def told(self, now_ms: int) -> Iterable[Told]:
        """Of every entity of which the slice has something that counts, healthy ones included."""
        ...

    def reasons(self, entity_ids: Collection[int] | None, now_ms: int) -> Iterable[Reason]:
        """Everything that counts and is not healthy, the worst first; None: of all entities."""
        ...
