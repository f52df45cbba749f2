"""``http``: a request is answered as its conditions say."""

import asyncio
from typing import Any, ClassVar

from core.egress import Endpoint
from ops.health.checks.expression import compile_expression
from ops.health.checks.http_config import HttpConfig, endpoint_of
from ops.health.checks.http_fetch import HTTP_PLACEHOLDERS, fetch
from ops.health.checks.kind import Finding, KindConfig, Observation, ProbeContext
from ops.health.conditions import Body
from ops.health.domain import Status

INLINE_BYTES = 16_384
"""A longer body is searched in a thread: at worst an expression takes seconds for a mebibyte."""


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
