"""The platform's own errors: kept in its own store, and reported to a Sentry-compatible service if one is configured.

Whoever can keep errors registers as the store; this side knows neither tables nor threads. Reporting never raises and
never waits, because it happens where something is wrong already.
"""

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any

import sentry_sdk
import structlog
from opentelemetry import trace
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.utils import event_from_exception, handle_in_app

from core import __version__
from core.config import Config
from core.redaction import REDACTED, redact
from core.telemetry.logging import current_request_id

log = structlog.get_logger(__name__)

KEPT_PER_MINUTE = 60
"""Of one process; what comes above is logged like all errors and not kept."""
_ROOT = Path(__file__).resolve().parents[2]
_PING = re.compile(r"(?<=/ping/)[^\s?#\"'<>]+")
_QUERY = re.compile(r"(?<=\?)[^\s#\"'<>]+")

type ErrorStore = Callable[[str, Mapping[str, Any]], None]
"""Takes the role of the process (``web``, ``worker``, ``scheduler``) and an event in Sentry's form; must not wait."""


class _Reports:
    """What this process knows of itself, and how much it kept in the running minute."""

    role = "web"
    environment = "development"
    store: ErrorStore | None = None
    minute = 0
    kept = 0

    def has_room(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self.minute:
            self.minute, self.kept = minute, 0
        self.kept += 1
        return self.kept <= KEPT_PER_MINUTE


_reports = _Reports()
_is_keeping: ContextVar[bool] = ContextVar("is_keeping", default=False)


def keep_errors_in(store: ErrorStore | None) -> None:
    _reports.store = store


def start_error_reports(config: Config, *, role: str) -> bool:
    """Catch what ends a process or a thread. Whether errors are also reported to another service from now on."""
    _reports.role = role
    _reports.environment = "production" if config.production else "development"
    _catch_what_nobody_caught()
    if config.sentry_dsn is None:
        return False
    sentry_sdk.init(
        dsn=config.sentry_dsn.get_secret_value(),
        release=f"quarterdeck@{__version__}",
        environment=_reports.environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        integrations=[LoggingIntegration(event_level=None)],
        before_send=lambda event, _hint: _without_secrets(event),
    )
    return True


def report_error(
    error: BaseException,
    *,
    transaction: str = "",
    request: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Report an error that nobody foresaw. ``transaction`` names what was done; ``request`` has method and url."""
    sentry_sdk.capture_exception(error)
    _keep(error, transaction, request, tags)


def _keep(
    error: BaseException,
    transaction: str,
    request: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    if _reports.store is None or _is_keeping.get() or not _reports.has_room():
        return
    token = _is_keeping.set(True)  # an error on this way must not come back by it
    try:
        _reports.store(_reports.role, _describe(error, transaction, request, tags))
    except Exception:  # whatever is wrong with the report, what reports it goes on
        log.warning("errors.own_error_not_kept", exc_info=True)
    finally:
        _is_keeping.reset(token)


def _describe(
    error: BaseException, transaction: str, request: Mapping[str, str] | None, tags: Mapping[str, str] | None
) -> dict[str, Any]:
    """The event; of variables only names and values that people see in a log anyway, which is none."""
    options = {"include_local_variables": False, "include_source_context": True, "max_value_length": 1_000}
    found, _ = event_from_exception(error, options)
    event: dict[str, Any] = {
        **handle_in_app(found, project_root=str(_ROOT)),
        "timestamp": time.time(),
        "platform": "python",
        "release": f"quarterdeck@{__version__}",
        "environment": _reports.environment,
        "server_name": socket.gethostname(),
        "transaction": transaction,
        "sdk": {"name": "quarterdeck", "version": __version__},
        "tags": {"role": _reports.role, **(tags or {})},
        "request": dict(request or {}),
    }
    if request_id := current_request_id():
        event["tags"]["request_id"] = request_id
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["contexts"] = {"trace": {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}}
    described: dict[str, Any] = _without_secrets(event)
    return described


def _catch_what_nobody_caught() -> None:
    """Before they are written to standard error as always."""
    end_process, end_thread = sys.excepthook, threading.excepthook

    def on_process(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if issubclass(kind, Exception):
            _keep(error, "process")
        end_process(kind, error, where)

    def on_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and issubclass(arguments.exc_type, Exception):
            _keep(arguments.exc_value, f"thread {arguments.thread.name if arguments.thread else ''}")
        end_thread(arguments)

    sys.excepthook, threading.excepthook = on_process, on_thread


def _without_secrets(event: Any) -> Any:
    """The address of a ping is its secret, wherever in the event it stands; a query may hold one."""
    event = _without_pings(redact(event))
    request = event.get("request") or {}
    if request.get("query_string"):
        request["query_string"] = REDACTED
    if isinstance(url := request.get("url"), str):
        request["url"] = _QUERY.sub(REDACTED, url)
    return event


def _without_pings(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_pings(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_pings(item) for item in value]
    return _PING.sub(REDACTED, value) if isinstance(value, str) else value
