"""What a consumer group of a stream has given up: entries that were delivered too often and never acknowledged.

Scripts on the server look and act, so that nobody comes between the two: an entry that was acknowledged meanwhile is
left alone, and none is lost or there twice. They need Redis 6.2, and a user that may call EVAL.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ops.probing.probe import ProbeFailed
from ops.probing.resp import Answer, RespClient
from ops.queues.sources.answers import listed, shown, whole
from ops.queues.sources.redis_stream import age_of, message_of
from ops.queues.sources.source import Message

_PAGE = 200
"""Pending entries that one call of a script looks at; while it runs the server does nothing else."""

_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_ID_PART_MAX = (1 << 64) - 1

_FIND = """
local function holds(id, text)
  if text == '' then return true end
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if not entry then return false end
  local lines = {}
  for place = 1, #entry[2], 2 do lines[#lines + 1] = entry[2][place] .. ': ' .. entry[2][place + 1] end
  return string.find(table.concat(lines, '\\n'), text, 1, true) ~= nil
end
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[4], '+', ARGV[5])
local found = {}
for _, row in ipairs(rows) do
  if row[4] > tonumber(ARGV[2]) and holds(row[1], ARGV[3]) then found[#found + 1] = row end
end
return {#rows, #rows > 0 and rows[#rows][1] or '', found}
"""

_RETRY = """
local count = 0
for place = 3, #ARGV do
  local id = ARGV[place]
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if row and row[4] > tonumber(ARGV[2]) then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if entry then
      redis.call('XADD', KEYS[1], '*', unpack(entry[2]))
      count = count + 1
    end
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
  end
end
return count
"""

_DISCARD = """
local count = 0
local alone = #redis.call('XINFO', 'GROUPS', KEYS[1]) == 1
for place = 3, #ARGV do
  local id = ARGV[place]
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if row and row[4] > tonumber(ARGV[2]) then
    redis.call('XACK', KEYS[1], ARGV[1], id)
    if alone then redis.call('XDEL', KEYS[1], id) end
    count = count + 1
  end
end
return count
"""


class Group(NamedTuple):
    """A consumer group of the stream under ``key``; what it got more than ``max_deliveries`` times is dead."""

    key: str
    name: str
    max_deliveries: int


class _Dead(NamedTuple):
    id: str
    consumer: str
    idle_ms: int
    deliveries: int


async def peek_dead(client: RespClient, group: Group, *, limit: int) -> list[Message]:
    """The oldest first; of one that was deleted from the stream the body is empty. Raises ``ProbeFailed``."""
    found = await _first(client, group, "", limit)
    if not found:
        return []
    answers = await client.ask_all([["XRANGE", group.key, dead.id, dead.id] for dead in found])
    return [_message(dead, listed(answer)) for dead, answer in zip(found, answers, strict=True)]


async def find_dead(client: RespClient, group: Group, *, contains: str, limit: int) -> list[str]:
    """The ids, the oldest first. Raises ``ProbeFailed``."""
    return [dead.id for dead in await _first(client, group, contains, limit)]


async def retry_dead(client: RespClient, group: Group, ids: Sequence[str]) -> int:
    """Put copies at the end of the stream, for all its groups, and delete the old entries; how many were put back.

    One that was deleted from the stream already is acknowledged alone. Raises ``ProbeFailed``.
    """
    return await _act(client, _RETRY, group, ids)


async def discard_dead(client: RespClient, group: Group, ids: Sequence[str]) -> int:
    """Acknowledge, and delete where no other group may want them; how many were found. Raises ``ProbeFailed``."""
    return await _act(client, _DISCARD, group, ids)


async def _first(client: RespClient, group: Group, contains: str, limit: int) -> list[_Dead]:
    found: list[_Dead] = []
    async for page in _pages(client, group, contains):
        found += page
        if len(found) >= limit:
            break
    return found[:limit]


async def _pages(client: RespClient, group: Group, contains: str) -> AsyncIterator[list[_Dead]]:
    """Until the group has nothing more pending, or the time of the caller is over."""
    start = "-"
    while True:
        fixed = (group.name, str(group.max_deliveries), contains, start, str(_PAGE))
        answer = listed(await client.ask("EVAL", _FIND, "1", group.key, *fixed))
        if len(answer) != 3:
            raise ProbeFailed("receive", "the answer is not a page of pending entries")
        seen, last = whole(answer[0]), str(answer[1])
        yield [_read_dead(row) for row in listed(answer[2])]
        if seen < _PAGE or f"({last}" == start:
            return
        start = f"({last}"


def _read_dead(row: Answer) -> _Dead:
    match listed(row):
        case [str(entry_id), str(consumer), int(idle_ms), int(deliveries)] if _is_id(entry_id):
            return _Dead(entry_id, consumer, idle_ms, deliveries)
    raise ProbeFailed("receive", "the answer is not a pending entry")


def _message(dead: _Dead, entries: list[Answer]) -> Message:
    headers = {
        "deliveries": str(dead.deliveries),
        "idle": f"{dead.idle_ms // 1_000} s",
        "consumer": shown(dead.consumer, 200),
    }
    if not entries:
        gone = "deleted from the stream"
        return Message(dead.id, "", 0, age_of(dead.id), {"entry": gone, **headers})
    return replace(message_of(listed(entries[0])), headers=headers)


async def _act(client: RespClient, script: str, group: Group, ids: Sequence[str]) -> int:
    """What cannot be an id is not found."""
    known = [entry_id for entry_id in ids if _is_id(entry_id)]
    count = 0
    for first in range(0, len(known), _PAGE):
        fixed = (group.name, str(group.max_deliveries))
        count += whole(await client.ask("EVAL", script, "1", group.key, *fixed, *known[first : first + _PAGE]))
    return count


def _is_id(text: str) -> bool:
    found = _ID.fullmatch(text)
    return found is not None and all(int(part) <= _ID_PART_MAX for part in found.groups())
