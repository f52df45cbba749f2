"""The DSNs of an entity."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from core.permissions import Permission, Principal
from ops.errors.models import ErrorKey


@dataclass(frozen=True, slots=True)
class KeyRow:
    number: int
    public_key: str
    label: str
    per_minute: int
    created_at: dt.datetime
    created_by: str
    revoked_at: dt.datetime | None


def key_rows(*, principal: Principal, entity_id: int) -> Sequence[KeyRow]:
    principal.require(Permission.CATALOG_VIEW)
    return [
        KeyRow(key.pk, key.public_key, key.label, key.per_minute, key.created_at, key.created_by, key.revoked_at)
        for key in ErrorKey.objects.filter(entity_id=entity_id, revoked_at=None).order_by("id")
    ]
