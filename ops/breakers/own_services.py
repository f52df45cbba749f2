"""What operators do with our own breakers. A command holds in every process within some seconds."""

import hashlib
import re
from typing import Any

from django.db import transaction

from core.audit import record_action
from core.breaker.machine import BreakerState
from core.breaker.registry import FAMILIES, family_of, own_storage, policy_of
from core.breaker.storage import Operation, Standing, StorageLost
from core.errors import FieldError, NotFound, Unavailable, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from ops.breakers.own_selectors import is_known, read_standing

EXPIRY_MS = (1_000, 7 * 86_400_000)
EXPIRY_DEFAULT_MS = 3_600_000
HOLD_CHOICES = {"15 min": 900_000, "1 h": 3_600_000, "4 h": 14_400_000, "24 h": 86_400_000, "7 d": 604_800_000}
"""Times that pages offer to hold one open or disabled, in ms."""

NAME_MAX, REASON_MAX = 300, 200
NAME_PATTERN = r"^[a-z_]+:[a-z0-9_.:\[\]-]+$"
_NAME = re.compile(NAME_PATTERN.strip("^$"))


def force_open(*, principal: Principal, name: str, reason: str, expires_in_ms: int = EXPIRY_DEFAULT_MS) -> None:
    """Nothing is called until the end, even what never failed. Raises ``ValidationFailed``, ``Unavailable``."""
    _hold(principal, name, BreakerState.FORCED_OPEN, reason, expires_in_ms)


def disable(*, principal: Principal, name: str, reason: str, expires_in_ms: int = EXPIRY_DEFAULT_MS) -> None:
    """Everything is called until the end, however much fails. Raises ``ValidationFailed``, ``Unavailable``."""
    _hold(principal, name, BreakerState.DISABLED, reason, expires_in_ms)


def close(*, principal: Principal, name: str, reason: str = "") -> None:
    """Call again now, and judge by what comes. Nothing for one that is closed. Raises ``NotFound``, ``Unavailable``."""
    before = _known(principal, name, reason)
    if before.state is not BreakerState.CLOSED:
        _command(principal, "breaker.close", before, BreakerState.CLOSED, reason)


def reset(*, principal: Principal, name: str, reason: str = "") -> None:
    """As ``close``, and also forget what a closed one has seen. Raises ``NotFound``, ``Unavailable``."""
    before = _known(principal, name, reason)
    _command(principal, "breaker.reset", before, BreakerState.CLOSED, reason)


def _hold(principal: Principal, name: str, state: BreakerState, reason: str, expires_in_ms: int) -> None:
    principal.require(Permission.BREAKERS_MANAGE)
    if not (len(name) <= NAME_MAX and _NAME.fullmatch(name) and family_of(name) in FAMILIES):
        known = ", ".join(f"{family}:..." for family in FAMILIES.names())
        raise ValidationFailed("The name is not valid", errors=(FieldError("name", f"expected {known}"),))
    _check_reason(reason, wanted=True)
    low, high = EXPIRY_MS
    if not low <= expires_in_ms <= high:
        raise ValidationFailed("The end is not valid", errors=(FieldError("expires_in", "1 second to 7 days"),))
    before = read_standing(name)
    action = "breaker.force_open" if state is BreakerState.FORCED_OPEN else "breaker.disable"
    _command(principal, action, before, state, reason, until_ms=before.at_ms + expires_in_ms)


def _known(principal: Principal, name: str, reason: str) -> Standing:
    principal.require(Permission.BREAKERS_MANAGE)
    _check_reason(reason, wanted=False)
    before = read_standing(name) if len(name) <= NAME_MAX else None
    if before is None or not is_known(before):
        raise NotFound(f"There is no breaker {name[:100]}")
    return before


def _check_reason(reason: str, *, wanted: bool) -> None:
    if len(reason) > REASON_MAX or not reason.isprintable() or (wanted and not reason.strip()):
        raise ValidationFailed(
            "The reason is not valid", errors=(FieldError("reason", f"one line of at most {REASON_MAX} characters"),)
        )


def _command(
    principal: Principal, action: str, before: Standing, state: BreakerState, reason: str, *, until_ms: int = 0
) -> None:
    """Audited before it is given: when the answer is late, it may hold all the same."""
    _announce(principal, action, before, after={"state": state, "until_ms": until_ms, "reason": reason})
    told = f"{reason} ({principal.name})" if reason else f"by {principal.name}"
    operation = Operation(before.name, policy_of(before.name), "command", state=state, until_ms=until_ms, reason=told)
    try:
        own_storage().run([operation])
    except StorageLost as error:
        _tell_unconfirmed(principal, action, before)
        raise Unavailable("The store of the breakers did not confirm it: it may hold all the same") from error
    _tell_pages()


@transaction.atomic
def _announce(principal: Principal, action: str, before: Standing, *, after: dict[str, Any]) -> None:
    record_action(
        principal=principal,
        action=action,
        target_type="breaker",
        target_uid=audit_uid(before.name),
        target_name=before.name[:200],
        before={"state": before.state, "until_ms": before.until_ms, "reason": before.reason},
        after=after,
    )


@changing()
def _tell_unconfirmed(principal: Principal, action: str, before: Standing) -> None:
    record_action(
        principal=principal,
        action=f"{action}.unconfirmed",
        target_type="breaker",
        target_uid=audit_uid(before.name),
        target_name=before.name[:200],
        after={"reason": "the store did not answer in time, it may hold all the same"},
    )
    mark_changed()


@changing()
def _tell_pages() -> None:
    mark_changed()


def audit_uid(name: str) -> str:
    """What the audit calls a breaker: its name, where there is room for it."""
    return name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()
