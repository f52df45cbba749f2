"""Checks, queues and sources of breakers of the bench, written straight into the tables."""

import uuid
from collections.abc import Iterable, Mapping

from django.db import connection

from core.clock import now_ms
from core.pulse import record_pulse
from core.revision import take_revision
from entities.models import Dependency, Entity, Team
from ops.breakers.models import (
    BreakerInstance,
    BreakerSource,
    BreakerSourceState,
    BreakerTransition,
    FleetBreaker,
)
from ops.dashboard.standing import forget_fleet
from ops.dashboard.tiles import forget_tiles
from ops.errors.models import (
    ErrorCount,
    ErrorGroup,
    ErrorKey,
    ErrorRelease,
    ErrorTotal,
    ErrorUser,
    SpooledEvent,
    StoredEvent,
)
from ops.health.models import Check, CheckResult, CheckState, Heartbeat, Ping, PingKey, ResultDetail
from ops.queues.models import Queue, QueueRollup, QueueSample, QueueState
from ops.scheduling.models import Scheduled
from ops.signals.domain import Status

DAY_MS = 86_400_000
_SLOW_TO_DELETE = (
    *(QueueSample, QueueRollup, QueueState, Queue),
    *(BreakerTransition, BreakerInstance, FleetBreaker, BreakerSourceState, BreakerSource),
    *(SpooledEvent, StoredEvent, ErrorCount, ErrorTotal, ErrorUser, ErrorRelease, ErrorGroup, ErrorKey),
    *(ResultDetail, CheckResult, Ping, PingKey, Heartbeat, CheckState, Check, Dependency, Entity, Team),
)


def clear_fleet() -> None:
    forget_fleet()
    forget_tiles()
    for model in _SLOW_TO_DELETE:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")


def add_probed_checks(kind: str, config: dict[str, object], *, count: int) -> list[int]:
    """Healthy checks of one target that are due when told so; their primary keys."""
    entity, _created = Entity.objects.get_or_create(name="bench", defaults={"kind": "service"})
    rows = Check.objects.bulk_create(
        (
            Check(entity=entity, name=f"{kind}-{uuid.uuid4().hex[:12]}", kind=kind, config=config, interval_ms=DAY_MS)
            for _ in range(count)
        ),
        batch_size=1000,
    )
    CheckState.objects.bulk_create(
        (CheckState(definition=row, interval_ms=DAY_MS, timeout_ms=10_000, next_due_ms=None) for row in rows),
        batch_size=1000,
    )
    return [row.pk for row in rows]


def add_sampled_queues(kind: str, configs: Iterable[Mapping[str, object]]) -> list[int]:
    """Queues with limits that are due when told so; their primary keys."""
    entity, _created = Entity.objects.get_or_create(name="bench", defaults={"kind": "service"})
    rows = Queue.objects.bulk_create(
        (
            Queue(
                entity=entity, name=f"{kind}-{number}", kind=kind, config=config, max_size=1_000, max_age_ms=300_000,
                interval_ms=60_000,
            )
            for number, config in enumerate(configs)
        ),
        batch_size=1000,
    )  # fmt: skip
    QueueState.objects.bulk_create(
        (QueueState(definition=row, interval_ms=60_000, timeout_ms=10_000, next_due_ms=None) for row in rows),
        batch_size=1000,
    )
    return [row.pk for row in rows]


def add_scraped_pages(url: str, *, count: int) -> list[int]:
    """An entity each with one page of breakers, due when told so; the primary keys of the sources."""
    entities = Entity.objects.bulk_create(Entity(name=f"scraped-{number}", kind="service") for number in range(count))
    rows = BreakerSource.objects.bulk_create(
        BreakerSource(entity=entity, name="page", kind="scrape", config={"url": url}, interval_ms=60_000)
        for entity in entities
    )
    BreakerSourceState.objects.bulk_create(
        BreakerSourceState(source=row, interval_ms=60_000, timeout_ms=10_000, next_due_ms=None) for row in rows
    )
    return [row.pk for row in rows]


def make_due(ids: list[int], states: type[Scheduled] = CheckState) -> None:
    states._default_manager.filter(pk__gte=ids[0], pk__lte=ids[-1]).update(next_due_ms=now_ms() - 1, lease_until_ms=0)


def add_shown_fleet(checks: int) -> None:
    """One check an entity, in 20 teams; of a thousand 10 unhealthy, 10 degraded; every tenth needs another one."""
    clear_fleet()
    teams = Team.objects.bulk_create(Team(name=f"team-{number:02}") for number in range(20))
    entities = Entity.objects.bulk_create(
        (
            Entity(name=f"service-{number:05}", kind="service", team=teams[number % 20], tier=1 + number % 4)
            for number in range(checks)
        ),
        batch_size=1000,
    )
    Dependency.objects.bulk_create(
        (Dependency(entity=entities[n], depends_on=entities[n - n % 50]) for n in range(checks) if n % 50 in {1, 2, 3}),
        batch_size=1000,
    )
    rows = Check.objects.bulk_create(
        (
            Check(entity=entity, name="http", kind="http", config={"url": "https://example.com/"}, interval_ms=30_000)
            for entity in entities
        ),
        batch_size=1000,
    )
    now = now_ms()
    CheckState.objects.bulk_create((_shown_state(row, number, now) for number, row in enumerate(rows)), batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    show_signs_of_life()


def turn_last_check() -> None:
    """From healthy to unhealthy or back, as the engine would write it."""
    newest = CheckState.objects.latest("pk")
    newest.status = Status.HEALTHY if newest.status == Status.UNHEALTHY else Status.UNHEALTHY
    newest.since_ms, newest.revision = now_ms(), take_revision()
    newest.save(update_fields=["status", "since_ms", "revision"])


def show_signs_of_life() -> None:
    record_pulse("scheduler")
    record_pulse("worker")


def _shown_state(check: Check, number: int, now: int) -> CheckState:
    status, message = {0: (3, "connection refused"), 50: (2, "took 812 ms, limit 500 ms")}.get(number % 100, (0, ""))
    return CheckState(
        definition=check, interval_ms=30_000, timeout_ms=10_000, next_due_ms=now + 30_000, status=status,
        since_ms=now - 60_000 - number, fresh_until_ms=now + 3_600_000 + number, last_slot_ms=now - 1000,
        last_at_ms=now - 900, last_outcome=status, last_duration_us=12_000 + number, last_message=message,
    )  # fmt: skip


def add_heartbeat() -> uuid.UUID:
    """Its ping address."""
    entity, _created = Entity.objects.get_or_create(name="job", defaults={"kind": "job"})
    check = Check.objects.create(
        entity=entity, name="heartbeat", kind="heartbeat", config={"period": "1h", "grace": "5m"}, interval_ms=3_600_000
    )
    CheckState.objects.create(
        definition=check, interval_ms=3_600_000, timeout_ms=10_000, next_due_ms=now_ms() + 3_600_000
    )
    ping_id = uuid.uuid4()
    Heartbeat.objects.create(definition=check, ping_id=ping_id)
    return ping_id
