"""A stream of a Redis or Valkey: what lies in it, and what its consumer groups have not got or not acknowledged."""

import re
import time
from dataclasses import dataclass

from ops.probing.probe import ProbeFailed
from ops.probing.resp import Answer, RespClient
from ops.queues.sources.answers import HEADER_CHARACTERS, listed, named, shown, size_of, texts, whole
from ops.queues.sources.source import Message, Reading

GROUPS_MAX = 50
PENDING_MAX = 1_000
"""Pending messages of a group that are looked at, the oldest first: ``dead`` is at most so many."""

COUNT_MAX = 1_000
"""Entries that are counted where the server cannot tell a group's lag."""

_ID = re.compile(r"([0-9]{1,20})-[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Group:
    """``lag`` counts what was not delivered yet, ``oldest`` is when the first of these, or of those not acknowledged,
    came.
    """

    name: str
    consumers: int
    pending: int
    lag: int
    dead: int
    oldest: float | None


async def read_stream(client: RespClient, key: str, *, group: str | None, max_deliveries: int) -> Reading:
    """Of one group: its lag, what it has pending. Without one: the whole stream, its groups as parts, and by the one
    that is behind most. Raises ``ProbeFailed``.
    """
    now = time.time()
    length = whole(await client.ask("XLEN", key))
    if not length and not await client.ask("EXISTS", key):
        if group is not None:
            raise ProbeFailed("receive", f"there is no group {group}: the stream does not exist")
        return Reading(0)
    facts = [named(answer) for answer in listed(await client.ask("XINFO", "GROUPS", key))[:GROUPS_MAX]]
    added = _entries_added(named(await client.ask("XINFO", "STREAM", key)))
    chosen = [fact for fact in facts if group is None or fact.get("name") == group]
    if group is not None and not chosen:
        raise ProbeFailed("receive", f"there is no group {group}")
    groups = [await _read_group(client, key, fact, max_deliveries) for fact in chosen]
    oldest = [found.oldest for found in groups if found.oldest is not None]
    if not groups:
        oldest = [at for at in [await _first_after(client, key, "-")] if at is not None]
    return Reading(
        size=groups[0].lag if group is not None else length,
        oldest_age_seconds=max(0.0, now - min(oldest)) if oldest else None,
        consumers=sum(found.consumers for found in groups),
        unacked=sum(found.pending for found in groups) if groups else None,
        dead=sum(found.dead for found in groups) if groups else None,
        added=added,
        parts={} if group is not None else {shown(found.name, 200): found.lag + found.pending for found in groups},
    )


async def _read_group(client: RespClient, key: str, fact: dict[str, Answer], max_deliveries: int) -> Group:
    name, pending, last = str(fact.get("name")), whole(fact.get("pending")), str(fact.get("last-delivered-id"))
    lag = fact.get("lag")
    if not isinstance(lag, int):  # not told by old servers, nor after a deletion in the middle
        lag = len(listed(await client.ask("XRANGE", key, f"({last}", "+", "COUNT", str(COUNT_MAX))))
    waiting = await _first_after(client, key, f"({last}") if lag else None
    dead, unacked_since = 0, None
    if pending:
        rows = [listed(row) for row in listed(await client.ask("XPENDING", key, name, "-", "+", str(PENDING_MAX)))]
        unacked_since = _time_of(rows[0][0]) if rows and rows[0] else None
        dead = sum(len(row) == 4 and isinstance(row[3], int) and row[3] > max_deliveries for row in rows)
    moments = [at for at in (waiting, unacked_since) if at is not None]
    return Group(name, whole(fact.get("consumers")), pending, max(0, lag), dead, min(moments, default=None))


async def peek_stream(client: RespClient, key: str, *, group: str | None, limit: int) -> list[Message]:
    """The first that the group has not got; without a group the first of all. Raises ``ProbeFailed``."""
    start = "-"
    if group is not None:
        facts = [named(answer) for answer in listed(await client.ask("XINFO", "GROUPS", key))]
        start = next((f"({fact['last-delivered-id']}" for fact in facts if fact.get("name") == group), "-")
    entries = listed(await client.ask("XRANGE", key, start, "+", "COUNT", str(limit)))
    return [message_of(listed(entry)) for entry in entries]


def message_of(entry: list[Answer]) -> Message:
    """Of an id with its fields and values. Raises ``ProbeFailed``."""
    if len(entry) != 2:
        raise ProbeFailed("receive", "the answer is not an entry of a stream")
    fields = texts(entry[1])
    pairs = list(zip(fields[::2], fields[1::2], strict=False))
    return Message(
        key=shown(str(entry[0]), 60),
        body=shown("\n".join(f"{name}: {value}" for name, value in pairs)),
        size_bytes=sum(size_of(text) for text in fields),
        age_seconds=age_of(entry[0]),
        headers={shown(name, 100): shown(value, HEADER_CHARACTERS) for name, value in pairs[:20]},
    )


def age_of(entry_id: Answer) -> float | None:
    """In seconds, by the time in the id."""
    moment = _time_of(entry_id)
    return None if moment is None else max(0.0, time.time() - moment)


async def _first_after(client: RespClient, key: str, start: str) -> float | None:
    entries = listed(await client.ask("XRANGE", key, start, "+", "COUNT", "1"))
    return _time_of(listed(entries[0])[0]) if entries else None


def _time_of(entry_id: Answer) -> float | None:
    """The time in an id that the server gave; None for one that the producer chose."""
    found = _ID.fullmatch(entry_id) if isinstance(entry_id, str) else None
    seconds = int(found[1]) / 1_000 if found is not None else 0.0
    return seconds if seconds > 1_000_000_000 else None


def _entries_added(fact: dict[str, Answer]) -> int | None:
    """Since the stream began; known since Redis 7."""
    added = fact.get("entries-added")
    return added if isinstance(added, int) and added >= 0 else None
