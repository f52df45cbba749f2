"""The live pages of queues; actions on them are in ``ops.queues.views``."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from core.authentication import request_principal
from core.clock import now_ms
from core.permissions import Permission, requires
from ops.dashboard.blindness import Blindness
from ops.dashboard.frame import read_frame
from ops.dashboard.polling import answer_live
from ops.dashboard.queue_listing import list_queues
from ops.queues.selectors import newest_sample_ms

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
    raise NotImplementedError(uid)
