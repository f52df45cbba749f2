"""Addresses for machines: liveness, readiness, metrics and service discovery.

They work without a session. Those that tell about the fleet take the metrics token, and the API token of one who may
view metrics; when no metrics token is configured, clients of this machine need none.
"""

import hmac
import ipaddress

import orjson
import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from prometheus_client import CONTENT_TYPE_LATEST

from core import __version__
from core.authentication import TOKEN_PREFIX, bearer_token, principal_of_token
from core.clock import database_now_ms
from core.config import get_config
from core.errors import NotAuthenticated, PermissionDenied
from core.permissions import Permission, public
from core.readiness import Reading, read_components
from core.service_discovery import list_targets
from core.telemetry.multiprocess import render_app_series
from ops.breakers.exposition import render_breaker_series
from ops.breakers.own_exposition import render_own_breaker_series
from ops.errors.exposition import render_error_series
from ops.health.exposition import render_probe_series
from ops.queues.celery_exposition import render_celery_series
from ops.queues.exposition import render_queue_series
from ops.queues.task_exposition import render_task_series

log = structlog.get_logger(__name__)

HEALTH_JSON = "application/health+json"
_FORWARDING_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


@public
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process serves requests. Touches nothing else."""
    return _health({"status": "pass", "version": __version__}, 200)


@public
def readyz(_request: HttpRequest) -> HttpResponse:
    """The parts that requests and checks need work; answers within 3 s even when they hang."""
    readings = read_components()
    ready = all(reading.ok for reading in readings)
    checks = {f"{reading.component}:{reading.measurement}": [_check(reading)] for reading in readings}
    body: dict[str, object] = {"status": "pass" if ready else "fail", "version": __version__, "checks": checks}
    return _health(body, 200 if ready else 503)


@public
def favicon(_request: HttpRequest) -> HttpResponse:
    """Asked for by browsers on pages that name no icon. Touches nothing else."""
    response = redirect(static("img/icon.svg"))
    response["Cache-Control"] = "public, max-age=3600"
    return response


@public
def metrics(request: HttpRequest) -> HttpResponse:
    """The platform's own series, then those of every check, in Prometheus's text format."""
    _require_scraper(request)
    series = [render_app_series(settings.DATA_DIR.metrics), render_own_breaker_series()]
    try:
        series.append(render_probe_series(database_now_ms()))
        series.append(render_error_series())
        series.append(render_queue_series())
        series.append(render_celery_series())
        series.append(render_task_series())
        series.append(render_breaker_series())
    except DatabaseError as error:  # how the platform does matters most when its database is away
        log.warning("metrics.probe_series_missing", error=str(error))
    return HttpResponse(b"".join(series), content_type=CONTENT_TYPE_LATEST)


@public
def prometheus_targets(request: HttpRequest) -> HttpResponse:
    """Prometheus's HTTP service discovery: every entity with a link named ``metrics``.

    Always the whole list; an error is a 5xx, because Prometheus then keeps the targets that it has.
    """
    _require_scraper(request)
    return HttpResponse(orjson.dumps(list_targets()), content_type="application/json")


def _health(body: dict[str, object], status: int) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(orjson.dumps(body), status=status, content_type=HEALTH_JSON, headers=headers)


def _check(reading: Reading) -> dict[str, object]:
    """One entry as the draft of ``application/health+json`` spells it; absent values are left out."""
    entry: dict[str, object] = {"componentType": reading.kind, "status": "pass" if reading.ok else "fail"}
    entry["time"] = reading.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if reading.value is not None:
        entry |= {"observedValue": reading.value, "observedUnit": reading.unit}
    if reading.output:
        entry["output"] = reading.output
    return entry


def _require_scraper(request: HttpRequest) -> None:
    """Raises ``NotAuthenticated`` or ``PermissionDenied``.

    What a proxy forwards comes from its own address, so a request with such a header is not from this machine.
    """
    expected = get_config().metrics_token
    given = bearer_token(request) or ""
    if expected is not None and hmac.compare_digest(given.encode(), expected.get_secret_value().encode()):
        return  # without a look at the database: how the platform does matters most when that is away
    if given.startswith(TOKEN_PREFIX):
        principal_of_token(given).require(Permission.METRICS_VIEW)
        return
    if expected is not None:
        raise NotAuthenticated("Send the metrics token, or an API token that may view metrics, as a bearer token")
    if not _is_loopback(request.META.get("REMOTE_ADDR", "")) or any(
        name in request.META for name in _FORWARDING_HEADERS
    ):
        raise PermissionDenied("Without QUARTERDECK_METRICS_TOKEN only clients of this machine may read this")


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
