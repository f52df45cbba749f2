"""Every change of a check's status, kept for good, and the intervals that follow from them."""

from collections.abc import Collection
from operator import itemgetter

from django.db import connection

from ops.health.check_ranges import WANTED, pack_ids, read_ranges
from ops.health.intervals import StateInterval, intervals_between
from ops.health.models import CheckState
from ops.signals.domain import Status

_TABLE = "ops_statuschange"
_BEFORE = """
SELECT wanted.check_id, (
  SELECT status FROM ops_statuschange
  WHERE check_id = wanted.check_id AND at_ms <= %(since)s ORDER BY at_ms DESC, id DESC LIMIT 1
) FROM {wanted}"""


def read_intervals(
    check_ids: Collection[int], *, since_ms: int, until_ms: int, now_ms: int
) -> dict[int, list[StateInterval]]:
    """Per check the whole range as intervals. Three queries, however many checks.

    That a check went silent is only written down when it is heard again: until then its freshness tells.
    """
    if not check_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _BEFORE.format(wanted=WANTED[connection.vendor]), {"ids": pack_ids(check_ids), "since": since_ms}
        )
        before = {check_id: Status.UNKNOWN if found is None else Status(found) for check_id, found in cursor.fetchall()}
    rows = read_ranges(
        _TABLE, ("check_id", "at_ms", "id", "status"), time="at_ms", check_ids=check_ids, since_ms=since_ms + 1,
        until_ms=until_ms,
    )  # fmt: skip
    changes: dict[int, list[tuple[int, int]]] = {}
    for check_id, at_ms, _id, status in sorted(rows, key=itemgetter(1, 2)):
        changes.setdefault(check_id, []).append((at_ms, status))
    silent = _silent_since(check_ids, now_ms)
    return {
        check_id: intervals_between(
            changes.get(check_id, ()),
            before=before[check_id],
            silent_from_ms=silent.get(check_id),
            since_ms=since_ms,
            until_ms=until_ms,
        )
        for check_id in check_ids
    }


def _silent_since(check_ids: Collection[int], now_ms: int) -> dict[int, int]:
    stale = CheckState.objects.filter(fresh_until_ms__lt=now_ms)
    if len(check_ids) <= 100:
        stale = stale.filter(pk__in=check_ids)
    return {check_id: until for check_id, until in stale.values_list("pk", "fresh_until_ms") if until is not None}
