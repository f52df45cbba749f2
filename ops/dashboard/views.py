"""The live pages. Each is one address: the page, its fragment for htmx, and the poll (``ops.dashboard.polling``)."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from core.authentication import request_principal
from core.permissions import Permission, requires
from entities.selectors import get_entity, list_neighbours
from ops.dashboard.changes import list_changes
from ops.dashboard.check_listing import list_checks
from ops.dashboard.check_pages import read_check, read_entity_checks
from ops.dashboard.edits import list_edits
from ops.dashboard.frame import Blindness, read_frame
from ops.dashboard.listing import list_entities
from ops.dashboard.polling import answer_live
from ops.dashboard.problems import list_problems
from ops.health.selectors import check_row, check_rows, entity_statuses

TREND_SECONDS = 15
"""How old the strips of recent results beside the problems may get, although no status changed."""


@requires(Permission.CATALOG_VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    def read(blind: Blindness | None) -> dict[str, Any]:
        statuses = entity_statuses(None)
        problems = list_problems(statuses, principal=request_principal(request), blind=blind is not None)
        filters, listing = list_entities(request.GET, path=request.path, statuses=statuses)
        return {
            "frame": read_frame(statuses, blind=blind),
            "problems": problems,
            "lead": problems[0] if problems else None,
            "filters": filters,
            "listing": listing,
            "changes": list_changes(),
        }

    return answer_live(request, "ops/dashboard/overview.html", section="overview", read=read, watch=_trend_step)


def _trend_step(newest_ms: int | None) -> str:
    return "" if newest_ms is None else str(newest_ms // (TREND_SECONDS * 1000))


@requires(Permission.CATALOG_VIEW)
def entity_list(request: HttpRequest) -> HttpResponse:
    def read(blind: Blindness | None) -> dict[str, Any]:
        statuses = entity_statuses(None)
        filters, listing = list_entities(request.GET, path=request.path, statuses=statuses)
        return {"frame": read_frame(statuses, blind=blind), "filters": filters, "listing": listing}

    return answer_live(request, "ops/dashboard/entity_list.html", section="entities", read=read)


@requires(Permission.CATALOG_VIEW)
def entity_detail(request: HttpRequest, name: str) -> HttpResponse:
    principal = request_principal(request)
    entity_id = get_entity(principal=principal, ref=name).id

    def newest_result(_newest_ms: int | None) -> str:
        rows = check_rows(principal=principal, entity_ids=[entity_id], limit=1, sort="last").items
        return str(rows[0].last_at) if rows else ""

    def read(blind: Blindness | None) -> dict[str, Any]:
        entity, neighbours = list_neighbours(principal=principal, ref=name)
        checks = read_entity_checks(principal=principal, entity_id=entity.id)
        uids = [entity.uid, *(item.check.uid for item in checks)]
        return {
            "frame": read_frame(blind=blind),
            "entity": entity,
            "links": sorted(entity.links.items(), key=lambda link: (link[0] != "runbook", link[0])),
            "neighbours": neighbours,
            "checks": checks,
            "all_paused": bool(checks) and all(item.check.paused for item in checks),
            "changes": list_changes(entity_ids=[entity.id]),
            "edits": list_edits(principal=principal, target_uids=uids),
        }

    return answer_live(request, "ops/dashboard/entity.html", section="entities", read=read, watch=newest_result)


@requires(Permission.CATALOG_VIEW)
def check_list(request: HttpRequest) -> HttpResponse:
    principal = request_principal(request)

    def read(blind: Blindness | None) -> dict[str, Any]:
        return {
            "frame": read_frame(blind=blind),
            **list_checks(request.GET, path=request.path, principal=principal),
        }

    return answer_live(request, "ops/dashboard/check_list.html", section="checks", read=read, watch=str)


@requires(Permission.CATALOG_VIEW)
def check_detail(request: HttpRequest, uid: str) -> HttpResponse:
    principal = request_principal(request)

    def newest_result(_newest_ms: int | None) -> str:
        return str(check_row(principal=principal, uid=uid).last_at)

    def read(blind: Blindness | None) -> dict[str, Any]:
        return {
            "frame": read_frame(blind=blind),
            **read_check(principal=principal, uid=uid),
            "edits": list_edits(principal=principal, target_uids=[uid]),
        }

    return answer_live(request, "ops/dashboard/check.html", section="checks", read=read, watch=newest_result)
