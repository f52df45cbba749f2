"""``prometheus``: the value of a metric on a page such as ``/metrics``."""

from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from core.egress import Endpoint
from ops.probing.config import KindConfig, Presentation
from ops.probing.http_config import RequestConfig, endpoint_of
from ops.probing.http_fetch import HTTP_PLACEHOLDERS, fetch
from ops.probing.metrics_page import (
    AGGREGATIONS,
    COMPARISONS,
    MetricSelector,
    Selector,
    parse_comparison,
    parse_selector,
    select_all,
)
from ops.probing.probe import Finding, Observation, ProbeContext
from ops.signals.domain import Status


def _validate_comparison(text: str) -> str:
    parse_comparison(text)
    return text.strip()


class PrometheusConfig(RequestConfig):
    """``metric`` selects series; several become one value by ``aggregation``, which ``expect`` compares."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Prometheus metric",
        summary="Compares the value of a metric on a /metrics page.",
        glyph="M2 13.5V2.5M2 13.5h12M4.5 10l3-3.5 2.5 2 3.5-4.5",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[VALUE] < 100",),
    )

    metric: MetricSelector = Field(title="Metric", examples=['http_requests_total{code=~"5.."}'])
    aggregation: Literal["sum", "avg", "min", "max", "count"] = Field(
        "sum", title="Of several series", description="How they become one value."
    )
    expect: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_validate_comparison)] | None = Field(
        None, title="Expected", description="[VALUE] does the same in conditions.", examples=["> 5"]
    )

    @cached_property
    def selector(self) -> Selector:
        return parse_selector(self.metric)


class PrometheusKind:
    name: ClassVar[str] = "prometheus"
    Config: ClassVar[type[KindConfig]] = PrometheusConfig
    placeholders: ClassVar[frozenset[str]] = HTTP_PLACEHOLDERS | {"VALUE"}
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: PrometheusConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    def expectation(self, config: PrometheusConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: PrometheusConfig, context: ProbeContext) -> Observation:
        """Raises ``ProbeFailed``."""
        seen = await fetch(config.request, context)
        status, page = seen.values["STATUS"], seen.values["BODY"].text
        if status != 200:
            seen.finding = Finding(Status.UNHEALTHY, f"answered {status} instead of the metrics", "body")
            return seen
        _judge(config, seen, (await select_all(page, [config.selector]))[0])
        return seen


def _judge(config: PrometheusConfig, seen: Observation, values: list[float]) -> None:
    if not values and config.aggregation != "count":
        seen.finding = Finding(Status.UNHEALTHY, f"no series of {config.metric} on the page", "value")
        return
    value = AGGREGATIONS[config.aggregation](values)
    seen.values["VALUE"] = value
    if config.expect is not None:
        sign, limit = parse_comparison(config.expect)
        if not COMPARISONS[sign](value, limit):
            name = config.metric if len(values) == 1 else f"{config.aggregation} of {config.metric}"
            seen.finding = Finding(Status.UNHEALTHY, f"{name} is {value:g}, expected {config.expect}", "value")
