"""The protocol of Redis and Valkey (RESP 2), spoken by hand over a stream: bounded in size and depth."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from ops.probing.attempt import Stream
from ops.probing.probe import ProbeFailed

ANSWER_LIMIT = 1 << 18
"""Bytes of one text in an answer, and of a line."""

KEPT_LIMIT = 1 << 25
"""Bytes of all texts in the answers to commands that are sent at once."""

_ITEMS_MAX = 1_000
_DEPTH_MAX = 5
_CHUNK = 1 << 16
_LONG_TEXT_MAX = 1 << 29  # what Redis itself takes

type Answer = str | int | list["Answer"] | None


class CommandRefused(ProbeFailed):
    """The server answered with an error; ``code`` is its first word, such as WRONGTYPE."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__("receive", f"{command} is refused: {text[:200]}")
        self.code = text.partition(" ")[0]


class CutText(str):
    """The beginning and the end of a text that was too long; ``size`` is that of the whole, in bytes."""

    __slots__ = ("size",)
    size: int


class RespClient:
    """Raises ``ProbeFailed`` for an error, for what is not the protocol, and when the server closes.

    Texts are UTF-8, with signs for what is not. A client that ``keeps_bytes`` gives these as surrogates, so that a
    text that is sent back is the same one, and ``CutText`` for a text over the limit instead of failing.
    """

    def __init__(self, stream: Stream, *, keeps_bytes: bool = False) -> None:
        self._stream = stream
        self._errors = "surrogateescape" if keeps_bytes else "replace"
        self._cuts = keeps_bytes
        self._room = KEPT_LIMIT

    async def sign_in(self, username: str | None, password: str | None) -> None:
        """Nothing without a password."""
        if password is not None:
            await self.ask("AUTH", *([username] if username is not None else []), password)

    async def ask(self, *words: str) -> Answer:
        return (await self.ask_all([words]))[0]

    async def ask_all(self, commands: Sequence[Sequence[str]]) -> list[Answer]:
        """The answers to commands that are sent at once. Raises for the first that is refused, when all are read."""
        self._room = KEPT_LIMIT
        await self._stream.send(b"".join(self._encode(words) for words in commands))
        answers: list[Answer] = []
        refused: CommandRefused | None = None
        for words in commands:
            try:
                answers.append(await self._read(words[0], depth=0))
            except CommandRefused as error:
                refused = refused or error
            except asyncio.IncompleteReadError:
                raise ProbeFailed("receive", "connection closed without an answer") from None
            except (asyncio.LimitOverrunError, ValueError):
                raise ProbeFailed("receive", "the answer is not Redis") from None
        if refused is not None:
            raise refused
        return answers

    async def listen(self, pattern: str) -> AsyncIterator[str]:
        """The messages to all channels of the pattern, without end; the client is good for nothing else then."""
        await self.ask("PSUBSCRIBE", pattern)
        while True:
            self._room = KEPT_LIMIT
            try:
                pushed = await self._read("PSUBSCRIBE", depth=0)
            except asyncio.IncompleteReadError:
                raise ProbeFailed("receive", "connection closed while listening") from None
            except (asyncio.LimitOverrunError, ValueError):
                raise ProbeFailed("receive", "the answer is not Redis") from None
            if isinstance(pushed, list) and len(pushed) == 4 and isinstance(text := pushed[3], str):
                yield text
            await asyncio.sleep(0)  # a flood must not keep the others from running

    def _encode(self, words: Sequence[str]) -> bytes:
        encoded = [word.encode(errors=self._errors) for word in words]
        return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)

    async def _read(self, command: str, *, depth: int) -> Answer:
        line = (await self._stream.reader.readuntil(b"\r\n"))[:-2].decode(errors="replace")
        kind, rest = line[:1], line[1:]
        match kind:
            case "+":
                return rest
            case "-":
                raise CommandRefused(command, rest)
            case ":":
                return int(rest[:20])
            case "$":
                return await self._read_text(_size(rest, _LONG_TEXT_MAX if self._cuts else ANSWER_LIMIT))
            case "*" if depth < _DEPTH_MAX:
                size = _size(rest, _ITEMS_MAX)
                return None if size < 0 else [await self._read(command, depth=depth + 1) for _ in range(size)]
        raise ValueError("neither a text nor a number nor a list")

    async def _read_text(self, size: int) -> str | None:
        if size < 0:
            return None
        self._room -= min(size, ANSWER_LIMIT)
        if self._room < 0:
            raise ProbeFailed("receive", f"the answers are over {KEPT_LIMIT >> 20} MiB")
        if size > ANSWER_LIMIT:
            return await self._read_long_text(size)
        return (await self._stream.reader.readexactly(size + 2))[:-2].decode(errors=self._errors)

    async def _read_long_text(self, size: int) -> CutText:
        beginning = await self._stream.reader.readexactly(_CHUNK)
        left = size - 2 * _CHUNK
        while left > 0:
            left -= len(await self._stream.reader.readexactly(min(left, _CHUNK)))
        end = (await self._stream.reader.readexactly(_CHUNK + 2))[:-2]
        text = CutText((beginning + end).decode(errors=self._errors))
        text.size = size
        return text


def _size(text: str, limit: int) -> int:
    size = int(text[:20])
    if not -1 <= size <= limit:
        raise ValueError("out of bounds")
    return size
