"""What workers have taken from a queue and not finished: kombu's ``unacked``, of all queues of the broker together."""

import json
from dataclasses import dataclass
from typing import Any

import re2

from ops.probing.celery_control import SEPARATOR
from ops.probing.resp import CommandRefused, RespClient
from ops.queues.sources.answers import listed, texts, whole
from ops.queues.sources.kombu import read_envelope

READ_MAX = 1_000
"""Entries that are looked into; of more, the share of the queue among these is taken for that of all."""

EXCHANGES_MAX = 20
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Unacked:
    """``scheduled`` are those of ``total`` that wait for their time."""

    total: int = 0
    scheduled: int = 0


async def read_unacked(client: RespClient, queue: str, *, keyprefix: str, now: float) -> Unacked:
    """Raises ``ProbeFailed``."""
    key, routes = f"{keyprefix}unacked", _Routes(client, queue, keyprefix)
    total = whole(await client.ask("HLEN", key))
    if not total:
        return Unacked()
    cursor, read, ours, scheduled = "0", 0, 0, 0
    while read < READ_MAX:
        page = listed(await client.ask("HSCAN", key, cursor, "COUNT", str(_PAGE)))
        cursor, entries = (str(page[0]), texts(page[1])[1::2]) if len(page) == 2 else ("0", [])
        for entry in entries:
            message, exchange, routing_key = _parse(entry)
            read += 1
            if await routes.lead_here(exchange, routing_key):
                ours += 1
                scheduled += (read_envelope(message, now=now).eta or 0) > now
        if cursor == "0":
            break
    if not read or cursor == "0":
        return Unacked(ours, scheduled)
    return Unacked(round(total * ours / read), round(total * scheduled / read))


def _parse(entry: str) -> tuple[dict[str, Any], str, str]:
    """The message, its exchange and its routing key; empty for what is none."""
    try:
        message, exchange, routing_key = json.loads(entry)
    except (ValueError, TypeError, RecursionError):
        return {}, "", ""
    return (message if isinstance(message, dict) else {}), str(exchange), str(routing_key)


class _Routes:
    """Which routing keys of an exchange lead to the queue, by the bindings that kombu keeps."""

    def __init__(self, client: RespClient, queue: str, keyprefix: str) -> None:
        self._client = client
        self._queue = queue
        self._keyprefix = keyprefix
        self._keys: dict[str, list[tuple[str, str]]] = {}

    async def lead_here(self, exchange: str, routing_key: str) -> bool:
        if not exchange:
            return routing_key == self._queue
        if exchange not in self._keys:
            if len(self._keys) >= EXCHANGES_MAX:
                return routing_key == self._queue
            self._keys[exchange] = await self._bindings(exchange)
        return any(_matches(routing_key, key, pattern) for key, pattern in self._keys[exchange])

    async def _bindings(self, exchange: str) -> list[tuple[str, str]]:
        """The keys and patterns of the exchange that are bound to the queue."""
        try:
            page = listed(
                await self._client.ask("SSCAN", f"{self._keyprefix}_kombu.binding.{exchange}", "0", "COUNT", "500")
            )
        except CommandRefused:
            return [(self._queue, "")]
        members = [text.split(SEPARATOR) for text in texts(page[1] if len(page) == 2 else None)]
        return [(member[0], member[1]) for member in members if len(member) == 3 and member[2] == self._queue]


def _matches(routing_key: str, key: str, pattern: str) -> bool:
    """A pattern is the regular expression into which kombu turned the key of a topic exchange."""
    if key == routing_key or not pattern:
        return key == routing_key
    try:
        return re2.fullmatch(pattern.encode(errors="replace"), routing_key.encode(errors="replace")) is not None
    except re2.error:
        return False
