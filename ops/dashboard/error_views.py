"""The live pages of errors; actions on them are in ``ops.errors.views``."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from core.authentication import request_principal
from core.clock import now_ms
from core.permissions import Permission, requires
from ops.dashboard.blindness import Blindness
from ops.dashboard.error_listing import list_errors
from ops.dashboard.error_pages import read_error
from ops.dashboard.frame import read_frame
from ops.dashboard.polling import answer_live
from ops.errors.selectors import group_row, newest_event_id

_HOUR_MS = 3_600_000


@requires(Permission.CATALOG_VIEW)
def error_list(request: HttpRequest) -> HttpResponse:
    principal = request_principal(request)

    def newest_event(_newest_ms: int | None) -> str:
        return f"{newest_event_id()}.{now_ms() // _HOUR_MS}"  # the trend moves on with the hour

    def read(blind: Blindness | None) -> dict[str, Any]:
        return {"frame": read_frame(blind=blind), **list_errors(request.GET, path=request.path, principal=principal)}

    return answer_live(request, "ops/dashboard/error_list.html", section="errors", read=read, watch=newest_event)


@requires(Permission.CATALOG_VIEW)
def error_detail(request: HttpRequest, uid: str) -> HttpResponse:
    principal = request_principal(request)

    def newest_event(_newest_ms: int | None) -> str:
        group = group_row(principal=principal, uid=uid)
        return f"{group.events}.{group.version}.{now_ms() // _HOUR_MS}"

    def read(blind: Blindness | None) -> dict[str, Any]:
        return {
            "frame": read_frame(blind=blind),
            **read_error(request.GET, request.path, principal=principal, uid=uid),
        }

    return answer_live(request, "ops/dashboard/error.html", section="errors", read=read, watch=newest_event)
