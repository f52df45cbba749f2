"""Committing: the samples of a group become rows in one transaction, or none of them does."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import transaction

from core.revision import take_revision
from ops.journal.services import NewEntry, record_entries
from ops.probing.excerpts import MESSAGE_LENGTH, clean_text
from ops.probing.probe import ProbeFailed
from ops.queues import domain
from ops.queues.domain import Judgement
from ops.queues.engine import bulk
from ops.queues.engine.looking import sample_of
from ops.queues.models import QueueState
from ops.queues.prepared import PreparedQueue
from ops.queues.sources.source import Reading
from ops.sampling.sampler import Sample
from ops.scheduling.claim import Schedule
from ops.scheduling.freshness import fresh_until
from ops.signals.domain import Status

JOURNAL_KIND = "queue.status"
ROLLUP_MS = 300_000
_NUMBERS_SEEN = re.compile(r"[0-9.]+(?: (?:ms|s|min|h|days)\b)?")

type QueueLook = Sample[PreparedQueue, Reading]


class _Before(NamedTuple):
    """How a queue stood before the look. ``status`` is the effective one: unknown once looks stopped coming."""

    status: Status
    since_ms: int | None
    message: str
    is_silent: bool


class _Result(NamedTuple):
    look: QueueLook
    sample: domain.Sample | None
    rates: domain.Rates
    judgement: Judgement
    before: _Before

    @property
    def is_transition(self) -> bool:
        return self.judgement.status is not self.before.status

    @property
    def since_ms(self) -> int:
        since = self.before.since_ms
        return self.look.at_ms if self.is_transition or since is None else since

    def is_shown_differently(self) -> bool:
        """Whether pages must learn of it: another status, the end of a silence, or another reason for the trouble.

        Sizes change with every look; lists of queues ask for the newest sample instead.
        """
        return (
            self.is_transition or self.before.is_silent or is_other_reason(self.judgement.message, self.before.message)
        )


def is_other_reason(message: str, last_message: str) -> bool:
    """Whether two messages differ in more than what was measured."""
    return _NUMBERS_SEEN.sub("", message) != _NUMBERS_SEEN.sub("", last_message)


def commit_looks(schedule: Schedule, looks: Sequence[QueueLook]) -> None:
    """Store a group. A look whose slot was taken over meanwhile is discarded."""
    with transaction.atomic(savepoint=False):
        queue_ids = [look.source.queue_id for look in looks]
        bulk.lock_states(queue_ids)
        recent = bulk.read_recent(queue_ids)
        before = _read_before(looks)
        held = schedule.finish([(look.slot.key, look.slot.fence) for look in looks])
        results = [
            _advance(look, recent.get(look.source.queue_id, []), before[look.source.queue_id])
            for look in looks
            if look.slot.key in held
        ]
        _store(results)
        record_entries(_journal_entries(results))
        shown = [result.look.source.queue_id for result in results if result.is_shown_differently()]
        if shown:
            QueueState.objects.filter(pk__in=shown).update(revision=take_revision())


def _read_before(looks: Sequence[QueueLook]) -> dict[int, _Before]:
    at = {look.source.queue_id: look.at_ms for look in looks}
    rows = QueueState.objects.filter(pk__in=at).values_list("pk", "status", "since_ms", "message", "fresh_until_ms")
    found = {}
    for queue_id, status, since, message, until in rows:
        if until is None or until >= at[queue_id]:
            found[queue_id] = _Before(Status(status), since, message, until is None)
        else:
            stale_since = since if status == Status.UNKNOWN else until
            found[queue_id] = _Before(Status.UNKNOWN, stale_since, message, is_silent=True)
    return found


def _advance(look: QueueLook, recent: Sequence[domain.Sample], before: _Before) -> _Result:
    """A queue that cannot be read is unknown, and says why: that is no word about the queue."""
    if isinstance(look.seen, ProbeFailed):
        return _Result(look, None, domain.Rates(), Judgement(Status.UNKNOWN, clean_text(look.seen.message)), before)
    sample = sample_of(look.seen, at_ms=look.slot.slot_ms)
    judgement = domain.judge(sample, recent, look.source.limits)
    return _Result(look, sample, domain.rates([*recent, sample]), judgement, before)


def _store(results: Sequence[_Result]) -> None:
    seen = [result for result in results if result.sample is not None]
    bulk.update_states([_seen_row(result) for result in seen], seen=True)
    bulk.update_states([_standing_row(result) for result in results if result.sample is None], seen=False)
    bulk.insert_samples([_sample_row(result) for result in seen])
    bulk.join_rollups([_rollup_row(result) for result in seen])


def _standing_row(result: _Result) -> dict[str, object]:
    slot = result.look.slot
    return {
        "queue_id": result.look.source.queue_id,
        "status": result.judgement.status.value,
        "since_ms": result.since_ms,
        "message": result.judgement.message[:MESSAGE_LENGTH],
        "fresh_until_ms": fresh_until(
            next_due_ms=slot.slot_ms + slot.interval_ms, interval_ms=slot.interval_ms, timeout_ms=slot.timeout_ms
        ),
        "last_at_ms": result.look.at_ms,
        "breach_in_ms": result.judgement.breach_in_ms,
    }


def _seen_row(result: _Result) -> dict[str, object]:
    seen, sample = result.look.seen, result.sample
    assert isinstance(seen, Reading)
    assert sample is not None
    return {
        **_standing_row(result),
        "seen_at_ms": sample.at_ms,
        "size": sample.size,
        "oldest_age_ms": sample.oldest_age_ms,
        "consumers": sample.consumers,
        "unacked": seen.unacked,
        "scheduled": seen.scheduled,
        "dead": seen.dead,
        "rate_in": result.rates.in_per_second,
        "rate_out": result.rates.out_per_second,
    }


def _sample_row(result: _Result) -> dict[str, object]:
    assert result.sample is not None
    return {"queue_id": result.look.source.queue_id, **result.sample._asdict()}


def _rollup_row(result: _Result) -> dict[str, object]:
    sample = result.sample
    assert sample is not None
    return {
        "queue_id": result.look.source.queue_id,
        "start_ms": sample.at_ms // ROLLUP_MS * ROLLUP_MS,
        "samples": 1,
        "size_min": sample.size,
        "size_max": sample.size,
        "size_sum": sample.size,
        "oldest_age_max_ms": sample.oldest_age_ms,
    }


def _journal_entries(results: Iterable[_Result]) -> Iterable[NewEntry]:
    for result in results:
        if result.is_transition:
            yield NewEntry(
                entity_id=result.look.source.entity_id,
                at_ms=result.look.at_ms,
                kind=JOURNAL_KIND,
                subject=result.look.source.name,
                before=result.before.status.word,
                after=result.judgement.status.word,
                message=result.judgement.message,
            )
