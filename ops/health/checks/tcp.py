"""``tcp``: a connection can be opened; when asked to, something is sent, and the answer is as expected."""

import re
from functools import cached_property
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from core.egress import Endpoint
from core.validation import wrong_field
from ops.health.checks.patterns import BytesPattern, compile_pattern
from ops.probing.attempt import Stream, attempt
from ops.probing.body import Body
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port
from ops.probing.probe import Observation, ProbeContext

ANSWER_LIMIT = 16_384
"""Bytes of an answer that are looked at; expected is what comes within them."""

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.)|$)", re.DOTALL)
_ESCAPED = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def unescape(text: str) -> bytes:
    r"""The bytes that a text with ``\r``, ``\n``, ``\t``, ``\0``, ``\\`` and ``\x1b`` stands for; the rest is UTF-8.

    Raises ``ValueError`` for any other escape.
    """

    def bytes_of(found: re.Match[str]) -> bytes:
        if found[1]:
            return bytes.fromhex(found[1])
        if found[2] not in _ESCAPED:
            raise ValueError(r"known escapes are \r \n \t \0 \\ and \x41; write \\ for a backslash")
        return _ESCAPED[found[2]].encode()

    parts, position = [], 0
    for found in _ESCAPE.finditer(text):
        parts += [text[position : found.start()].encode(), bytes_of(found)]
        position = found.end()
    return b"".join([*parts, text[position:].encode()])


def _check_escapes(value: str) -> str:
    unescape(value)
    return value


type Escaped = Annotated[str, Field(min_length=1, max_length=4_096), AfterValidator(_check_escapes)]


class TcpConfig(KindConfig):
    r"""``expect`` is a text that the answer must contain, ``expect_pattern`` an RE2 pattern that it must match.

    ``send`` and ``expect`` know the escapes ``\r \n \t \0 \\ \x41``.
    """

    presentation: ClassVar[Presentation] = Presentation(
        title="TCP",
        summary="Opens a connection to a port, and closes it.",
        glyph="M1.5 8h3m7 0h3M4.5 5v6h2a3 3 0 0 0 0-6Zm7 0v6h-2M9 6.5h2.5M9 9.5h2.5",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[RESPONSE_TIME] < 100",),
    )

    host: Host = Field(title="Host", examples=["payments-db.internal"])
    port: Port = Field(title="Port", examples=[5432])
    send: Escaped | None = Field(
        None,
        title="Send",
        description=r"Escapes: \r \n \t \0 \x41.",
        examples=[r"PING\r\n"],
        json_schema_extra={"advanced": True},
    )
    expect: Escaped | None = Field(
        None,
        title="Expect",
        description="Text that the answer contains.",
        examples=["220 "],
        json_schema_extra={"advanced": True},
    )
    expect_pattern: BytesPattern | None = Field(
        None,
        title="Expect pattern",
        description="A regular expression (RE2) that the answer matches.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _refuse_two_expectations(self) -> Self:
        if self.expect is not None and self.expect_pattern is not None:
            raise wrong_field("expect_pattern", "expect a text or a pattern, not both")
        return self

    @property
    def is_answered(self) -> bool:
        return (self.send, self.expect, self.expect_pattern) != (None, None, None)

    @cached_property
    def sent_bytes(self) -> bytes:
        return unescape(self.send or "")

    @cached_property
    def expected_bytes(self) -> bytes:
        return unescape(self.expect or "")

    def is_expected(self, answer: bytes) -> bool:
        """Whether this much of the answer is enough; without an expectation its first bytes are."""
        if self.expect_pattern is not None:
            return compile_pattern(self.expect_pattern).search(answer) is not None
        return self.expected_bytes in answer if self.expect is not None else bool(answer)


class TcpKind:
    name: ClassVar[str] = "tcp"
    Config: ClassVar[type[KindConfig]] = TcpConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"BODY", "CONNECTED", "IP", "RESPONSE_TIME"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: TcpConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    def expectation(self, config: TcpConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: TcpConfig, context: ProbeContext) -> Observation:
        async with attempt(context) as running:
            if not config.is_answered:
                connection, address = await running.dial(config.host, config.port)
                connection.close()
                return running.observe(CONNECTED=True, IP=address)
            async with running.stream(config.host, config.port, limit=ANSWER_LIMIT) as stream:
                with running.step("receive", "waiting for the answer"):
                    answer = await _ask(config, stream)
                return running.observe(CONNECTED=True, IP=stream.address, BODY=Body(answer))
        raise AssertionError("an attempt swallows nothing")


async def _ask(config: TcpConfig, stream: Stream) -> bytes:
    if config.send is not None:
        await stream.send(config.sent_bytes)
    return await stream.read_until(config.is_expected, limit=ANSWER_LIMIT)
