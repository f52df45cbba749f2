"""``actuator``: what Spring Boot's health endpoint says of the application and of its components."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from core.egress import Endpoint
from ops.probing.body import Body
from ops.probing.config import KindConfig, Presentation
from ops.probing.http_config import RequestConfig, endpoint_of
from ops.probing.http_fetch import HTTP_PLACEHOLDERS, fetch
from ops.probing.probe import Finding, Observation, ProbeContext
from ops.signals.domain import Status

OUTCOMES = {
    "UP": Status.HEALTHY,
    "UNKNOWN": Status.UNKNOWN,
    "OUT_OF_SERVICE": Status.UNHEALTHY,
    "DOWN": Status.UNHEALTHY,
}
"""Spring's own words; one that an application made up is degraded."""
NAMED_COMPONENTS = 10
_DEPTH_MAX = 5


class ActuatorConfig(RequestConfig):
    """``url`` is that of the endpoint, such as ``https://api.example.com/actuator/health``."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Spring Actuator",
        summary="Asks a Spring application for its health and that of its components.",
        glyph="M5.5 3.5a6 6 0 1 0 5 0M8 1.5v6",
        suggested={"interval": "30s", "timeout": "5s"},
    )


class ActuatorKind:
    name: ClassVar[str] = "actuator"
    Config: ClassVar[type[KindConfig]] = ActuatorConfig
    placeholders: ClassVar[frozenset[str]] = HTTP_PLACEHOLDERS
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: ActuatorConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    def expectation(self, config: ActuatorConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: ActuatorConfig, context: ProbeContext) -> Observation:
        """Raises ``ProbeFailed``. An application that is down answers 503 with its health; only the health counts."""
        seen = await fetch(config.request, context)
        seen.finding = _judge(seen.values["BODY"], seen.values["STATUS"])
        return seen


def _judge(body: Body, code: int) -> Finding | None:
    health = body.json
    word = health.get("status") if isinstance(health, dict) else None
    if not isinstance(health, dict) or not isinstance(word, str):
        return Finding(Status.UNHEALTHY, f"answered {code} without the health of an application", "body")
    outcome = OUTCOMES.get(word, Status.DEGRADED)
    if outcome is Status.HEALTHY:
        return None
    failing = list(_failing(health, "", 0))
    named = ", ".join(failing[:NAMED_COMPONENTS])
    more = f" and {len(failing) - NAMED_COMPONENTS} more" if len(failing) > NAMED_COMPONENTS else ""
    return Finding(outcome, f"the application says {word[:40]}" + (f": {named}{more}" if named else ""), "body")


def _failing(health: Mapping[str, Any], prefix: str, depth: int) -> Iterator[str]:
    """The innermost components that are not up, as ``db.primary (DOWN)``. Spring Boot 2.0 calls them details."""
    components = health.get("components") or health.get("details")
    if not isinstance(components, dict) or depth > _DEPTH_MAX:
        return
    for name, component in components.items():
        word = component.get("status") if isinstance(component, dict) else None
        if not isinstance(word, str) or word == "UP":
            continue
        inner = list(_failing(component, f"{prefix}{name}.", depth + 1))
        yield from inner or [f"{prefix}{name} ({word[:40]})"]
