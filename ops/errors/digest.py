"""From the spool into groups: parsed, grouped and counted in batches, each in one transaction.

A batch leaves the spool in the transaction that stores what came of it, so a crash in between changes nothing, and
two workers never take the same event.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import structlog
from django.db import connection, transaction

from core.clock import from_ms, now_ms
from core.errors import QuarterdeckError
from core.ids import uuid7_hex
from core.revision import take_revision
from core.telemetry import metrics
from entities.models import Entity
from ops.errors.domain import FINGERPRINT_VERSION, Occurrence, Standing, group_event, next_standing
from ops.errors.domain import GroupState as State
from ops.errors.envelope import parse_payload
from ops.errors.events import read_event
from ops.errors.models import ErrorGroup, SpooledEvent, StoredEvent
from ops.errors.stored_events import store_events
from ops.errors.tallies import USERS_COUNTED, ByGroup, Digested, count_entities, count_hours, note_releases, note_users
from ops.journal.services import NewEntry, record_entries

log = structlog.get_logger(__name__)

BATCH = 100
NAMES_KEPT = 20


def digest_spool(*, batches: int = 50) -> int:
    """Empty the spool, at most so many batches of it. Returns how many events were digested."""
    digested = 0
    for _ in range(batches):
        taken = _digest_batch()
        digested += taken
        if taken < BATCH:
            break
    return digested


@transaction.atomic
def _digest_batch() -> int:
    rows = _take(BATCH)
    if not rows:
        return 0
    known = set(Entity.objects.filter(pk__in={row.entity_id for row in rows}).values_list("pk", flat=True))
    events = [event for row in rows if row.entity_id in known and (event := _read(row)) is not None]
    by_group: dict[tuple[int, str], list[Digested]] = defaultdict(list)
    for digested in _without_repeats(events):
        by_group[digested.entity_id, digested.grouping.digest].append(digested)
    if by_group:
        _store(by_group)
    return len(rows)


def _take(limit: int) -> list[SpooledEvent]:
    oldest = SpooledEvent.objects.order_by("id")
    if connection.vendor == "postgresql":
        oldest = oldest.select_for_update(skip_locked=True)
    rows = list(oldest[:limit])
    SpooledEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return rows


def _read(row: SpooledEvent) -> Digested | None:
    try:
        data = parse_payload(bytes(row.payload))
    except QuarterdeckError as error:  # spooled by another release with other bounds
        log.warning("errors.event_dropped", entity_id=row.entity_id, error=error.message)
        metrics.ERROR_EVENTS.labels("dropped").inc()
        return None
    try:
        event = read_event(data, received_at=from_ms(row.received_ms), event_id=uuid7_hex())
        return Digested(row.entity_id, event, group_event(event), round(event.at.timestamp() * 1000))
    except Exception:  # one event's boundary: it must not hold up all that wait behind it
        log.exception("errors.event_not_understood", entity_id=row.entity_id)
        metrics.ERROR_EVENTS.labels("dropped").inc()
        return None


def _without_repeats(events: Sequence[Digested]) -> Iterable[Digested]:
    """An SDK that got no answer sends an event again; it counts once."""
    ids = {(digested.entity_id, digested.event.event_id) for digested in events}
    same_id = StoredEvent.objects.filter(
        entity_id__in={entity_id for entity_id, _ in ids},  # without it no index helps
        event_id__in={event_id for _, event_id in ids},
    )
    stored = set(same_id.values_list("entity_id", "event_id"))
    for digested in events:
        key = (digested.entity_id, digested.event.event_id)
        if key not in stored:
            stored.add(key)
            yield digested


def _store(by_group: ByGroup) -> None:
    releases = note_releases(by_group)
    groups = _lock_groups(by_group)
    store_events(by_group, groups)
    count_entities(by_group)
    hourly = count_hours(by_group, groups)
    new_users = note_users(by_group, groups)
    news = []
    for key, events in by_group.items():
        group = groups[key]
        if _follow(group, events, releases[key[0]], in_last_hour=hourly[group.pk]):
            news.append(group)
        group.users = min(group.users + new_users[group.pk], USERS_COUNTED)
    if news:  # more events of what is known change no other page than those of errors, which ask for themselves
        revision = take_revision()
        for group in news:
            group.revision = revision
    _save_groups(groups.values())


_GROUP_COLUMNS = (
    "title", "culprit", "level", "platform", "state", "first_seen_ms", "last_seen_ms", "events", "users",
    "releases", "environments", "resolved_in", "resolved_at_ms", "muted_until_ms", "muted_per_hour",
    "regressed_at_ms", "version", "revision",
)  # fmt: skip
_SAVE_GROUP = "UPDATE ops_errorgroup SET " + " = %s, ".join(_GROUP_COLUMNS) + " = %s WHERE id = %s"  # noqa: S608 - own names


def _save_groups(groups: Iterable[ErrorGroup]) -> None:
    """By hand: ``bulk_update`` makes an expression of each value, which takes longer than all the rest."""
    rows = [[*(_column(getattr(group, name)) for name in _GROUP_COLUMNS), group.pk] for group in groups]
    with connection.cursor() as cursor:
        cursor.executemany(_SAVE_GROUP, rows)


def _column(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list) else value


def _lock_groups(by_group: ByGroup) -> dict[tuple[int, str], ErrorGroup]:
    """The groups, made where there are none, locked in one order so that no two digesters wait for each other."""
    drafts = []
    for (entity_id, digest), events in sorted(by_group.items()):
        last = events[-1]
        drafts.append(
            ErrorGroup(
                entity_id=entity_id, digest=digest, digest_version=FINGERPRINT_VERSION,
                title=last.grouping.title, culprit=last.grouping.culprit, level=last.event.level,
                first_seen_ms=min(event.at_ms for event in events), last_seen_ms=0,
            )
        )  # fmt: skip
    ErrorGroup.objects.bulk_create(drafts, ignore_conflicts=True)
    digests = {digest for _, digest in by_group}
    rows = ErrorGroup.objects.filter(digest__in=digests, entity_id__in={key[0] for key in by_group}).order_by("id")
    if connection.vendor == "postgresql":
        rows = rows.select_for_update()
    return {key: row for row in rows if (key := (row.entity_id, row.digest)) in by_group}


def _follow(group: ErrorGroup, events: Sequence[Digested], first_seen_ms: dict[str, int], *, in_last_hour: int) -> bool:
    """Bring the group's row up to its new events. Whether it is new or changed its state."""
    is_new = group.events == 0
    last = max(events, key=lambda digested: digested.at_ms)
    group.events += len(events)
    group.first_seen_ms = min(group.first_seen_ms, *(digested.at_ms for digested in events))
    if last.at_ms >= group.last_seen_ms:
        group.last_seen_ms = last.at_ms
        group.title, group.culprit = last.grouping.title, last.grouping.culprit
        group.level, group.platform = last.event.level, last.event.platform
    group.releases = _latest([*group.releases, *(d.event.release for d in events)])
    group.environments = _latest([*group.environments, *(d.event.environment for d in events)])
    standing = Standing(
        State(group.state), group.resolved_in, group.resolved_at_ms, group.muted_until_ms, group.muted_per_hour
    )
    change = next_standing(
        standing,
        at_ms=now_ms(),
        occurrences=[Occurrence(digested.at_ms, digested.event.release) for digested in events],
        first_seen_ms=first_seen_ms,
        in_last_hour=in_last_hour,
    )
    if change.standing != standing:
        group.state, group.resolved_in = change.standing.state, change.standing.resolved_in
        group.resolved_at_ms, group.muted_until_ms = change.standing.resolved_at_ms, change.standing.muted_until_ms
        group.muted_per_hour = change.standing.muted_per_hour
        group.version += 1
    if change.is_regression:
        group.regressed_at_ms = last.at_ms
    if is_new or change.is_regression:
        _tell(group, "regressed" if change.is_regression else "new", last)
    return is_new or change.standing != standing


def _tell(group: ErrorGroup, after: str, last: Digested) -> None:
    record_entries(
        [
            NewEntry(
                entity_id=group.entity_id, at_ms=last.at_ms, kind="error.group", subject=group.title[:100],
                before="resolved" if after == "regressed" else "", after=after, message=last.event.release,
            )
        ]
    )  # fmt: skip


def _latest(names: Iterable[str]) -> list[str]:
    """Each name once, the one seen last at the end."""
    return list(dict.fromkeys(reversed([name for name in names if name])))[:NAMES_KEPT][::-1]
