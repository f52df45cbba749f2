"""The platform's own errors, reported to a Sentry-compatible service. Off unless a DSN is configured."""

from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from core import __version__
from core.config import Config
from core.telemetry.logging import redact


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
    return redact(event)


def report_error(error: BaseException) -> None:
    """Report an error that was answered to a client. Does nothing when reports are off."""
    sentry_sdk.capture_exception(error)
