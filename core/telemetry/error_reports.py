"""The platform's own errors, reported to a Sentry-compatible service. Off unless a DSN is configured."""

import re
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from core import __version__
from core.config import Config
from core.telemetry.logging import REDACTED, redact

_PING = re.compile(r"(?<=/ping/)[^\s?#\"'<>]+")
_QUERY = re.compile(r"(?<=\?)[^\s#\"'<>]+")


def start_error_reports(config: Config) -> bool:
    """Whether errors are reported from now on."""
    if config.sentry_dsn is None:
        return False
    sentry_sdk.init(
        dsn=config.sentry_dsn.get_secret_value(),
        release=f"quarterdeck@{__version__}",
        environment="production" if config.production else "development",
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        integrations=[LoggingIntegration(event_level=None)],
        before_send=lambda event, _hint: _without_secrets(event),
    )
    return True


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


def report_error(error: BaseException) -> None:
    """Report an error that was answered to a client. Does nothing when reports are off."""
    sentry_sdk.capture_exception(error)
