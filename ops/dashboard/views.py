"""The live pages. Each is one address: the page, its fragment for htmx, and the poll (``ops.dashboard.polling``)."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from core.authentication import request_principal
from core.clock import now_ms, to_ms
from core.permissions import Permission, requires
from entities.neighbourhood import read_neighbourhood
from entities.selectors import get_entity
from ops.dashboard.blindness import Blindness, find_blindness
from ops.dashboard.breaker_pages import read_entity_breakers
from ops.dashboard.charts import answer_chart
from ops.dashboard.check_listing import list_checks
from ops.dashboard.check_pages import read_check
from ops.dashboard.entity_listing import list_entities
from ops.dashboard.entity_pages import read_entity_checks
from ops.dashboard.error_pages import read_entity_errors
from ops.dashboard.frame import read_frame
from ops.dashboard.graph import draw_graph
from ops.dashboard.latency import read_latency
from ops.dashboard.overview_pages import read_overview
from ops.dashboard.polling import answer_live, is_fragment_request
from ops.dashboard.queue_pages import read_entity_queues
from ops.dashboard.reasons import fold_reasons
from ops.dashboard.search_pages import PAGE_ROWS, PANEL_ROWS, read_search
from ops.dashboard.standing import read_fleet
from ops.dashboard.time_range import parse_range
from ops.dashboard.timeline import read_timeline
from ops.dashboard.wall import read_wall
from ops.errors.selectors import last_seen_ms
from ops.health.selectors import check_row, check_rows
from ops.queues.selectors import newest_sample_ms

TREND_SECONDS = 15
"""How old the strips of recent results beside the problems may get, although no status changed."""


@requires(Permission.CATALOG_VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    principal = request_principal(request)

    def read(blind: Blindness | None) -> dict[str, Any]:
        return {
            "frame": read_frame(blind=blind),
            **read_overview(request.GET, path=request.path, principal=principal, blind=blind),
        }

    return answer_live(request, "ops/dashboard/overview.html", section="overview", read=read, watch=_trend_step)


def _trend_step(newest_ms: int | None) -> str:
    return "" if newest_ms is None else str(newest_ms // (TREND_SECONDS * 1000))


@requires(Permission.CATALOG_VIEW)
def entity_list(request: HttpRequest) -> HttpResponse:
    def read(blind: Blindness | None) -> dict[str, Any]:
        filters, listing = list_entities(request.GET, path=request.path, fleet=read_fleet())
        return {"frame": read_frame(blind=blind), "filters": filters, "listing": listing}

    return answer_live(request, "ops/dashboard/entity_list.html", section="entities", read=read)


@requires(Permission.CATALOG_VIEW)
def entity_detail(request: HttpRequest, name: str) -> HttpResponse:
    principal = request_principal(request)
    entity_id = get_entity(principal=principal, ref=name).id

    def newest_result(_newest_ms: int | None) -> str:
        rows = check_rows(principal=principal, entity_ids=[entity_id], limit=1, sort="last").items
        seen = last_seen_ms(entity_id=entity_id), newest_sample_ms(entity_id=entity_id)
        return f"{rows[0].last_at if rows else ''}.{seen[0]}.{seen[1]}"

    def read(blind: Blindness | None) -> dict[str, Any]:
        entity = get_entity(principal=principal, ref=name)
        time_range = parse_range(request.GET, now_ms=now_ms(), born_ms=to_ms(entity.created_at))
        shown = read_entity_checks(request.GET, request.path, principal=principal, entity=entity, time_range=time_range)
        checks = shown["checks"]
        uids = [entity.uid, *(item.check.uid for item in checks)]
        return {
            "frame": read_frame(blind=blind),
            "entity": entity,
            "reasons": fold_reasons(entity.status.reasons),
            "links": sorted(entity.links.items(), key=lambda link: (link[0] != "runbook", link[0])),
            "graph": draw_graph(read_neighbourhood(principal=principal, entity_id=entity.id)),
            **shown,
            "only_pings": all(item.check.waits_for_pings for item in checks),
            "all_paused": bool(checks) and all(item.check.paused for item in checks),
            **read_entity_queues(principal=principal, entity=entity),
            **read_entity_breakers(principal=principal, entity=entity),
            **read_entity_errors(request, principal=principal, entity=entity),
            "timeline": read_timeline(principal=principal, entity_id=entity.id, target_uids=uids),
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
            **read_check(request.GET, request.path, principal=principal, uid=uid),
        }

    return answer_live(request, "ops/dashboard/check.html", section="checks", read=read, watch=newest_result)


@requires(Permission.CATALOG_VIEW)
def check_latency(request: HttpRequest, uid: str) -> HttpResponse:
    """The data of the latency chart."""
    check = check_row(principal=request_principal(request), uid=uid)
    return answer_chart(request, read_latency(check, parse_range(request.GET, now_ms=now_ms())))


@requires(Permission.CATALOG_VIEW)
def search(request: HttpRequest) -> HttpResponse:
    """What was found by name: the page of it, or for htmx the panel below the field."""
    is_panel = is_fragment_request(request)
    context = read_search(
        request.GET, principal=request_principal(request), limit=PANEL_ROWS if is_panel else PAGE_ROWS
    )
    template = "ops/dashboard/search.html"
    response = render(request, f"{template}#found" if is_panel else template, {"is_panel": is_panel, **context})
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "private, no-cache"
    return response


@requires(Permission.CATALOG_VIEW)
def wall(request: HttpRequest) -> HttpResponse:
    """For a screen that nobody touches: the address holds what it is narrowed to."""
    principal = request_principal(request)

    def read(blind: Blindness | None) -> dict[str, Any]:
        shown = read_wall(request.GET, fleet=read_fleet(), principal=principal, blind=blind)
        return {"frame": shown.frame, "wall": shown}

    return answer_live(request, "ops/dashboard/wall.html", section="wall", read=read, has_rail=False)


@requires(Permission.CATALOG_VIEW)
def verdict(_request: HttpRequest) -> HttpResponse:
    """What title and favicon say, for pages that are not live themselves."""
    frame = read_frame(blind=find_blindness())
    response = JsonResponse({"verdict": frame.verdict, "headline": frame.headline})
    response["Cache-Control"] = "private, no-cache"
    return response
