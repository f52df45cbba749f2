"""Queues made ready to be looked at: validated once for each version, secrets opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from core.secrets import open_sealed
from core.text import STORED
from core.validation import field_errors
from ops.queues.definition import limits_of
from ops.queues.domain import Limits
from ops.queues.models import Queue
from ops.queues.sources import SOURCES
from ops.queues.sources.source import QueueSource
from ops.scheduling.claim import Slot

_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class PreparedQueue:
    """``defect`` says why a stored definition cannot be read, such as a source whose plugin is gone."""

    queue_id: int
    entity_id: int
    name: str
    limits: Limits
    source: QueueSource | None = None
    config: Any = None
    defect: str = ""


def prepare_queue(queue: Queue) -> PreparedQueue:
    """Never raises for a stored definition: what is wrong becomes its ``defect``."""
    source, config, defect = SOURCES.get(queue.kind), None, ""
    if source is None:
        defect = f"there is no queue source {queue.kind}"
    else:
        try:
            config = source.Config.model_validate(queue.config, context={"open": open_sealed, STORED: True})
        except ValidationError as error:
            defect = str(field_errors(error)[0])
    return PreparedQueue(queue.pk, queue.entity_id, queue.name, limits_of(queue), source, config, defect)


class PreparedQueues:
    """A cache by (queue, version), for one thread."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], PreparedQueue] = {}

    def of(self, slots: Sequence[Slot]) -> Mapping[int, PreparedQueue]:
        """By the key of the slot, whose ``rest`` is the version; a queue that is gone is left out."""
        missing = [slot.key for slot in slots if (slot.key, slot.rest[0]) not in self._known]
        if missing:
            if len(self._known) + len(missing) > _LIMIT:
                self._known.clear()
            for queue in Queue.objects.filter(pk__in=missing):
                self._known[queue.pk, queue.version] = prepare_queue(queue)
        found = {slot.key: self._known.get((slot.key, slot.rest[0])) for slot in slots}
        return {key: queue for key, queue in found.items() if queue is not None}
