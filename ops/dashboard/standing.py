"""Where the whole fleet stands, kept by each process between requests while it still holds.

Every open page and every poll that found a change needs it, and many of them come within the same second.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.models import AuditEntry
from entities.models import Entity
from entities.status import UNKNOWN, EntityStatus
from ops.dashboard.rows import Row
from ops.dashboard.severity import sort_key
from ops.statuses.changes import change_stamp, has_changed
from ops.statuses.selectors import entity_statuses, status_reasons

KEPT_SECONDS = 5.0
"""The measured values within a reason change without a new revision; they get no older than this."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """``rows`` are all entities, the worst first; ``options`` what a filter can be set to, in order."""

    stamp: str
    read_at: float
    statuses: Mapping[int, EntityStatus]
    rows: Sequence[Row]
    counts: Mapping[str, int]
    options: Mapping[str, Sequence[str]]


type _Columns = tuple[int, str, str, str | None, str, int]


class _Catalogue(NamedTuple):
    """Of each entity what its row says, but for its status. ``edition`` is the number of the last audit entry."""

    edition: int
    columns: Sequence[_Columns]
    options: Mapping[str, Sequence[str]]


_known: Fleet | None = None
_catalogue: _Catalogue | None = None


def read_fleet() -> Fleet:
    """Read again once the revision moved or a freshness ended; what reasons say, every ``KEPT_SECONDS``."""
    global _known  # noqa: PLW0603 - replaced as a whole; at worst two threads read the same
    known, now = _known, time.monotonic()
    if known is None or has_changed(known.stamp):
        stamp = change_stamp()  # before reading, so that nothing falls between
        known = _known = _read(stamp, now)
    elif now - known.read_at > KEPT_SECONDS:
        known = _known = _with_new_reasons(known, now)
    return known


def all_statuses() -> Mapping[int, EntityStatus]:
    return read_fleet().statuses


def recent_statuses() -> Mapping[int, EntityStatus]:
    """As they were ``KEPT_SECONDS`` ago at most: who types asks again with every letter, while a large fleet changes
    all the time."""
    known = _known
    if known is not None and time.monotonic() - known.read_at <= KEPT_SECONDS:
        return known.statuses
    return read_fleet().statuses


def forget_fleet() -> None:
    global _known, _catalogue  # noqa: PLW0603
    _known = _catalogue = None


def _read(stamp: str, now: float) -> Fleet:
    statuses, catalogue = entity_statuses(None), _read_catalogue()
    rows = [Row(*columns, statuses.get(columns[0], UNKNOWN)) for columns in catalogue.columns]
    rows.sort(key=sort_key)
    counts = Counter(row.standing.status for row in rows)
    return Fleet(stamp, now, statuses, rows, counts, catalogue.options)


def _read_catalogue() -> _Catalogue:
    """Every edit is audited: without a new entry the catalogue is what it was."""
    global _catalogue  # noqa: PLW0603 - replaced as a whole
    edition = AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    if _catalogue is not None and _catalogue.edition == edition:
        return _catalogue
    names = ("id", "uid", "name", "team__name", "kind", "tier", "environment", "labels")
    columns: list[_Columns] = []
    teams, kinds, environments, labels = set[str | None](), set[str](), set[str](), set[str]()
    for pk, uid, name, team, kind, tier, environment, own_labels in Entity.objects.order_by().values_list(*names):
        columns.append((pk, uid, name, team, kind, tier))
        teams.add(team)
        kinds.add(kind)
        environments.add(environment)
        if own_labels:
            labels.update(f"{key}:{value}" for key, value in own_labels.items())
    options = {
        "team": sorted(team for team in teams if team),
        "environment": sorted(environments),
        "kind": sorted(kinds),
        "label": sorted(labels),
    }
    _catalogue = _Catalogue(edition, columns, options)
    return _catalogue


def _with_new_reasons(known: Fleet, now: float) -> Fleet:
    """No status has changed, and no order: only what was measured."""
    troubled = [pk for pk, status in known.statuses.items() if status.reasons]
    if not troubled:
        return replace(known, read_at=now)
    reasons = status_reasons(troubled)
    changed = {pk: replace(known.statuses[pk], reasons=found) for pk, found in reasons.items() if pk in known.statuses}
    rows = [row._replace(standing=changed[row.id]) if row.id in changed else row for row in known.rows]
    return replace(known, read_at=now, statuses={**known.statuses, **changed}, rows=rows)
