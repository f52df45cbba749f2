"""What the page of a queue shows, and what the page of an entity shows of its queues."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from core.clock import now_ms, to_ms
from core.permissions import Permission, Principal
from core.templatetags.display import period_words
from entities.selectors import EntityRow
from ops.dashboard.lists import address
from ops.dashboard.queue_charts import place_age_chart, place_depth_chart
from ops.dashboard.queue_listing import age_words, count_words, per_minute, queue_line
from ops.dashboard.queue_tasks import read_tasks
from ops.dashboard.queue_words import describe_queue, list_source
from ops.dashboard.rows import join_rows
from ops.dashboard.time_range import list_choices, parse_range
from ops.dashboard.timeline import read_timeline
from ops.queues.definition import limits_of
from ops.queues.domain import Limits
from ops.queues.models import Queue
from ops.queues.selectors import QueueRow, queue_detail, queue_rows

SHOWN_QUEUES = 20


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that is shown large; ``beside`` says what it is measured against, ``is_over`` that it is over it."""

    name: str
    value: str
    beside: str = ""
    is_over: bool = False


def read_queue(query: QueryDict, path: str, *, principal: Principal, uid: str) -> dict[str, Any]:
    """The context of a queue's page. Raises ``NotFound``."""
    detail = queue_detail(principal=principal, uid=uid)
    queue = detail.row
    stored = Queue.objects.get(pk=queue.id)
    limits = limits_of(stored)
    time_range = parse_range(query, now_ms=now_ms(), born_ms=to_ms(detail.created_at))
    return {
        "queue": queue,
        "can": _can(queue, principal),
        "figures": _figures(queue, limits),
        "others": _others(queue),
        "words": describe_queue(detail, limits, timeout_ms=stored.timeout_ms),
        "definition": list_source(detail.document),
        "tasks": read_tasks(queue, principal=principal),
        "depth_chart": place_depth_chart(queue, time_range),
        "age_chart": place_age_chart(queue, time_range),
        "time_range": time_range,
        "ranges": list_choices(query, path, current=time_range),
        "reset_url": address(query, path, **{"from": None, "to": None}),
        "timeline": read_timeline(
            principal=principal, entity_id=queue.entity_id, target_uids=[uid], subject=queue.name, area="queue"
        ),
    }


def _can(queue: QueueRow, principal: Principal) -> dict[str, bool]:
    """What the page offers: what the source can and this reader may."""
    may = principal.may(Permission.QUEUES_MANAGE)
    return dict.fromkeys(queue.can, may)


def _figures(queue: QueueRow, limits: Limits) -> list[Figure]:
    size, age = queue.size, queue.oldest_age_seconds
    consumers, wanted = queue.consumers, limits.min_consumers
    max_age = queue.max_age_seconds
    return [
        Figure(
            "Waiting",
            count_words(size),
            "" if queue.max_size is None else f"limit {queue.max_size:,}",
            is_over=size is not None and queue.max_size is not None and size > queue.max_size,
        ),
        Figure(
            "Oldest",
            age_words(age),
            "" if max_age is None else f"limit {period_words(round(max_age * 1_000))}",
            is_over=age is not None and max_age is not None and age > max_age,
        ),
        Figure("In", per_minute(queue.rate_in), "a minute"),
        Figure("Out", per_minute(queue.rate_out), "a minute"),
        Figure(
            "Consumers",
            count_words(consumers),
            "" if wanted is None else f"at least {wanted}",
            is_over=consumers is not None and wanted is not None and consumers < wanted,
        ),
    ]


def _others(queue: QueueRow) -> list[tuple[str, str]]:
    """What only some sources tell."""
    found = (("In work", queue.unacked), ("Scheduled", queue.scheduled), ("Dead", queue.dead))
    return [(name, f"{value:,}") for name, value in found if value is not None]


def read_entity_queues(*, principal: Principal, entity: EntityRow) -> dict[str, Any]:
    """The part of an entity's page that is about queues."""
    page = queue_rows(principal=principal, entity_ref=entity.uid, limit=SHOWN_QUEUES)
    return {
        "queues": page.items,
        "queue_rows": join_rows(queue_line(queue, has_entity=False) for queue in page.items),
        "has_more_queues": page.has_more,
    }
