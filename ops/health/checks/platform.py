"""``platform``: one of the platform's own parts works, asked the same way as ``/readyz`` asks.

It needs no permission to connect: it dials what the platform is configured to use, never what somebody typed.
"""

import asyncio
import time
from typing import ClassVar, Literal

from pydantic import Field

from core.egress import Endpoint
from core.readiness import Component, read_component
from ops.probing.config import KindConfig, Presentation
from ops.probing.probe import Observation, ProbeContext, ProbeFailed


class PlatformConfig(KindConfig):
    presentation: ClassVar[Presentation] = Presentation(
        title="Quarterdeck itself",
        summary="Asks one of the parts that this dashboard runs on.",
        glyph="M2.5 11.5a5.5 5.5 0 0 1 11 0ZM8 11.5 10.5 8M1.5 13.5h13",
        suggested={"interval": "30s", "timeout": "5s"},
        dials=False,
        offered=False,  # the platform's own entries have it already
    )

    component: Literal["web", "worker", "scheduler", "database", "broker"] = Field(title="Part")


class PlatformKind:
    name: ClassVar[str] = "platform"
    Config: ClassVar[type[KindConfig]] = PlatformConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"CONNECTED", "RESPONSE_TIME"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: PlatformConfig) -> list[Endpoint]:  # noqa: ARG002 - nothing that was typed is dialled
        return []

    def expectation(self, config: PlatformConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: PlatformConfig, context: ProbeContext) -> Observation:
        started = time.perf_counter()
        reading = await asyncio.to_thread(  # a store that hangs must not hold up the other probes
            read_component, Component(config.component), timeout_seconds=context.timeout_seconds
        )
        duration_us = round((time.perf_counter() - started) * 1e6)
        if not reading.ok:
            raise ProbeFailed("receive", reading.output, duration_us=duration_us)
        return Observation(duration_us=duration_us, values={"CONNECTED": True})
