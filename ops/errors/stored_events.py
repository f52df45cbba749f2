"""How an event of a group is kept: the fields of ``ErrorEvent`` as compressed JSON."""

import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from django.db import connection

from core.telemetry import metrics
from ops.errors.models import ErrorGroup
from ops.errors.tallies import ByGroup

_STORE_EVENT = """
INSERT INTO ops_storedevent (group_id, entity_id, event_id, at_ms, release, environment, trace_id, size, data)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""


def store_events(by_group: ByGroup, groups: Mapping[tuple[int, str], ErrorGroup]) -> None:
    rows: list[list[Any]] = []
    for key, events in by_group.items():
        for digested in events:
            event = digested.event
            data = zlib.compress(orjson.dumps(event.as_kept()), 1)
            rows.append(
                [
                    groups[key].pk, digested.entity_id, event.event_id, digested.at_ms, event.release,
                    event.environment, event.trace_id, len(data), data,
                ]
            )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(_STORE_EVENT, rows)
    metrics.ERROR_EVENTS.labels("stored").inc(len(rows))


def read_stored(data: bytes) -> dict[str, object]:
    """The fields of ``ErrorEvent`` as ``store_events`` kept them."""
    found: dict[str, object] = orjson.loads(zlib.decompress(data))
    return found
