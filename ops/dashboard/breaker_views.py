"""The live pages of breakers; actions on them are in ``ops.breakers.views``."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.authentication import request_principal
from core.clock import now_ms
from core.permissions import Permission, Principal, requires
from ops.dashboard.blindness import Blindness
from ops.dashboard.breaker_listing import list_breakers
from ops.dashboard.breaker_pages import read_breaker, read_own_breaker
from ops.dashboard.frame import read_frame
from ops.dashboard.polling import answer_live

FIGURES_MS = 10_000
"""How old the figures of a page may get while no breaker changes its state."""


@requires(Permission.CATALOG_VIEW)
def breaker_list(request: HttpRequest) -> HttpResponse:
    return _answer(
        request,
        "ops/dashboard/breaker_list.html",
        lambda principal: list_breakers(request.GET, path=request.path, principal=principal),
    )


@requires(Permission.CATALOG_VIEW)
def breaker_detail(request: HttpRequest, uid: str) -> HttpResponse:
    return _answer(
        request,
        "ops/dashboard/breaker.html",
        lambda principal: read_breaker(request.GET, request.path, principal=principal, uid=uid),
    )


@requires(Permission.CATALOG_VIEW)
def own_breaker_detail(request: HttpRequest, name: str) -> HttpResponse:
    return _answer(
        request, "ops/dashboard/own_breaker.html", lambda principal: read_own_breaker(principal=principal, name=name)
    )


def _answer(request: HttpRequest, template: str, shown: Callable[[Principal], dict[str, Any]]) -> HttpResponse:
    def read(blind: Blindness | None) -> dict[str, Any]:
        return {"frame": read_frame(blind=blind), **shown(request_principal(request))}

    def figures(_newest_ms: int | None) -> str:
        return str(now_ms() // FIGURES_MS)

    return answer_live(request, template, section="breakers", read=read, watch=figures)
