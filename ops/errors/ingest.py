"""Taking events in: judged, spooled and answered at once; what they mean is found out later."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.clock import now_ms
from core.errors import NotAuthenticated, RateLimited, Unavailable
from core.ids import uuid7_hex
from core.registry import Registry
from core.telemetry import metrics
from ops.errors.envelope import Envelope, parse_envelope, parse_payload
from ops.errors.models import ErrorKey, SpooledEvent

log = structlog.get_logger(__name__)

SPOOL_ROWS_MAX = 20_000
"""More than this is waiting only when nobody digests; then SDKs are told to wait."""
KEY_KEPT_SECONDS = 10.0
"""How long a process believes what it read of a key; a revoked one is refused at the latest then."""
SHARES = 50
"""So many times a minute a process asks Redis for a key that uses all of its quota."""
REDIS_RETRY_SECONDS = 5.0
"""How long a process counts by itself after Redis gave no answer; nobody else waits for it in that time."""
_TIMEOUT_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose DSN it is."""

    key_id: int
    entity_id: int
    per_minute: int


type ItemHandler = Callable[[int, Mapping[str, Any]], None]
"""What another slice does with items of its kind: called with the id of the DSN's entity and the payload."""

ITEM_HANDLERS: Registry[ItemHandler] = Registry("kind of envelope item")
_senders: dict[str, tuple[float, Sender | None]] = {}


def find_sender(*, project: int, public_key: str) -> Sender:
    """Raises ``NotAuthenticated`` for a key that is unknown, revoked, or of another project."""
    now = time.monotonic()
    known = _senders.get(public_key)
    if known is None or known[0] < now:
        if len(_senders) > 10_000:
            _senders.clear()
        known = _senders[public_key] = (now + KEY_KEPT_SECONDS, _read_sender(public_key))
    sender = known[1]
    if sender is None or sender.key_id != project:
        raise NotAuthenticated("There is no such DSN, or it was revoked")
    return sender


def forget_senders() -> None:
    """A key of this process's own was made or revoked."""
    _senders.clear()
    _shares.clear()


def _read_sender(public_key: str) -> Sender | None:
    key = ErrorKey.objects.filter(public_key=public_key[:32], revoked_at=None, entity__lifecycle="active").first()
    return None if key is None else Sender(key.pk, key.entity_id, key.per_minute)


def take_envelope(sender: Sender, body: bytes) -> str:
    """Spool the events of an envelope, hand its other known items on, drop the rest. Returns the event's id.

    Raises ``ValidationFailed``, ``PayloadTooLarge``, ``RateLimited``.
    """
    return _take(sender, parse_envelope(body))


def take_event(sender: Sender, body: bytes) -> str:
    """The same for the legacy address, whose body is one event."""
    parse_payload(body)
    require_quota(sender, events=1)
    return _spool(sender, [body], {})


def _take(sender: Sender, envelope: Envelope) -> str:
    events = [item.payload for item in envelope.items if item.kind == "event"]
    for payload in events:
        parse_payload(payload)  # refused now, while somebody is there to be told
    handled = [(item.kind, parse_payload(item.payload)) for item in envelope.items if item.kind in ITEM_HANDLERS]
    if events or handled:
        require_quota(sender, events=len(events) + len(handled))
    event_id = _spool(sender, events, envelope.headers)
    for kind, content in handled:
        handle = ITEM_HANDLERS.get(kind)
        assert handle is not None
        handle(sender.entity_id, content)
    return event_id


def _spool(sender: Sender, events: list[bytes], headers: Any) -> str:
    stated = headers.get("event_id")
    event_id = stated.replace("-", "")[:32] if isinstance(stated, str) else uuid7_hex()
    if events:
        spool_events([(sender.entity_id, sender.key_id, now_ms(), payload) for payload in events])
        metrics.ERROR_EVENTS.labels("accepted").inc(len(events))
    return event_id


