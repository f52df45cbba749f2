"""What checks that judge by other checks look at: where these stand, and who looks at whom."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from core.clock import database_now_ms
from ops.health.checks import KINDS
from ops.health.checks.kind import MemberKind, MemberStanding
from ops.health.models import Check
from ops.health.selectors import effective
from ops.signals.domain import PAUSED_SEVERITY, Status


def member_standings(names: Collection[str]) -> Mapping[str, MemberStanding]:
    """Of the checks with these names, ``entity/check``, as pages show them; one that does not exist is left out.

    A paused check is unknown. One query, and none without names.
    """
    if not names:
        return {}
    now = database_now_ms()
    entities, checks = zip(*(name.split("/", 1) for name in names), strict=True)
    rows = (
        Check.objects.filter(entity__name__in=set(entities), name__in=set(checks))
        .annotate(severity=effective.severity(now))
        .order_by()
        .values_list("entity__name", "name", "severity", "state__fresh_until_ms", "state__last_message", named=True)
    )
    found = {}
    for row in rows:
        is_paused, fresh_until = row.severity == PAUSED_SEVERITY, row.state__fresh_until_ms
        message = effective.reason(
            is_paused=is_paused,
            is_stale=fresh_until is not None and fresh_until < now,
            fresh_until_ms=fresh_until,
            message=row.state__last_message or "",
        )
        status = Status.UNKNOWN if is_paused else Status(row.severity)
        found[f"{row.entity__name}/{row.name}"] = MemberStanding(status, message, is_paused)
    return {name: found[name] for name in names if name in found}


def find_member_cycle(starts: Iterable[str]) -> tuple[str, ...]:
    """The way from one of the checks ``starts`` (``entity/check``) over members back to itself; empty when there is
    none. One query, and none without starts."""
    if not (waiting := list(starts)):
        return ()
    members = _members_by_name()
    return next((way for start in waiting if (way := _find_way_back(start, members))), ())


def names_with_members(entity_id: int) -> list[str]:
    """The names of the entity's checks that judge by others."""
    return list(Check.objects.filter(entity_id=entity_id, kind__in=_member_kinds()).values_list("name", flat=True))


def _find_way_back(start: str, members: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop(0)
        for member in members.get(name, ()):
            if member == start:
                return _way_back(came_from, start, name)
            if member not in came_from:
                came_from[member] = name
                waiting.append(member)
    return ()


def _member_kinds() -> dict[str, MemberKind]:
    return {kind.name: kind for kind in KINDS if isinstance(kind, MemberKind)}


def _members_by_name() -> dict[str, tuple[str, ...]]:
    kinds = _member_kinds()
    rows = Check.objects.filter(kind__in=kinds).order_by().values_list("entity__name", "name", "kind", "config")
    return {
        f"{entity}/{name}": kinds[kind].members(kinds[kind].Config.model_construct(**config))
        for entity, name, kind, config in rows
    }


def _way_back(came_from: Mapping[str, str], start: str, last: str) -> tuple[str, ...]:
    way = [last]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return (*reversed(way), start)
