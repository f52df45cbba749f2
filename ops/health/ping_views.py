"""The ping addresses, as Healthchecks has them: public, because the address is the secret."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from core.errors import NotFound
from core.permissions import public
from ops.health.pings import Ping, Signal, record_ping

_BODY_SHOWN_BYTES = 10_000


@public
@csrf_exempt
@require_http_methods(["HEAD", "GET", "POST"])
def ping(
    request: HttpRequest, ping_id: uuid.UUID, signal: Signal = Signal.SUCCESS, exit_status: int | None = None
) -> HttpResponse:
    """Answer ``OK`` once the ping is stored."""
    if exit_status is not None:
        if exit_status > 255:
            raise NotFound("An exit status is 0 to 255")
        signal = Signal.FAIL if exit_status else Signal.SUCCESS
    text = request.body[:_BODY_SHOWN_BYTES].decode(errors="replace") if request.method == "POST" else ""
    record_ping(ping_id=ping_id, ping=Ping(signal, exit_status, text))
    return HttpResponse("OK", content_type="text/plain")


ping_routes = [
    path("ping/<uuid:ping_id>", ping, name="ping"),
    path("ping/<uuid:ping_id>/start", ping, {"signal": Signal.START}, name="ping-start"),
    path("ping/<uuid:ping_id>/fail", ping, {"signal": Signal.FAIL}, name="ping-fail"),
    path("ping/<uuid:ping_id>/log", ping, {"signal": Signal.LOG}, name="ping-log"),
    path("ping/<uuid:ping_id>/<int:exit_status>", ping, name="ping-exit-status"),
]
