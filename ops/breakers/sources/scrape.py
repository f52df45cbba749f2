"""``scrape``: the breakers on a page in Prometheus's format, Resilience4j's or others by a mapping."""

import asyncio
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue

from core.egress import Endpoint
from core.text import spelled
from ops.breakers.domain import KNOWN_STATES, BreakerState
from ops.breakers.sources.mapped_page import PageMapping, read_breakers
from ops.breakers.sources.source import Survey
from ops.probing.config import KindConfig, Presentation
from ops.probing.http_config import RequestConfig, endpoint_of
from ops.probing.http_fetch import fetch
from ops.probing.probe import ProbeContext, ProbeFailed

INLINE_CHARACTERS = 65_536
"""A longer page is read in a thread."""

_METRIC, _LABEL = "([a-zA-Z_:][a-zA-Z0-9_:]*)?", "([a-zA-Z_][a-zA-Z0-9_]*)?"
MetricName = Annotated[
    str,
    AfterValidator(spelled(_METRIC, "must be letters, digits, _ and :, and not begin with a digit")),
    Field(max_length=200, json_schema_extra={"pattern": f"^{_METRIC}$"}),
]
LabelName = Annotated[
    str,
    AfterValidator(spelled(_LABEL, "must be letters, digits and _, and not begin with a digit")),
    Field(max_length=100, json_schema_extra={"pattern": f"^{_LABEL}$"}),
]
StateWord = Literal["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"]
_ADVANCED: dict[str, JsonValue] = {"advanced": True}
_RESILIENCE4J = "resilience4j_circuitbreaker_"


class ScrapeConfig(RequestConfig):
    """``url`` is that of the page. The other fields map a page of other programs: which metric tells the state, whether
    by a label (one-hot) or by its value, and which value means which state."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Metrics page",
        summary="Reads breakers from a /metrics page: Resilience4j's, or others by a mapping.",
        glyph="M2 13.5V2.5M2 13.5h12M4.5 10l3-3.5 2.5 2 3.5-4.5",
        suggested={"interval": "15s", "timeout": "5s"},
    )

    metric: MetricName = Field(f"{_RESILIENCE4J}state", min_length=1, title="Metric of the state")
    name_label: LabelName = Field("name", min_length=1, title="Label of the name", json_schema_extra=_ADVANCED)
    state_label: LabelName = Field(
        "state",
        title="Label of the state",
        description="Of a metric that is 1 for the state it is in; empty when its value is the state.",
        json_schema_extra=_ADVANCED,
    )
    instance_label: LabelName = Field(
        "", title="Label of the instance", description="Where one page tells of several.", json_schema_extra=_ADVANCED
    )
    states: Annotated[dict[Annotated[str, Field(max_length=100)], StateWord], Field(max_length=50)] = Field(
        default_factory=dict,
        title="States",
        description="What the label or the value says, and which state it means; left out, the states' own words.",
        examples=["1: open"],
        json_schema_extra=_ADVANCED,
    )
    calls_metric: MetricName = Field(f"{_RESILIENCE4J}calls_seconds_count", json_schema_extra=_ADVANCED)
    not_permitted_metric: MetricName = Field(f"{_RESILIENCE4J}not_permitted_calls_total", json_schema_extra=_ADVANCED)
    buffered_metric: MetricName = Field(f"{_RESILIENCE4J}buffered_calls", json_schema_extra=_ADVANCED)
    slow_metric: MetricName = Field(f"{_RESILIENCE4J}slow_calls", json_schema_extra=_ADVANCED)
    failure_rate_metric: MetricName = Field(f"{_RESILIENCE4J}failure_rate", json_schema_extra=_ADVANCED)
    slow_rate_metric: MetricName = Field(f"{_RESILIENCE4J}slow_call_rate", json_schema_extra=_ADVANCED)

    @cached_property
    def mapping(self) -> PageMapping:
        words = {state.value: state for state in KNOWN_STATES}
        chosen = {said.strip().lower(): BreakerState(meant) for said, meant in self.states.items()}
        return PageMapping(
            metric=self.metric,
            name_label=self.name_label,
            states=chosen or words,
            state_label=self.state_label,
            instance_label=self.instance_label,
            calls_metric=self.calls_metric,
            not_permitted_metric=self.not_permitted_metric,
            buffered_metric=self.buffered_metric,
            slow_metric=self.slow_metric,
            failure_rate_metric=self.failure_rate_metric,
            slow_rate_metric=self.slow_rate_metric,
        )


class ScrapeSource:
    name: ClassVar[str] = "scrape"
    Config: ClassVar[type[KindConfig]] = ScrapeConfig

    def targets(self, config: ScrapeConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    async def look(self, config: ScrapeConfig, context: ProbeContext) -> Survey:
        """Raises ``ProbeFailed``. A page without a breaker is no failure: programs make them when they first call."""
        seen = await fetch(config.request, context)
        if seen.values["STATUS"] != 200:
            raise ProbeFailed("receive", f"answered {seen.values['STATUS']} instead of the metrics")
        page = seen.values["BODY"].text
        if len(page) <= INLINE_CHARACTERS:
            return read_breakers(page, config.mapping)
        return await asyncio.get_running_loop().run_in_executor(None, read_breakers, page, config.mapping)
