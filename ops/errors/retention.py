"""What is kept of errors: bounded by age, number and bytes for each entity, and by number for each group.

Groups and releases are bounded too, because whoever knows a DSN can make up new ones with every event.
"""

from django.db import connection, transaction
from django.db.models import Model

from core.clock import now_ms
from ops.errors.models import ErrorCount, ErrorGroup, ErrorRelease, ErrorUser, SpooledEvent, StoredEvent

EVENTS_PER_GROUP = 100
EVENTS_PER_ENTITY = 5_000
BYTES_PER_ENTITY = 64 * 1024 * 1024
GROUPS_PER_ENTITY = 2_000
RELEASES_PER_ENTITY = 500
GROUPS_KEPT_MS = 180 * 86_400_000
KEPT_MS = 30 * 86_400_000
COUNTS_KEPT_MS = 90 * 86_400_000
SPOOL_KEPT_MS = 86_400_000
_STEP = 5_000

# Newest first, so that what is over a bound is the oldest.
_OVER_GROUP = """
SELECT id FROM (
  SELECT id, row_number() OVER (PARTITION BY group_id ORDER BY id DESC) AS place FROM ops_storedevent
) AS ranked WHERE place > %s LIMIT %s"""
_OVER_ENTITY = """
SELECT id FROM (
  SELECT id, row_number() OVER newest AS place, sum(size) OVER newest AS bytes FROM ops_storedevent
  WINDOW newest AS (PARTITION BY entity_id ORDER BY id DESC)
) AS ranked WHERE place > %s OR bytes > %s LIMIT %s"""
_TOO_MANY = """
SELECT id FROM (
  SELECT id, row_number() OVER (PARTITION BY entity_id ORDER BY {order} DESC, id DESC) AS place FROM {table}
) AS ranked WHERE place > %s LIMIT %s"""
_GONE = "NOT EXISTS (SELECT 1 FROM ops_errorgroup WHERE ops_errorgroup.id = group_id)"


def prune_errors() -> int:
    """Delete what is over the bounds; what an entity had in all stays counted. Returns how many events went."""
    now = now_ms()
    groups = _TOO_MANY.format(order="last_seen_ms", table="ops_errorgroup")
    _delete(ErrorGroup, groups, [GROUPS_PER_ENTITY])
    ErrorGroup.objects.filter(last_seen_ms__lt=now - GROUPS_KEPT_MS).delete()
    _delete(ErrorRelease, _TOO_MANY.format(order="first_seen_ms", table="ops_errorrelease"), [RELEASES_PER_ENTITY])
    gone = _delete(StoredEvent, _OVER_GROUP, [EVENTS_PER_GROUP]) + _delete(
        StoredEvent, _OVER_ENTITY, [EVENTS_PER_ENTITY, BYTES_PER_ENTITY]
    )
    gone += StoredEvent.objects.filter(at_ms__lt=now - KEPT_MS).delete()[0]
    ErrorCount.objects.filter(hour_ms__lt=now - COUNTS_KEPT_MS).delete()
    SpooledEvent.objects.filter(received_ms__lt=now - SPOOL_KEPT_MS).delete()
    with connection.cursor() as cursor:
        for model in (ErrorCount, ErrorUser):
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {_GONE}")  # noqa: S608, SLF001 - own names
    return gone


def _delete(model: type[Model], query: str, bounds: list[int]) -> int:
    total = 0
    while True:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(query, [*bounds, _STEP])
                ids = [row[0] for row in cursor.fetchall()]
            total += model._default_manager.filter(pk__in=ids).delete()[0]  # noqa: SLF001 - Django's name for it
        if len(ids) < _STEP:
            return total
