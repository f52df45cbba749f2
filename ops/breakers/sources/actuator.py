"""``actuator``: the breakers of a Spring application, by Resilience4j's endpoint ``circuitbreakers``."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

import orjson
from pydantic import Field

from core.egress import Endpoint
from ops.breakers.domain import COUNT_MAX, KNOWN_STATES, Action, BreakerState, Counters
from ops.breakers.models import NAME_MAX
from ops.breakers.sources.source import SEEN_MAX, Seen, Survey
from ops.probing.config import KindConfig, Presentation
from ops.probing.http_config import RequestConfig, endpoint_of
from ops.probing.http_fetch import fetch
from ops.probing.probe import ProbeContext, ProbeFailed

UPDATES: Mapping[Action, str] = {
    Action.FORCE_OPEN: "FORCE_OPEN",
    Action.CLOSE: "CLOSE",
    Action.DISABLE: "DISABLE",
}
"""What the endpoint takes; it has no word for a reset."""
_STATES = {state.value.upper(): state for state in KNOWN_STATES}


class ActuatorConfig(RequestConfig):
    """``url`` is that of the endpoint, such as ``https://api.example.com/actuator/circuitbreakers``."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Spring Actuator",
        summary="Reads the breakers of a Spring application, and acts on them where that is allowed.",
        glyph="M5.5 3.5a6 6 0 1 0 5 0M8 1.5v6",
        suggested={"interval": "15s", "timeout": "5s"},
    )

    control: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        strict=True,
        title="May be controlled",
        description="Operators may force its breakers open, close and disable them.",
    )


class ActuatorSource:
    name: ClassVar[str] = "actuator"
    Config: ClassVar[type[KindConfig]] = ActuatorConfig

    def targets(self, config: ActuatorConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    async def look(self, config: ActuatorConfig, context: ProbeContext) -> Survey:
        """Raises ``ProbeFailed``."""
        answer = await fetch(config.request, context)
        status, document = answer.values["STATUS"], answer.values["BODY"].json
        breakers = document.get("circuitBreakers") if isinstance(document, dict) else None
        if status != 200 or not isinstance(breakers, dict):
            raise ProbeFailed("receive", f"answered {status} without the breakers of an application")
        kept = [(name, details) for name, details in breakers.items() if _is_kept(name)][:SEEN_MAX]
        return Survey([_read(name, details) for name, details in kept], len(breakers) - len(kept))

    def actions(self, config: ActuatorConfig) -> frozenset[Action]:
        return frozenset(UPDATES) if config.control else frozenset()

    async def act(self, config: ActuatorConfig, context: ProbeContext, *, breaker: str, action: Action) -> None:
        """Raises ``ProbeFailed`` unless the application says that it did it."""
        address, mark, query = config.url.partition("?")
        headers = (*config.request.header_lines, "Content-Type: application/json", "Accept: application/json")
        request = replace(
            config.request,
            url=f"{address.rstrip('/')}/{quote(breaker, safe='')}{mark}{query}",
            method="POST",
            header_lines=headers,
            body=orjson.dumps({"updateState": UPDATES[action]}),
        )
        status = (await fetch(request, context)).values["STATUS"]
        if not 200 <= status < 300:
            raise ProbeFailed("receive", f"answered {status} instead of doing it")


def _is_kept(name: str) -> bool:
    return 0 < len(name) <= NAME_MAX and name.isprintable()


def _read(name: str, details: Any) -> Seen:
    """One entry; whatever in it is of another type than it should be is not told."""
    found = details if isinstance(details, dict) else {}
    word = found.get("state")
    state = _STATES.get(word) if isinstance(word, str) else None
    counters = Counters(
        slow=_count(found.get("slowCalls")),
        not_permitted=_count(found.get("notPermittedCalls")),
        buffered=_count(found.get("bufferedCalls")),
        failure_share=_share(found.get("failureRate")),
        slow_share=_share(found.get("slowCallRate")),
    )
    if state is None:
        return Seen(name, BreakerState.UNKNOWN, counters=counters, message=f"its state is {str(word)[:40]!r}")
    return Seen(name, state, counters=counters)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX else None


def _share(value: Any) -> float | None:
    """``12.5%`` or a number of percents; -1 says that there were too few calls to tell."""
    try:
        percent = float(value.removesuffix("%")) if isinstance(value, str) and len(value) < 32 else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return percent / 100 if math.isfinite(percent) and 0 <= percent <= 100 else None
