"""The ping addresses, as Healthchecks and Uptime Kuma have them: public, because the address is the secret."""

import math
import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from core.client_address import client_address
from core.errors import FieldError, NotFound, ValidationFailed
from core.permissions import public
from core.problems import method_not_allowed, problem_json
from ops.health.ping_store import PingAddress
from ops.health.pings import Ping, Signal, record_ping

BODY_KEPT_BYTES = 10_000
USER_AGENT_LENGTH = 200
_METHODS = ("GET", "HEAD", "POST")
_LONGEST_RUN_MS = 400 * 86_400_000


@public
@csrf_exempt
def ping(
    request: HttpRequest,
    *,
    signal: Signal = Signal.SUCCESS,
    ping_id: uuid.UUID | None = None,
    key: str = "",
    name: str = "",
    exit_status: int | None = None,
) -> HttpResponse:
    """Answer ``OK`` once the ping is stored. Of a body the first ``BODY_KEPT_BYTES`` are kept."""
    if request.method not in _METHODS:
        return _refuse_method(_METHODS)
    if exit_status is not None:
        if exit_status > 255:
            raise NotFound("An exit status is 0 to 255")
        signal = Signal.FAIL if exit_status else Signal.SUCCESS
    text = request.body[:BODY_KEPT_BYTES].decode(errors="replace") if request.method == "POST" else ""
    _record(
        request, PingAddress(ping_id, key, name), signal, exit_status=exit_status, text=text, rid=_read_rid(request)
    )
    return HttpResponse("OK", content_type="text/plain")


@public
@csrf_exempt
def push(request: HttpRequest, ping_id: uuid.UUID) -> HttpResponse:
    """Uptime Kuma's push: ``status`` up or down, ``msg``, and ``ping``, which is how long it took in milliseconds."""
    if request.method not in ("GET", "POST"):
        return _refuse_method(("GET", "POST"))
    given = request.GET
    signal = Signal.SUCCESS if given.get("status", "up") == "up" else Signal.FAIL
    text = given.get("msg", "")[:BODY_KEPT_BYTES]
    text = "" if text == "OK" else text
    _record(request, PingAddress(ping_id), signal, text=text, duration_ms=_read_duration(given.get("ping", "")))
    return JsonResponse({"ok": True})


def _record(
    request: HttpRequest,
    address: PingAddress,
    signal: Signal,
    *,
    text: str,
    exit_status: int | None = None,
    rid: uuid.UUID | None = None,
    duration_ms: int | None = None,
) -> None:
    record_ping(
        address=address,
        ping=Ping(
            signal,
            exit_status,
            text.replace("\0", ""),
            rid,
            duration_ms,
            client_address(request),
            request.META.get("HTTP_USER_AGENT", "")[:USER_AGENT_LENGTH].replace("\0", ""),
        ),
    )


def _refuse_method(allowed: tuple[str, ...]) -> HttpResponse:
    response = problem_json(method_not_allowed(", ".join(allowed)))
    response["Allow"] = ", ".join(allowed)
    return response


def _read_rid(request: HttpRequest) -> uuid.UUID | None:
    """Raises ``ValidationFailed``: a run that nothing can be paired with would be timed wrongly."""
    if not request.META.get("QUERY_STRING") or (rid := request.GET.get("rid")) is None:
        return None
    try:
        return uuid.UUID(rid)
    except ValueError:
        raise ValidationFailed("The run id is not valid", errors=(FieldError("rid", "must be a UUID"),)) from None


def _read_duration(text: str) -> int | None:
    """What is no number is as if it were not there: a push is worth more than its measure."""
    try:
        duration_ms = float(text)
    except ValueError:
        return None
    return round(min(max(duration_ms, 0), _LONGEST_RUN_MS)) if math.isfinite(duration_ms) else None


_SIGNALS: tuple[tuple[str, dict[str, Signal]], ...] = (
    ("", {}),
    ("/start", {"signal": Signal.START}),
    ("/fail", {"signal": Signal.FAIL}),
    ("/log", {"signal": Signal.LOG}),
)
_ENDINGS = [*_SIGNALS, ("/<int:exit_status>", {})]

ping_routes = [
    *(path(f"ping/<uuid:ping_id>{ending}", ping, fixed) for ending, fixed in _ENDINGS),
    *(path(f"ping/<str:key>/<str:name>{ending}", ping, fixed) for ending, fixed in _ENDINGS),
    path("api/push/<uuid:ping_id>", push),
]
