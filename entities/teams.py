"""Teams: a name that entities carry. Reads and writes, by the same rules as those of entities."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from core.audit import record_action
from core.errors import Conflict, FieldError, HasDependencies, NotFound, StaleVersion
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from core.validation import parse_model
from entities.definition import TeamDefinition
from entities.lifecycle import lock_catalogue
from entities.models import Team
from entities.selectors import LIMIT_DEFAULT


@dataclass(frozen=True, slots=True)
class TeamRow:
    name: str
    title: str
    version: int
    entities: int


def list_teams(*, principal: Principal, cursor: str | None = None, limit: int = LIMIT_DEFAULT) -> Page[TeamRow]:
    """One page of the teams by name, with the number of their entities.

    Raises ``ValidationFailed`` for a cursor that was not made by this list.
    """
    principal.require(Permission.CATALOG_VIEW)
    position = decode_cursor(cursor, purpose="teams") if cursor else None
    rows = seek(Team.objects.annotate(count=Count("entities")), [SortKey("name")], position)
    return cut_page(
        [TeamRow(*row) for row in rows.values_list("name", "title", "version", "count")[: limit + 1]],
        limit=limit,
        purpose="teams",
        position_of=lambda row: [row.name],
    )


def get_team(*, principal: Principal, name: str) -> TeamRow:
    """Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    team = _find(name)
    return TeamRow(team.name, team.title, team.version, team.entities.count())


@changing()
def create_team(*, principal: Principal, definition: TeamDefinition) -> None:
    """Raises ``Conflict`` when the name is taken."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    _refuse_taken(definition.name)
    team = Team.objects.create(**definition.document())
    _record(principal, "team.create", team.name, after=definition.document())
    mark_changed()


@changing()
def update_team(
    *, principal: Principal, name: str, changes: Mapping[str, Any], expected_version: int | None = None
) -> None:
    """Set the given fields; the same again writes nothing.

    Raises ``NotFound``, ``StaleVersion`` when ``expected_version`` is not the stored one, ``Conflict`` when a new name
    is taken, ``ValidationFailed``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    team = _find(name, expected_version)
    before = _document(team)
    after = parse_model(TeamDefinition, {**before, **changes}).document()
    changed = [field for field in after if after[field] != before[field]]
    if not changed:
        return
    if "name" in changed:
        _refuse_taken(after["name"])
    team.name, team.title = after["name"], after["title"]
    team.version += 1
    team.save()
    _record(
        principal,
        "team.update",
        team.name,
        before={field: before[field] for field in changed},
        after={field: after[field] for field in changed},
    )
    mark_changed()


@changing()
def save_teams(*, principal: Principal, definitions: Sequence[TeamDefinition]) -> None:
    """Create or retitle the teams of those names."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    stored = set(Team.objects.values_list("name", flat=True))
    for definition in definitions:
        if definition.name in stored:
            update_team(principal=principal, name=definition.name, changes=definition.document())
        else:
            create_team(principal=principal, definition=definition)


@changing()
def delete_team(*, principal: Principal, name: str, expected_version: int | None = None) -> None:
    """Raises ``NotFound``, ``StaleVersion``, and ``HasDependencies`` naming the entities of the team."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    team = _find(name, expected_version)
    if members := list(team.entities.order_by("name").values_list("name", flat=True)):
        raise HasDependencies(f"Team {team.name} has the entities {', '.join(members)}")
    before = _document(team)
    team.delete()
    _record(principal, "team.delete", name, before=before)
    mark_changed()


def ensure_teams(*, principal: Principal, names: Collection[str]) -> dict[str, int]:
    """Primary keys of the teams, those missing created; part of a catalogue write that holds the lock already."""
    ids = dict(Team.objects.filter(name__in=names).values_list("name", "pk"))
    for name in sorted(set(names) - ids.keys()):
        ids[name] = Team.objects.create(name=name).pk
        _record(principal, "team.create", name, after={"name": name, "title": ""})
    return ids


def _find(name: str, expected_version: int | None = None) -> Team:
    team = None if "\0" in name else Team.objects.filter(name=name).first()
    if team is None:
        raise NotFound(f"There is no team {name[:80]!r}")
    if expected_version is not None and team.version != expected_version:
        raise StaleVersion(f"{team.name} is at version {team.version}, not {expected_version}")
    return team


def _refuse_taken(name: str) -> None:
    if Team.objects.filter(name=name).exists():
        raise Conflict(f"There is already a team named {name!r}", errors=(FieldError("name", "is already taken"),))


def _document(team: Team) -> dict[str, Any]:
    return {"name": team.name, "title": team.title}


def _record(
    principal: Principal,
    action: str,
    name: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_action(
        principal=principal, action=action, target_type="team", target_uid=name, target_name=name,
        before=before, after=after,
    )  # fmt: skip
