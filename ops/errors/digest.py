"""From the spool into groups: parsed, grouped and counted in batches, each in one transaction.

A batch leaves the spool in the transaction that stores what came of it, so a crash in between changes nothing, and
two workers never take the same event.
"""

import hashlib
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from ops.errors.domain import FINGERPRINT_VERSION, Grouping, Standing, group_event, next_standing
from ops.errors.domain import GroupState as State
from ops.errors.envelope import parse_payload
from ops.errors.events import ErrorEvent, read_event
from ops.errors.models import ErrorCount, ErrorGroup, ErrorRelease, ErrorUser, SpooledEvent, StoredEvent
from ops.journal.services import NewEntry, record_entries

log = structlog.get_logger(__name__)

BATCH = 100
HOUR_MS = 3_600_000
NAMES_KEPT = 20
USERS_COUNTED = 1_000
"""Of one group; beyond it the count stands still."""


@dataclass(frozen=True, slots=True)
class _Digested:
    entity_id: int
    event: ErrorEvent
    grouping: Grouping
    at_ms: int


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
    by_group: dict[tuple[int, str], list[_Digested]] = defaultdict(list)
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


def _read(row: SpooledEvent) -> _Digested | None:
    try:
        data = parse_payload(bytes(row.payload))
    except QuarterdeckError as error:  # spooled by another release with other bounds
        log.warning("errors.event_dropped", entity_id=row.entity_id, error=error.message)
        metrics.ERROR_EVENTS.labels("dropped").inc()
        return None
    event = read_event(data, received_at=from_ms(row.received_ms), event_id=uuid7_hex())
    return _Digested(row.entity_id, event, group_event(event), round(event.at.timestamp() * 1000))


def _without_repeats(events: Sequence[_Digested]) -> Iterable[_Digested]:
    """An SDK that got no answer sends an event again; it counts once."""
    ids = {(digested.entity_id, digested.event.event_id) for digested in events}
    stored = set(
        StoredEvent.objects.filter(event_id__in={event_id for _, event_id in ids}).values_list("entity_id", "event_id")
    )
    for digested in events:
        key = (digested.entity_id, digested.event.event_id)
        if key not in stored:
            stored.add(key)
            yield digested


def _store(by_group: dict[tuple[int, str], list[_Digested]]) -> None:
    releases = _note_releases(by_group)
    groups = _lock_groups(by_group)
    _store_events(by_group, groups)
    _count_entities(by_group)
    hourly = _count_hours(by_group, groups)
    new_users = _note_users(by_group, groups)
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


def _lock_groups(by_group: dict[tuple[int, str], list[_Digested]]) -> dict[tuple[int, str], ErrorGroup]:
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


def _follow(
    group: ErrorGroup, events: Sequence[_Digested], first_seen_ms: dict[str, int], *, in_last_hour: int
) -> bool:
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
        releases={digested.event.release for digested in events},
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


def _tell(group: ErrorGroup, after: str, last: _Digested) -> None:
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


_STORE_EVENT = """
INSERT INTO ops_storedevent (group_id, entity_id, event_id, at_ms, release, environment, trace_id, size, data)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""


def _store_events(by_group: dict[tuple[int, str], list[_Digested]], groups: dict[tuple[int, str], ErrorGroup]) -> None:
    rows: list[list[Any]] = []
    for key, events in by_group.items():
        for digested in events:
            event = digested.event
            data = zlib.compress(orjson.dumps(event), 1)
            rows.append(
                [
                    groups[key].pk, digested.entity_id, event.event_id, digested.at_ms, event.release,
                    event.environment, event.trace_id, len(data), data,
                ]
            )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(_STORE_EVENT, rows)
    metrics.ERROR_EVENTS.labels("stored").inc(len(rows))


_COUNT = """
INSERT INTO ops_errorcount (group_id, hour_ms, events) VALUES (%s, %s, %s)
ON CONFLICT (group_id, hour_ms) DO UPDATE SET events = ops_errorcount.events + excluded.events"""


_COUNT_ENTITY = """
INSERT INTO ops_errortotal (entity_id, events) VALUES (%s, %s)
ON CONFLICT (entity_id) DO UPDATE SET events = ops_errortotal.events + excluded.events"""


def _count_entities(by_group: dict[tuple[int, str], list[_Digested]]) -> None:
    counts: Counter[int] = Counter()
    for (entity_id, _), events in by_group.items():
        counts[entity_id] += len(events)
    with connection.cursor() as cursor:
        cursor.executemany(_COUNT_ENTITY, sorted(counts.items()))


def _count_hours(
    by_group: dict[tuple[int, str], list[_Digested]], groups: dict[tuple[int, str], ErrorGroup]
) -> Counter[int]:
    """Add to the hours of each group. Returns what the running hour of each holds now."""
    counts: Counter[tuple[int, int]] = Counter()
    for key, events in by_group.items():
        for digested in events:
            counts[groups[key].pk, digested.at_ms - digested.at_ms % HOUR_MS] += 1
    with connection.cursor() as cursor:
        cursor.executemany(_COUNT, [(group, hour, number) for (group, hour), number in sorted(counts.items())])
    now = now_ms()
    running = ErrorCount.objects.filter(
        group_id__in=[group.pk for group in groups.values()], hour_ms=now - now % HOUR_MS
    )
    return Counter(dict(running.values_list("group_id", "events")))


def _note_users(
    by_group: dict[tuple[int, str], list[_Digested]], groups: dict[tuple[int, str], ErrorGroup]
) -> Counter[int]:
    """How many people each group meets for the first time."""
    seen = {
        (groups[key].pk, _hash_user(digested.event.user))
        for key, events in by_group.items()
        if groups[key].users < USERS_COUNTED
        for digested in events
        if digested.event.user
    }
    if not seen:
        return Counter()
    known = set(
        ErrorUser.objects.filter(
            group_id__in={group for group, _ in seen}, user_hash__in={user for _, user in seen}
        ).values_list("group_id", "user_hash")
    )
    new = sorted(seen - known)
    ErrorUser.objects.bulk_create([ErrorUser(group_id=group, user_hash=user) for group, user in new])
    return Counter(group for group, _ in new)


def _hash_user(user: str) -> int:
    return int.from_bytes(hashlib.blake2b(user.encode(), digest_size=8).digest(), signed=True)


def _note_releases(by_group: dict[tuple[int, str], list[_Digested]]) -> dict[int, dict[str, int]]:
    """When each release of the entities was first seen, those of this batch included."""
    first: dict[tuple[int, str], int] = {}
    for (entity_id, _), events in by_group.items():
        for digested in events:
            if release := digested.event.release:
                key = (entity_id, release)
                first[key] = min(first.get(key, digested.at_ms), digested.at_ms)
    ErrorRelease.objects.bulk_create(
        [ErrorRelease(entity_id=entity, name=name, first_seen_ms=at) for (entity, name), at in sorted(first.items())],
        ignore_conflicts=True,
    )
    known: dict[int, dict[str, int]] = defaultdict(dict)
    rows = ErrorRelease.objects.filter(entity_id__in={entity for entity, _ in by_group})
    for entity, name, at in rows.values_list("entity_id", "name", "first_seen_ms"):
        known[entity][name] = at
    return known


def read_stored(data: bytes) -> dict[str, object]:
    """The fields of ``ErrorEvent`` as ``_store_events`` kept them."""
    found: dict[str, object] = orjson.loads(zlib.decompress(data))
    return found
