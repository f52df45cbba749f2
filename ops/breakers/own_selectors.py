"""Our own circuit breakers as the shared store has them. A target that never failed has none."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from core.breaker.machine import BreakerState
from core.breaker.registry import family_of, own_storage, policy_of
from core.breaker.storage import Operation, Standing, StorageLost, Transition
from core.clock import from_ms
from core.errors import NotFound, Unavailable
from core.permissions import Permission, Principal
from core.search import Hit, Hits, holds_words, nearness, words_of
from ops.probing import guarding as _guarding  # noqa: F401 - it registers the policy of targets

log = structlog.get_logger(__name__)

ROWS_MAX = 500
HISTORY_MAX = 200
_WORST_FIRST = (
    BreakerState.FORCED_OPEN,
    BreakerState.OPEN,
    BreakerState.HALF_OPEN,
    BreakerState.DISABLED,
    BreakerState.CLOSED,
)


@dataclass(frozen=True, slots=True)
class OwnBreakerRow:
    """``until`` is when an open one tries again, or when an operator's command ends. ``calls``, ``failed`` and ``slow``
    are those of the window; ``permits_out`` of a half-open one are on their way.
    """

    name: str
    family: str
    target: str
    state: BreakerState
    since: dt.datetime | None
    until: dt.datetime | None
    reason: str
    calls: int
    failed: int
    slow: int
    permits_out: int

    @property
    def failure_share(self) -> float:
        """Failed calls of all calls in the window, 0 to 1."""
        return self.failed / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class OwnBreakers:
    """The worst first, ``ROWS_MAX`` at most; ``is_cut`` says that there are more.

    ``is_lost`` says that the store does not answer: every process goes by itself, and nothing is known here.
    """

    rows: Sequence[OwnBreakerRow]
    is_cut: bool = False
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class OwnTransition:
    name: str
    before: BreakerState
    after: BreakerState
    at: dt.datetime
    until: dt.datetime | None
    reason: str


def own_breakers(*, principal: Principal) -> OwnBreakers:
    principal.require(Permission.CATALOG_VIEW)
    return read_own_breakers()


def search_own_breakers(*, principal: Principal, text: str, limit: int) -> Hits:
    """Those that the list narrowed to ``text`` has: the nearest first, of these the worst; none while the store does
    not answer. The uid of each is its name, its status the word of its state, and it belongs to no entity."""
    principal.require(Permission.CATALOG_VIEW)
    words = words_of(text)
    rows = sorted(read_own_breakers(words).rows, key=lambda row: nearness(row.target, words))
    return Hits(tuple(Hit(row.name, row.name, "", row.state.value) for row in rows[:limit]), len(rows))


def own_breaker(*, principal: Principal, name: str) -> OwnBreakerRow:
    """Raises ``NotFound`` for one that nothing is known of, ``Unavailable``."""
    principal.require(Permission.CATALOG_VIEW)
    standing = read_standing(name)
    if not is_known(standing):
        raise NotFound(f"There is no breaker {name[:100]}")
    return _row_of(standing)


def own_transitions(*, principal: Principal, limit: int = HISTORY_MAX) -> list[OwnTransition]:
    """The latest, the newest first; those that the broker still has. Raises ``Unavailable``."""
    principal.require(Permission.CATALOG_VIEW)
    try:
        found = own_storage().history(min(limit, HISTORY_MAX))
    except StorageLost as error:
        raise Unavailable("The store of the breakers does not answer") from error
    return [_transition_of(transition) for transition in found]


def read_own_breakers(words: Sequence[str] = ()) -> OwnBreakers:
    """For the platform itself, whoever asks; with ``words``, of its rows those whose name has each. Does not raise."""
    storage = own_storage()
    try:
        names = storage.names(ROWS_MAX + 1)
        wanted = [name for name in names[:ROWS_MAX] if holds_words(name, words)]
        standings = storage.run([Operation(name, policy_of(name)) for name in wanted])
    except StorageLost as error:
        log.warning("breakers.own_store_lost", error=str(error))
        return OwnBreakers((), is_lost=True)
    rows = [_row_of(standing) for standing in standings if is_known(standing)]
    rows.sort(key=lambda row: (_WORST_FIRST.index(row.state), -row.failure_share, -row.calls, row.name))
    return OwnBreakers(rows, is_cut=len(names) > ROWS_MAX)


def read_standing(name: str) -> Standing:
    """Raises ``Unavailable``."""
    try:
        (standing,) = own_storage().run([Operation(name, policy_of(name))])
    except StorageLost as error:
        raise Unavailable("The store of the breakers does not answer") from error
    return standing


def is_known(standing: Standing) -> bool:
    """A breaker without a record reads as a closed one of which nothing was ever seen."""
    return standing.generation > 0 or standing.window.calls > 0


def _row_of(standing: Standing) -> OwnBreakerRow:
    family = family_of(standing.name)
    return OwnBreakerRow(
        name=standing.name,
        family=family,
        target=standing.name.removeprefix(f"{family}:"),
        state=standing.state,
        since=from_ms(standing.since_ms) if standing.since_ms else None,
        until=from_ms(standing.until_ms) if standing.until_ms else None,
        reason=standing.reason,
        calls=standing.window.calls,
        failed=standing.window.failed,
        slow=standing.window.slow,
        permits_out=standing.permits_out,
    )


def _transition_of(transition: Transition) -> OwnTransition:
    return OwnTransition(
        name=transition.name,
        before=transition.before,
        after=transition.after,
        at=from_ms(transition.at_ms),
        until=from_ms(transition.until_ms) if transition.until_ms else None,
        reason=transition.reason,
    )
