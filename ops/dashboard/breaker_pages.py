"""What the pages of one breaker show, and what the page of an entity shows of its breakers."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from core.pagination import Page
from core.permissions import Permission, Principal
from entities.selectors import EntityRow, get_entity
from ops.breakers.domain import Action, BreakerState
from ops.breakers.own_selectors import OwnBreakerRow, OwnTransition, own_breaker, own_transitions
from ops.breakers.own_services import HOLD_CHOICES, audit_uid
from ops.breakers.selectors import (
    BreakerRow,
    InstanceRow,
    TransitionRow,
    breaker_row,
    entity_breaker_rows,
    source_rows,
    transitions,
)
from ops.dashboard.breaker_listing import breaker_table, own_call_words
from ops.dashboard.breaker_words import (
    MEANINGS,
    TONES,
    own_reason,
    place_words,
    rate_words,
    share_words,
    state_mark,
    state_words,
)
from ops.dashboard.edits import list_edits
from ops.dashboard.lists import address, read_page
from ops.dashboard.reasons import fold_reasons

SHOWN_SOURCES = 20
SHOWN_BREAKERS = 5
TRANSITIONS_PAGE = 25

_LABELS = {
    Action.FORCE_OPEN: "Force open",
    Action.CLOSE: "Close",
    Action.DISABLE: "Disable",
    Action.RESET: "Reset",
}
_LEADS_TO = {
    Action.FORCE_OPEN: BreakerState.FORCED_OPEN,
    Action.CLOSE: BreakerState.CLOSED,
    Action.DISABLE: BreakerState.DISABLED,
}
_EFFECTS = {
    Action.FORCE_OPEN: "Every call is refused, also those that would go well.",
    Action.CLOSE: "Calls go through again, and it judges by how they end.",
    Action.DISABLE: "Every call goes through, however many fail.",
    Action.RESET: "It closes, and forgets the calls that it has counted.",
}
_WAYS = {"report": "reports of its program", "scrape": "its metrics page", "actuator": "its actuator"}


@dataclass(frozen=True, slots=True)
class ActionForm:
    """A button and the form that it opens. ``spans`` are the times that can be chosen; empty where it stays."""

    word: str
    label: str
    effect: str
    url: str
    spans: tuple[str, ...] = ()
    wants_reason: bool = True

    @property
    def submit(self) -> str:
        return {Action.FORCE_OPEN: "Force it open"}.get(Action(self.word), f"{self.label} it")

    @property
    def is_danger(self) -> bool:
        return self.word == Action.FORCE_OPEN


@dataclass(frozen=True, slots=True)
class InstanceItem:
    row: InstanceRow
    mark: SafeString
    failures: str
    slow: str
    rate: str
    refused: str


@dataclass(frozen=True, slots=True)
class TransitionItem:
    row: TransitionRow
    before: str
    mark: SafeString


@dataclass(frozen=True, slots=True)
class OwnTransitionItem:
    """A transition of ours, with the reason of it."""

    row: OwnTransition
    before: str
    mark: SafeString
    reason: str


def read_breaker(query: QueryDict, path: str, *, principal: Principal, uid: str) -> dict[str, Any]:
    """The context of the page of a breaker of the fleet. Raises ``NotFound``."""
    row = breaker_row(principal=principal, uid=uid)

    def read(cursor: str | None) -> Page[TransitionRow]:
        return transitions(principal=principal, uid=uid, limit=TRANSITIONS_PAGE, cursor=cursor)

    page, is_later = read_page(query, read)
    entity = get_entity(principal=principal, ref=row.entity_name)
    return {
        "breaker": row,
        "word": state_words(row.state).capitalize(),
        "tone": TONES[row.state],
        "meaning": MEANINGS[row.state],
        "place": place_words(
            matching=row.matching,
            count=row.instance_count,
            silent=row.silent,
            is_unknown=row.state == BreakerState.UNKNOWN,
        ),
        "failures": share_words(row.failure_share),
        "rate": rate_words(row.calls_per_minute),
        "way": _WAYS.get(row.kind, row.kind),
        "entity": entity,
        "reasons": fold_reasons(entity.status.reasons),
        "instances": [_instance(instance) for instance in row.instances],
        "transitions": [
            TransitionItem(found, state_words(found.before) if found.before else "", state_mark(found.after))
            for found in page.items
        ],
        "older_url": address(query, path, cursor=page.next_cursor) if page.next_cursor else "",
        "newest_url": address(query, path, cursor=None) if is_later else "",
        "forms": fleet_forms(row, principal=principal),
        "may_delete": row.is_reported and principal.may(Permission.BREAKERS_MANAGE),
        "edits": list_edits(principal=principal, target_uids=[uid]),
    }


def _instance(row: InstanceRow) -> InstanceItem:
    return InstanceItem(
        row=row,
        mark=state_mark(row.state),
        failures=share_words(row.failure_share),
        slow=share_words(row.slow_share),
        rate=rate_words(row.calls_per_minute),
        refused="" if row.not_permitted is None else f"{row.not_permitted:,}",
    )


def fleet_forms(row: BreakerRow, *, principal: Principal) -> list[ActionForm]:
    """What this person may do to it, and a source of it can."""
    if not principal.may(Permission.BREAKERS_MANAGE):
        return []
    return [
        ActionForm(action, _LABELS[action], _EFFECTS[action], reverse(f"breaker-{action}", args=[row.uid]))
        for action in Action
        if action in row.can and _LEADS_TO.get(action) != row.state
    ]


def read_own_breaker(*, principal: Principal, name: str) -> dict[str, Any]:
    """The context of the page of a breaker of ours. Raises ``NotFound``, ``Unavailable``."""
    row = own_breaker(principal=principal, name=name)
    return {
        "breaker": row,
        "word": state_words(row.state).capitalize(),
        "tone": TONES[row.state],
        "meaning": MEANINGS[row.state],
        "reason": own_reason(row.reason),
        "end_word": "It tries again" if row.state.value == BreakerState.OPEN else "That ends",
        "failures": share_words(row.failure_share if row.calls else None),
        "slow": share_words(row.slow / row.calls if row.calls else None),
        "calls": own_call_words(row),
        "transitions": [
            OwnTransitionItem(
                found, state_words(found.before.value), state_mark(found.after.value), own_reason(found.reason)
            )
            for found in own_transitions(principal=principal)
            if found.name == name
        ],
        "forms": own_forms(row, principal=principal),
        "edits": list_edits(principal=principal, target_uids=[audit_uid(name)], limit=30),
        "may_see_edits": principal.may(Permission.AUDIT_VIEW),
    }


def own_forms(row: OwnBreakerRow, *, principal: Principal) -> list[ActionForm]:
    if not principal.may(Permission.BREAKERS_MANAGE):
        return []
    holds = (Action.FORCE_OPEN, Action.DISABLE)
    return [
        ActionForm(
            word=action,
            label=_LABELS[action],
            effect=_EFFECTS[action],
            url=reverse(f"own-breaker-{action}", args=[row.name]),
            spans=tuple(HOLD_CHOICES) if action in holds else (),
            wants_reason=action in holds,
        )
        for action in Action
        if _LEADS_TO.get(action) != row.state.value
    ]


def read_entity_breakers(*, principal: Principal, entity: EntityRow) -> dict[str, Any]:
    """The part of an entity's page that is about its breakers, the worst first, and sources that cannot be read."""
    page = source_rows(principal=principal, entity_ref=entity.uid, limit=SHOWN_SOURCES)
    rows = entity_breaker_rows(principal=principal, entity_id=entity.id, limit=SHOWN_BREAKERS + 1)
    return {
        "has_breakers": bool(rows or page.items),
        "breaker_sources": page.items,
        "has_more_sources": page.has_more,
        "failing_sources": [source for source in page.items if source.failure and not source.paused],
        "has_more_breakers": len(rows) > SHOWN_BREAKERS,
        "breaker_rows": breaker_table(rows[:SHOWN_BREAKERS], with_entity=False),
    }
