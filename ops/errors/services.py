"""What people do with errors: make and revoke DSNs, resolve, mute, reopen and assign groups."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from core.audit import record_action
from core.clock import now_ms
from core.errors import FieldError, NotFound, StaleVersion, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed, take_revision
from entities.models import Entity, Team
from entities.selectors import find_entity
from ops.errors.domain import GroupState
from ops.errors.ingest import forget_senders
from ops.errors.models import ErrorGroup, ErrorKey
from ops.journal.services import NewEntry, record_entries

KEYS_PER_ENTITY_MAX = 20
PER_MINUTE_MAX = 1_000_000
LABEL_MAX = 64
MUTE_CHOICES = {"1 h": 3_600_000, "1 d": 86_400_000, "7 d": 7 * 86_400_000}
"""How long a page offers to mute, in milliseconds."""
MUTE_MS_MAX = 365 * 86_400_000
_COMMAND_FIELDS = ("state", "resolved_in", "resolved_at_ms", "muted_until_ms", "muted_per_hour")


@dataclass(frozen=True, slots=True)
class Mute:
    """Until ``until_ms``, or until ``per_hour`` events came in one hour; without either until somebody reopens it."""

    until_ms: int | None = None
    per_hour: int | None = None


@changing()
def create_key(*, principal: Principal, entity_ref: str, label: str = "", per_minute: int = 1_000) -> ErrorKey:
    """A new DSN of an entity. Raises ``NotFound``, ``ValidationFailed``."""
    principal.require(Permission.ERRORS_MANAGE)
    entity = find_entity(entity_ref)
    if not 1 <= per_minute <= PER_MINUTE_MAX:
        raise ValidationFailed("The quota is not valid", errors=(FieldError("per_minute", f"1 to {PER_MINUTE_MAX}"),))
    if ErrorKey.objects.filter(entity=entity, revoked_at=None).count() >= KEYS_PER_ENTITY_MAX:
        message = f"{entity.name} has {KEYS_PER_ENTITY_MAX} DSNs already; revoke one first"
        raise ValidationFailed(message, errors=(FieldError("entity", message),))
    key = ErrorKey.objects.create(
        entity=entity,
        public_key=secrets.token_hex(16),
        label=label,
        per_minute=per_minute,
        created_by=principal.name,
    )
    after = {"label": label, "per_minute": per_minute, "number": key.pk}
    _record(principal, "dsn.create", entity.uid, _name_key(key, entity), after=after)
    forget_senders()
    mark_changed()
    return key


@changing()
def revoke_key(*, principal: Principal, entity_ref: str, number: int) -> None:
    """Events that come by it are refused within ten seconds; what it brought stays. Raises ``NotFound``."""
    principal.require(Permission.ERRORS_MANAGE)
    entity = find_entity(entity_ref)
    key = ErrorKey.objects.select_for_update().filter(entity=entity, pk=number).first()
    if key is None:
        raise NotFound(f"{entity.name} has no DSN {number}")
    if key.revoked_at is not None:
        return
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    _record(principal, "dsn.revoke", entity.uid, _name_key(key, entity), before={"label": key.label, "number": key.pk})
    forget_senders()
    mark_changed()


def _name_key(key: ErrorKey, entity: Entity) -> str:
    return f"{key.label or key.pk} of {entity.name}"


def resolve_group(
    *, principal: Principal, uid: str, release: str | None = None, expected_version: int | None = None
) -> None:
    """It counts as solved until it comes back in a release later than ``release`` (None: the last one it was seen in).
    Of one that is resolved already, None means the release that it is resolved in.

    Raises ``NotFound``, ``StaleVersion``.
    """
    _command(principal, uid, "error.resolve", expected_version, lambda group: _resolution(group, release))


def _resolution(group: ErrorGroup, release: str | None) -> dict[str, Any]:
    is_resolved = group.state == GroupState.RESOLVED
    if release is not None:
        resolved_in = release[:200]
    elif is_resolved:
        resolved_in = group.resolved_in
    else:
        resolved_in = group.releases[-1] if group.releases else ""
    is_same = is_resolved and resolved_in == group.resolved_in
    at_ms = group.resolved_at_ms if is_same else now_ms()
    return {
        "state": GroupState.RESOLVED, "resolved_at_ms": at_ms, "regressed_at_ms": None, "resolved_in": resolved_in,
    }  # fmt: skip


def mute_group(*, principal: Principal, uid: str, mute: Mute, expected_version: int | None = None) -> None:
    """Raises ``NotFound``, ``StaleVersion``, ``ValidationFailed`` for an end that is past or over a year away."""
    now = now_ms()
    if mute.until_ms is not None and not now < mute.until_ms <= now + MUTE_MS_MAX:
        raise ValidationFailed("The end is not valid", errors=(FieldError("until", "within a year from now"),))
    if mute.per_hour is not None and not 1 <= mute.per_hour <= PER_MINUTE_MAX:
        raise ValidationFailed("The rate is not valid", errors=(FieldError("per_hour", f"1 to {PER_MINUTE_MAX}"),))
    fields = {"state": GroupState.MUTED, "muted_until_ms": mute.until_ms, "muted_per_hour": mute.per_hour}
    _command(principal, uid, "error.mute", expected_version, lambda _group: fields)


def reopen_group(*, principal: Principal, uid: str, expected_version: int | None = None) -> None:
    """Raises ``NotFound``, ``StaleVersion``."""
    _command(principal, uid, "error.reopen", expected_version, lambda _group: {"state": GroupState.OPEN})


@changing()
def assign_group(*, principal: Principal, uid: str, team: str | None, expected_version: int | None = None) -> None:
    """Give the group to a team, or to nobody. Raises ``NotFound``, ``StaleVersion``, ``ValidationFailed``."""
    principal.require(Permission.ERRORS_MANAGE)
    group = _lock(uid, expected_version)
    chosen = None if team is None or "\0" in team else Team.objects.filter(name=team).first()
    if team is not None and chosen is None:
        raise ValidationFailed("The team is not valid", errors=(FieldError("team", f"there is no team {team[:64]}"),))
    before = group.team.name if group.team else None
    if before == team:
        return
    group.team = chosen
    _save(group, ["team"])
    _record(principal, "error.assign", group.uid, group.title, before={"team": before}, after={"team": team})


@changing()
def _command(principal: Principal, uid: str, action: str, expected_version: int | None, make: Any) -> None:
    principal.require(Permission.ERRORS_MANAGE)
    group = _lock(uid, expected_version)
    fields: Mapping[str, Any] = dict.fromkeys(_COMMAND_FIELDS) | {"resolved_in": ""} | make(group)
    before = {name: getattr(group, name) for name in _COMMAND_FIELDS}
    if all(before[name] == fields[name] for name in _COMMAND_FIELDS):
        return
    for name, value in fields.items():
        setattr(group, name, value)
    group.trouble = ""  # until it is judged again
    _save(group, [*fields, "trouble"])
    after = {name: fields[name] for name in _COMMAND_FIELDS}
    _record(principal, action, group.uid, group.title, before=before, after=after)
    record_entries(
        [
            NewEntry(
                entity_id=group.entity_id, at_ms=now_ms(), kind="error.group", subject=group.title[:100],
                before=str(before["state"]), after=str(group.state), message=f"by {principal.name}",
            )
        ]
    )  # fmt: skip


def _lock(uid: str, expected_version: int | None) -> ErrorGroup:
    group = None
    if "\0" not in uid:
        group = ErrorGroup.objects.select_for_update(of=("self",)).select_related("team").filter(uid=uid).first()
    if group is None:
        raise NotFound("There is no such error group")
    if expected_version is not None and group.version != expected_version:
        raise StaleVersion(f"The group is at version {group.version} by now")
    return group


def _save(group: ErrorGroup, fields: list[str]) -> None:
    group.version += 1
    group.revision = take_revision()
    group.save(update_fields=[*fields, "version", "revision"])


def _record(
    principal: Principal,
    action: str,
    uid: str,
    name: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    target = action.partition(".")[0]
    record_action(
        principal=principal, action=action, target_type=target, target_uid=uid, target_name=name[:64],
        before=before, after=after,
    )  # fmt: skip
