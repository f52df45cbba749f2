"""The protocol of Redis and Valkey (RESP 2), spoken by hand over a stream: bounded in size and depth."""

import asyncio

from ops.probing.attempt import Stream
from ops.probing.probe import ProbeFailed

ANSWER_LIMIT = 1 << 18
"""Bytes of one text in an answer, and of a line."""

_ITEMS_MAX = 1_000
_DEPTH_MAX = 3

type Answer = str | int | list["Answer"] | None


class RespClient:
    """Raises ``ProbeFailed`` for an error, for what is not the protocol, and when the server closes."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def sign_in(self, username: str | None, password: str | None) -> None:
        """Nothing without a password."""
        if password is not None:
            await self.ask("AUTH", *([username] if username is not None else []), password)

    async def ask(self, *words: str) -> Answer:
        encoded = [word.encode() for word in words]
        lengths = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        await self._stream.send(b"*%d\r\n" % len(encoded) + lengths)
        try:
            return await self._read(words[0], depth=0)
        except asyncio.IncompleteReadError:
            raise ProbeFailed("receive", "connection closed without an answer") from None
        except (asyncio.LimitOverrunError, ValueError):
            raise ProbeFailed("receive", "the answer is not Redis") from None

    async def _read(self, command: str, *, depth: int) -> Answer:
        line = (await self._stream.reader.readuntil(b"\r\n"))[:-2].decode(errors="replace")
        kind, rest = line[:1], line[1:]
        match kind:
            case "+":
                return rest
            case "-":
                raise ProbeFailed("receive", f"{command} is refused: {rest[:200]}")
            case ":":
                return int(rest[:20])
            case "$":
                return await self._read_text(_size(rest, ANSWER_LIMIT))
            case "*" if depth < _DEPTH_MAX:
                size = _size(rest, _ITEMS_MAX)
                return None if size < 0 else [await self._read(command, depth=depth + 1) for _ in range(size)]
        raise ValueError("neither a text nor a number nor a list")

    async def _read_text(self, size: int) -> str | None:
        if size < 0:
            return None
        return (await self._stream.reader.readexactly(size + 2))[:-2].decode(errors="replace")


def _size(text: str, limit: int) -> int:
    size = int(text[:20])
    if not -1 <= size <= limit:
        raise ValueError("out of bounds")
    return size
