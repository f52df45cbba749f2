"""Looking at the sources of breakers: what one look saw becomes news of its instances."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core.egress import Endpoint
from ops.breakers.definition import running_config
from ops.breakers.domain import Sighting
from ops.breakers.models import MESSAGE_MAX, BreakerSource, BreakerSourceState
from ops.breakers.sources.source import BreakerSourceKind, Survey
from ops.breakers.store import News, ensure_breakers, place_news
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.sampling.sampler import Sample
from ops.scheduling.claim import Schedule, Slot

SCHEDULE = Schedule(table="ops_breakersourcestate", key="source_id")
MARGIN_MS = 10_000
"""How much later than expected the news of a source may come before its breakers are unknown."""
_NOTED = ("last_at_ms", "failure", "breakers", "left_out")


@dataclass(frozen=True, slots=True)
class ReadySource:
    """A source ready to be looked at; ``defect`` says why a stored one cannot be."""

    id: int
    entity_id: int
    instance: str
    kind_name: str
    kind: BreakerSourceKind | None = None
    config: Any = None
    defect: str = ""


type BreakerSample = Sample[ReadySource, Survey]


def target_of(source: ReadySource) -> Endpoint | None:
    return None if source.kind is None else next(iter(source.kind.targets(source.config)), None)


class BreakerSampling:
    """What the ``Sampler`` needs to know of breakers."""

    name = "breakers"
    schedule = SCHEDULE

    def load(self, slots: Sequence[Slot]) -> Mapping[int, ReadySource]:
        return {row.pk: _ready(row) for row in BreakerSource.objects.filter(pk__in=[slot.key for slot in slots])}

    async def look(self, source: ReadySource, context: ProbeContext) -> Survey:
        """Raises ``ProbeFailed``."""
        if source.kind is None:
            raise ProbeFailed("refused", source.defect)
        return await source.kind.look(source.config, context)

    def commit(self, samples: Sequence[BreakerSample]) -> None:
        news = {sample.slot.key: _news(sample) for sample in samples}
        now_ms = max(sample.at_ms for sample in samples)
        with transaction.atomic():
            # The catalogue is locked before the rows of sources, and these before breakers, as services do.
            ensure_breakers([item for items in news.values() for item in items], now_ms=now_ms)
            states = BreakerSourceState.objects.select_for_update(no_key=True).filter(pk__in=news).order_by("pk")
            rows = {row.pk: row for row in states}
            held = SCHEDULE.finish([(sample.slot.key, sample.slot.fence) for sample in samples])
            admitted = [item for key in held for item in news[key]]
            complete = {sample.slot.key for sample in samples if sample.slot.key in held and _is_complete(sample)}
            placed = place_news(admitted, now_ms=now_ms, complete=complete)
            over_limit = Counter(admitted[index].source_id for index in placed.taken.over_limit)
            noted = [sample for sample in samples if sample.slot.key in held and sample.slot.key in rows]
            for sample in noted:
                _note(rows[sample.slot.key], sample, over_limit[sample.slot.key])
            BreakerSourceState.objects.bulk_create(
                [rows[sample.slot.key] for sample in noted],
                update_conflicts=True,
                unique_fields=["source"],
                update_fields=_NOTED,
            )
            placed.write()


def _ready(row: BreakerSource) -> ReadySource:
    try:
        kind, config = running_config(row)
    except ValueError as error:
        return ReadySource(row.pk, row.entity_id, row.instance, row.kind, defect=str(error))
    return ReadySource(row.pk, row.entity_id, row.instance, row.kind, kind, config)


def _news(sample: BreakerSample) -> list[News]:
    survey, source, slot = sample.seen, sample.source, sample.slot
    if isinstance(survey, ProbeFailed):
        return []
    fresh_until = sample.at_ms + 2 * slot.interval_ms + slot.timeout_ms + MARGIN_MS
    return [
        News(
            source.entity_id,
            source.kind_name,
            Sighting(
                breaker=seen.name,
                instance=seen.instance or source.instance,
                state=seen.state,
                at_ms=sample.at_ms,
                fresh_until_ms=fresh_until,
                counters=seen.counters,
                message=seen.message,
            ),
            source.id,
        )
        for seen in survey.seen
    ]


def _is_complete(sample: BreakerSample) -> bool:
    """Whether what it did not see is gone: a program that started again has only the breakers that it called since."""
    return isinstance(sample.seen, Survey) and not sample.seen.left_out


def _note(row: BreakerSourceState, sample: BreakerSample, over_limit: int) -> None:
    """A look that failed leaves what is known of breakers as it is: it grows stale by itself."""
    survey, row.last_at_ms = sample.seen, sample.at_ms
    if isinstance(survey, ProbeFailed):
        row.failure = "".join(letter if letter.isprintable() else " " for letter in survey.message)[:MESSAGE_MAX]
    else:
        row.failure, row.breakers, row.left_out = "", len(survey.seen), survey.left_out + over_limit
