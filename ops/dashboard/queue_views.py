"""The live pages of queues; actions on them are in ``ops.queues.views``."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.authentication import request_principal
from core.clock import now_ms
from core.permissions import Permission, requires
from ops.dashboard.blindness import Blindness
from ops.dashboard.charts import ChartData, answer_chart
from ops.dashboard.frame import read_frame
from ops.dashboard.polling import answer_live
from ops.dashboard.queue_charts import read_age, read_depth
from ops.dashboard.queue_listing import list_queues
from ops.dashboard.queue_pages import read_queue
from ops.dashboard.time_range import parse_range
from ops.queues.definition import limits_of
from ops.queues.models import Queue
from ops.queues.selectors import newest_sample_ms, queue_row

_STEP_MS = 5_000
"""So old the figures of a list may get, although no status changed."""
_LATEST_MS = 60_000


@requires(Permission.CATALOG_VIEW)
def queue_list(request: HttpRequest) -> HttpResponse:
    principal = request_principal(request)

    def newest_look(_newest_ms: int | None) -> str:
        return f"{newest_sample_ms() // _STEP_MS}.{now_ms() // _LATEST_MS}"  # the trend moves on with the minute

    def read(blind: Blindness | None) -> dict[str, Any]:
        return {"frame": read_frame(blind=blind), **list_queues(request.GET, path=request.path, principal=principal)}

    return answer_live(request, "ops/dashboard/queue_list.html", section="queues", read=read, watch=newest_look)


@requires(Permission.CATALOG_VIEW)
def queue_detail(request: HttpRequest, uid: str) -> HttpResponse:
    principal = request_principal(request)

    def newest_look(_newest_ms: int | None) -> str:
        queue = queue_row(principal=principal, uid=uid)
        return f"{queue.status}.{queue.last_at}.{queue.version}"

    def read(blind: Blindness | None) -> dict[str, Any]:
        return {
            "frame": read_frame(blind=blind),
            **read_queue(request.GET, request.path, principal=principal, uid=uid),
        }

    return answer_live(request, "ops/dashboard/queue.html", section="queues", read=read, watch=newest_look)


@requires(Permission.CATALOG_VIEW)
def queue_depth(request: HttpRequest, uid: str) -> HttpResponse:
    """The data of the chart of what waits."""
    return _answer_chart(request, uid, read_depth)


@requires(Permission.CATALOG_VIEW)
def queue_age(request: HttpRequest, uid: str) -> HttpResponse:
    """The data of the chart of how long the oldest waits."""
    return _answer_chart(request, uid, read_age)


def _answer_chart(request: HttpRequest, uid: str, read: Callable[..., ChartData]) -> HttpResponse:
    principal = request_principal(request)
    queue = queue_row(principal=principal, uid=uid)
    limits = limits_of(Queue.objects.get(pk=queue.id))
    return answer_chart(request, read(queue, limits, parse_range(request.GET, now_ms=now_ms()), principal=principal))
