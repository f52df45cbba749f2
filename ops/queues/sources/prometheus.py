"""``prometheus``: a queue of which an exporter tells on a page such as ``/metrics``."""

import math
from typing import ClassVar, Literal

from pydantic import Field

from core.egress import Endpoint
from ops.probing.config import KindConfig, Presentation
from ops.probing.http_config import RequestConfig, endpoint_of
from ops.probing.http_fetch import fetch
from ops.probing.metrics_page import AGGREGATIONS, MetricSelector, parse_selector, select_all
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.sources.source import Reading


class PrometheusQueueConfig(RequestConfig):
    """Each ``*_metric`` selects series of the page; several are added up, but of ages the highest counts."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Metrics page",
        summary="Size, age and consumers from the metrics of an exporter.",
        glyph="M2 13.5V2.5M2 13.5h12M4.5 10l3-3.5 2.5 2 3.5-4.5",
        suggested={"interval": "30s", "timeout": "5s"},
    )

    size_metric: MetricSelector = Field(title="Size", examples=['celery_queue_length{queue_name="mail"}'])
    age_metric: MetricSelector | None = Field(
        None, title="Oldest age", description="In seconds.", examples=["queue_oldest_message_age_seconds"]
    )
    consumers_metric: MetricSelector | None = Field(None, title="Consumers", examples=["queue_consumers"])
    added_metric: MetricSelector | None = Field(
        None,
        title="Messages in",
        description="A counter.",
        examples=["queue_messages_added_total"],
        json_schema_extra={"advanced": True},
    )
    removed_metric: MetricSelector | None = Field(
        None,
        title="Messages out",
        description="A counter.",
        examples=["queue_messages_removed_total"],
        json_schema_extra={"advanced": True},
    )
    aggregation: Literal["sum", "max"] = Field(
        "sum",
        title="Of several series",
        description="max where several exporters tell of the same queue.",
        json_schema_extra={"advanced": True},
    )


class PrometheusSource:
    name: ClassVar[str] = "prometheus"
    Config: ClassVar[type[KindConfig]] = PrometheusQueueConfig

    def targets(self, config: PrometheusQueueConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    async def read(self, config: PrometheusQueueConfig, context: ProbeContext) -> Reading:
        """What has no series is not known, but without one for the size there is no reading."""
        seen = await fetch(config.request, context)
        if (status := seen.values["STATUS"]) != 200:
            raise ProbeFailed("receive", f"answered {status} instead of the metrics", duration_us=seen.duration_us)
        metrics = {
            "size": config.size_metric,
            "age": config.age_metric,
            "consumers": config.consumers_metric,
            "added": config.added_metric,
            "removed": config.removed_metric,
        }
        asked = {name: parse_selector(text) for name, text in metrics.items() if text is not None}
        values = await select_all(seen.values["BODY"].text, list(asked.values()))
        found = {
            name: AGGREGATIONS["max" if name == "age" else config.aggregation](series)
            for name, series in zip(asked, values, strict=True)
            if series
        }
        if "size" not in found:
            raise ProbeFailed("receive", f"no series of {config.size_metric} on the page")
        for name, value in found.items():
            if not math.isfinite(value) or value < 0:
                raise ProbeFailed("receive", f"{metrics[name]} is {value:g}")
        counts = {name: round(value) for name, value in found.items() if name != "age"}
        return Reading(
            size=counts["size"],
            oldest_age_seconds=found.get("age"),
            consumers=counts.get("consumers"),
            added=counts.get("added"),
            removed=counts.get("removed"),
        )
