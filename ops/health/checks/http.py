"""``http``: a request is answered as its conditions say."""

import asyncio
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from core.egress import Endpoint
from ops.probing.body import Body
from ops.probing.config import KindConfig, Presentation
from ops.probing.expression import Expression, compile_expression
from ops.probing.http_config import RequestConfig, endpoint_of
from ops.probing.http_fetch import HTTP_PLACEHOLDERS, fetch
from ops.probing.http_request import Request
from ops.probing.probe import Finding, Observation, ProbeContext
from ops.signals.domain import Status

INLINE_BYTES = 16_384
"""A longer body is searched in a thread: at worst an expression takes seconds for a mebibyte."""


type Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class HttpConfig(RequestConfig):
    """One request. Redirects are followed on demand, at most three, without headers and body on another origin."""

    presentation: ClassVar[Presentation] = Presentation(
        title="HTTP",
        summary="Requests an address and judges the answer: its status, its body, how long it took.",
        glyph="M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM2 8h12M8 2c3.5 3.5 3.5 8.5 0 12M8 2c-3.5 3.5-3.5 8.5 0 12",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[STATUS] == 200", "[BODY].status == ok"),
    )

    method: Method = Field("GET", title="Method", json_schema_extra={"advanced": True})
    body: Annotated[str, Field(max_length=65_536)] | None = Field(
        None, title="Body", json_schema_extra={"advanced": True, "multiline": True}
    )
    follow_redirects: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        title="Follow redirects, three at most",
        json_schema_extra={"advanced": True},
    )
    http2: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        title="Ask by HTTP/2",
        json_schema_extra={"advanced": True},
    )
    expect_body: Expression | None = Field(
        None,
        title="Body matches",
        description="A regular expression (RE2) found anywhere in the body.",
        examples=["ready|healthy"],
        json_schema_extra={"advanced": True},
    )

    @property
    def request(self) -> Request:
        return Request(self.url, self.method, self.header_lines, self.body_bytes, self.verify_tls, self.http2)

    @cached_property
    def body_bytes(self) -> bytes | None:
        return None if self.body is None else self.body.encode()


class HttpKind:
    name: ClassVar[str] = "http"
    Config: ClassVar[type[KindConfig]] = HttpConfig
    placeholders: ClassVar[frozenset[str]] = HTTP_PLACEHOLDERS
    default_conditions: ClassVar[tuple[str, ...]] = ("[STATUS] >= 200", "[STATUS] < 400")

    def targets(self, config: HttpConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    def expectation(self, config: HttpConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: HttpConfig, context: ProbeContext) -> Observation:
        """Raises ``ProbeFailed``."""
        seen = await fetch(config.request, context, follow_redirects=config.follow_redirects)
        if config.expect_body is not None and not await _matches(config.expect_body, seen.values["BODY"]):
            seen.finding = Finding(Status.UNHEALTHY, f"the body does not match {config.expect_body}", "body")
        return seen


async def _matches(expression: str, body: Body) -> bool:
    program, text = compile_expression(expression), body.text
    if len(body.data) <= INLINE_BYTES:
        return _search(program, text)
    return await asyncio.get_running_loop().run_in_executor(None, _search, program, text)


def _search(program: Any, text: str) -> bool:
    return program.search(text) is not None