_SPOOL = "INSERT INTO ops_spooledevent (entity_id, key_id, received_ms, payload) VALUES (%s, %s, %s, %s)"


def spool_events(rows: list[tuple[int, int | None, int, bytes]]) -> None:
    """Of each event its entity, its key, when it came, and what came; in one statement's time, whatever else runs."""
    with connection.cursor() as cursor:
        cursor.executemany(_SPOOL, rows)


def require_quota(sender: Sender, *, events: int) -> None:
    """Count events against the key's minute. Raises ``RateLimited``.

    Counted on Redis for all processes together; without it, for each process by itself. A process draws a share of the
    minute at a time, because a question to Redis costs more than an event: what it drew and does not use is lost.
    """
    window = int(time.time() // 60)
    if not _take_quota(sender, window, events):
        metrics.ERROR_EVENTS.labels("refused").inc(events)
        wait = 60 - int(time.time() % 60)
        raise RateLimited(f"More than {sender.per_minute} events in this minute", retry_after_seconds=wait)


@dataclass(slots=True)
class _Share:
    """What is left of this process's share of a key's minute; ``is_last`` when the minute has no more to give."""

    window: int
    left: int = 0
    is_last: bool = False

    def take(self, events: int) -> bool:
        if self.left < events:
            return False
        self.left -= events
        return True


class _Outage:
    """Until when, on the monotonic clock, Redis is not asked."""

    until = float("-inf")


_lock = threading.Lock()
"""Held for a moment only, never while Redis is asked."""
_shares: dict[int, _Share] = {}
_outage = _Outage()


def _take_quota(sender: Sender, window: int, events: int) -> bool:
    """From what is drawn already; else from another share, or from what the minute still has."""
    with _lock:
        share = _share_of(sender.key_id, window)
        if share.take(events):
            return True
        if share.is_last:
            return False
        wanted = max(events, sender.per_minute // SHARES)
    used = _count_used(sender.key_id, window, wanted)
    with _lock:
        share = _share_of(sender.key_id, window)
        share.left += max(0, wanted - max(0, used - sender.per_minute))
        share.is_last = share.is_last or used >= sender.per_minute
        return share.take(events)


def _share_of(key_id: int, window: int) -> _Share:
    """Only under the lock."""
    share = _shares.get(key_id)
    if share is None or share.window != window:
        if len(_shares) > 10_000:
            _shares.clear()
        share = _shares[key_id] = _Share(window)
    return share


def _count_used(key_id: int, window: int, events: int) -> int:
    """What all processes drew of the minute, these included; of this process alone while Redis is gone."""
    if time.monotonic() >= _outage.until:
        try:
            return _count(f"quarterdeck:error-quota:{key_id}:{window}", events)
        except redis.RedisError:
            _outage.until = time.monotonic() + REDIS_RETRY_SECONDS
    with _lock:
        return _count_alone(key_id, window, events)


def require_room() -> None:
    """Raises ``Unavailable`` while too much waits to be digested: ids rise, so their spread bounds the rows."""
    ends = SpooledEvent.objects.order_by()
    first, last = (
        ends.order_by("id").values_list("id", flat=True).first(),
        ends.order_by("-id").values_list("id", flat=True).first(),
    )
    if first is not None and last is not None and last - first > SPOOL_ROWS_MAX:
        metrics.ERROR_EVENTS.labels("refused").inc()
        raise Unavailable("Too many events are waiting to be digested")


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _count(key: str, events: int) -> int:
    with _client().pipeline(transaction=False) as commands:
        commands.incrby(key, events)
        commands.expire(key, 120)
        return int(commands.execute()[0])


_alone: dict[int, tuple[int, int]] = {}


def _count_alone(key_id: int, window: int, events: int) -> int:
    counted = _alone.get(key_id)
    used = events + (counted[1] if counted and counted[0] == window else 0)
    _alone[key_id] = (window, used)
    return used
