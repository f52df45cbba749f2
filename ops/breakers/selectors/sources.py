"""Reads of the sources of breakers."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from core.errors import NotFound
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from entities.selectors import find_entity
from ops.breakers.definition import document_of, mask_document
from ops.breakers.models import BreakerSource
from ops.breakers.selectors.rows import moment

LIMIT_MAX = 500
_ORDER = (SortKey("entity__name"), SortKey("name"), SortKey("id"))


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source. ``document`` holds its fields as the catalogue file spells them: secrets masked, and for those who may
    not edit it everything that could hold one. ``failure`` is why the last look saw nothing, else empty; ``left_out``
    counts the breakers that it saw beyond the limits."""

    id: int
    uid: str
    entity_id: int
    entity_name: str
    name: str
    kind: str
    document: Mapping[str, Any]
    paused: bool
    last_at: dt.datetime | None
    failure: str
    breakers: int
    left_out: int
    next_due: dt.datetime | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


def source_rows(
    *, principal: Principal, entity_ref: str | None = None, limit: int = 100, cursor: str | None = None
) -> Page[SourceRow]:
    """One page, by entity and name. Raises ``NotFound`` for an entity that is not, ``ValidationFailed``."""
    principal.require(Permission.CATALOG_VIEW)
    sources = _stored()
    if entity_ref:
        sources = sources.filter(entity_id=find_entity(entity_ref).pk)
    limit, purpose = max(1, min(limit, LIMIT_MAX)), "breaker-sources"
    found = seek(sources, _ORDER, decode_cursor(cursor, purpose=purpose) if cursor else None)
    page = cut_page(
        list(found[: limit + 1]),
        limit=limit,
        purpose=purpose,
        position_of=lambda row: [row.entity.name, row.name, row.pk],
    )
    return Page(tuple(_row(source, principal) for source in page.items), page.next_cursor)


def source_row(*, principal: Principal, uid: str) -> SourceRow:
    """Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    source = None if "\0" in uid else _stored().filter(uid=uid).first()
    if source is None:
        raise NotFound(f"There is no breaker source {uid[:80]!r}")
    return _row(source, principal)


def _stored() -> QuerySet[BreakerSource]:
    return BreakerSource.objects.select_related("entity", "state")


def _row(source: BreakerSource, principal: Principal) -> SourceRow:
    document = document_of(source)
    if not principal.may(Permission.CATALOG_EDIT):
        document = mask_document(document, kind=source.kind)
    state = source.state
    return SourceRow(
        id=source.pk,
        uid=source.uid,
        entity_id=source.entity_id,
        entity_name=source.entity.name,
        name=source.name,
        kind=source.kind,
        document=document,
        paused=source.paused,
        last_at=moment(state.last_at_ms),
        failure=state.failure,
        breakers=state.breakers,
        left_out=state.left_out,
        next_due=moment(state.next_due_ms),
        version=source.version,
        created_at=source.created_at,
        updated_at=source.updated_at,
    )
