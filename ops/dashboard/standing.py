"""Where the whole fleet stands, kept by each process between requests while it still holds.

Every open page and every poll that found a change needs it, and many of them come within the same second.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.models import AuditEntry
from entities.domain import Lifecycle
from entities.filters import EntityFilter
from entities.models import Entity
from entities.status import EntityStatus
from ops.dashboard.rows import Row
from ops.dashboard.severity import sort_key
from ops.statuses.changes import change_stamp, has_changed
from ops.statuses.selectors import Graph, Statuses, hard_edges, read_statuses, status_reasons

KEPT_SECONDS = 5.0
"""The measured values within a reason change without a new revision; they get no older than this."""


NEWEST_EDITS = 64
"""So many: an edit may be committed after one with a later number."""

type Edition = tuple[int, ...]
type _Members = Mapping[str, Mapping[str, Sequence[int]]]
"""By a filter's name and value the entities that have it."""
type _Columns = tuple[int, str, str, str | None, str, int]


class _Catalogue(NamedTuple):
    """Of each entity what its row says, but for its status. ``edition`` changes with every edit, as each is audited."""

    edition: Edition
    columns: Sequence[_Columns]
    members: _Members
    options: Mapping[str, Sequence[str]]
    graph: Graph


@dataclass(frozen=True, slots=True)
class Fleet:
    """``rows`` are all entities, the worst first; ``told`` and ``catalogue`` are what all of it was made from."""

    stamp: str
    read_at: float
    told: Statuses
    catalogue: _Catalogue
    rows: Sequence[Row]
    counts: Mapping[str, int]

    @property
    def statuses(self) -> Mapping[int, EntityStatus]:
        return self.told.of

    @property
    def options(self) -> Mapping[str, Sequence[str]]:
        """What a filter can be set to, in order."""
        return self.catalogue.options

    def passing(self, narrow: EntityFilter) -> AbstractSet[int] | None:
        """Those that have the team, environment, kind and labels of ``narrow``; None when it asks for none of these."""
        if narrow.is_void:
            return frozenset()
        wanted = [("team", narrow.team), ("environment", narrow.environment), ("kind", narrow.kind)]
        wanted += [("label", f"{key}:{value}") for key, value in narrow.labels.items()]
        members = self.catalogue.members
        found = [set(members[name].get(value, ())) for name, value in wanted if value]
        return set.intersection(*found) if found else None


_known: Fleet | None = None


def read_fleet() -> Fleet:
    """Read again once the revision moved or a freshness ended; what reasons say, every ``KEPT_SECONDS``."""
    global _known  # noqa: PLW0603 - replaced as a whole; at worst two threads read the same
    known, now = _known, time.monotonic()
    if known is None or has_changed(known.stamp):
        stamp = change_stamp()  # before reading, so that nothing falls between
        known = _known = _read(stamp, now, known)
    elif now - known.read_at > KEPT_SECONDS:
        known = _known = _with_new_reasons(known, now)
    return known


def recent_statuses() -> Mapping[int, EntityStatus]:
    """As they were ``KEPT_SECONDS`` ago at most: who types asks again with every letter, while a large fleet changes
    all the time."""
    known = _known
    if known is not None and time.monotonic() - known.read_at <= KEPT_SECONDS:
        return known.statuses
    return read_fleet().statuses


def forget_fleet() -> None:
    global _known  # noqa: PLW0603
    _known = None


def _read(stamp: str, now: float, known: Fleet | None) -> Fleet:
    """While the catalogue stays what it was, what stays the same is taken over from ``known``."""
    edition = _read_edition()
    if known is not None and known.catalogue.edition == edition:
        catalogue = known.catalogue
        told = read_statuses(catalogue.graph, known.told)
        rows = [_with_standing(row, told.of[row.id]) for row in known.rows]
    else:
        catalogue = _read_catalogue(edition)
        told = read_statuses(catalogue.graph)
        rows = [Row(*columns, told.of[columns[0]]) for columns in catalogue.columns]
    rows.sort(key=sort_key)
    counts = Counter(row.standing.status for row in rows)
    return Fleet(stamp, now, told, catalogue, rows, counts)


def _with_standing(row: Row, standing: EntityStatus) -> Row:
    return row if row.standing is standing else row._replace(standing=standing)


def _read_edition() -> Edition:
    return tuple(AuditEntry.objects.order_by("-id").values_list("id", flat=True)[:NEWEST_EDITS])


def _read_catalogue(edition: Edition) -> _Catalogue:
    entities = dict[int, tuple[str, bool]]()
    names = ("id", "uid", "name", "team__name", "kind", "tier", "lifecycle", "environment", "labels")
    columns: list[_Columns] = []
    members: dict[str, defaultdict[str, list[int]]] = {
        name: defaultdict(list) for name in ("team", "environment", "kind", "label")
    }
    for pk, uid, name, team, kind, tier, cycle, environment, own_labels in Entity.objects.order_by().values_list(
        *names
    ):
        columns.append((pk, uid, name, team, kind, tier))
        entities[pk] = name, cycle == Lifecycle.ACTIVE
        if team:
            members["team"][team].append(pk)
        members["environment"][environment].append(pk)
        members["kind"][kind].append(pk)
        for key, value in own_labels.items():
            members["label"][f"{key}:{value}"].append(pk)
    options = {name: sorted(having) for name, having in members.items()}
    return _Catalogue(edition, columns, members, options, Graph(entities, list(hard_edges())))


def _with_new_reasons(known: Fleet, now: float) -> Fleet:
    """No status has changed, and no order: only what was measured."""
    troubled = [pk for pk, status in known.statuses.items() if status.reasons]
    if not troubled:
        return replace(known, read_at=now)
    reasons = status_reasons(troubled)
    changed = {pk: replace(known.statuses[pk], reasons=found) for pk, found in reasons.items()}
    told = replace(known.told, of={**known.statuses, **changed})
    return replace(known, read_at=now, told=told, rows=[_with_standing(row, told.of[row.id]) for row in known.rows])
