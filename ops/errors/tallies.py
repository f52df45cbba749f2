"""What is counted of events: by hour, by entity, by person, by release."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

from core.clock import now_ms
from ops.errors.domain import HOUR_MS, Grouping
from ops.errors.events import ErrorEvent
from ops.errors.models import ErrorCount, ErrorGroup, ErrorRelease, ErrorUser

USERS_COUNTED = 1_000
"""Of one group; beyond it the count stands still."""


@dataclass(frozen=True, slots=True)
class Digested:
    entity_id: int
    event: ErrorEvent
    grouping: Grouping
    at_ms: int


type ByGroup = Mapping[tuple[int, str], Sequence[Digested]]
"""The new events of each group, which is an entity's id and a digest."""

_COUNT = """
INSERT INTO ops_errorcount (group_id, hour_ms, events) VALUES (%s, %s, %s)
ON CONFLICT (group_id, hour_ms) DO UPDATE SET events = ops_errorcount.events + excluded.events"""


_COUNT_ENTITY = """
INSERT INTO ops_errortotal (entity_id, events) VALUES (%s, %s)
ON CONFLICT (entity_id) DO UPDATE SET events = ops_errortotal.events + excluded.events"""


def count_entities(by_group: ByGroup) -> None:
    counts: Counter[int] = Counter()
    for (entity_id, _), events in by_group.items():
        counts[entity_id] += len(events)
    with connection.cursor() as cursor:
        cursor.executemany(_COUNT_ENTITY, sorted(counts.items()))


def count_hours(by_group: ByGroup, groups: Mapping[tuple[int, str], ErrorGroup]) -> Counter[int]:
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


def note_users(by_group: ByGroup, groups: Mapping[tuple[int, str], ErrorGroup]) -> Counter[int]:
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


def note_releases(by_group: ByGroup) -> dict[int, dict[str, int]]:
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
