"""Retries with jittered backoff, bounded in number and in time, each one logged. Stamina is underneath.

``retry(on=ConnectionError)`` decorates a function that may safely be called twice.
"""

from collections.abc import Callable

import stamina
import structlog
from stamina.instrumentation import RetryDetails, RetryHookFactory, set_on_retry_hooks

from core.telemetry import metrics

log = structlog.get_logger(__name__)

type Errors = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]

ATTEMPTS = 3
TOTAL_SECONDS = 4.0
FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 1.0
JITTER_SECONDS = 0.2


def retry[**P, T](
    *, on: Errors, attempts: int = ATTEMPTS, total_seconds: float = TOTAL_SECONDS
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Call again when ``on`` is raised; the last error comes through when attempts or time are used up."""
    return stamina.retry(
        on=on,
        attempts=attempts,
        timeout=total_seconds,
        wait_initial=FIRST_WAIT_SECONDS,
        wait_max=MAX_WAIT_SECONDS,
        wait_jitter=JITTER_SECONDS,
    )


def _report(details: RetryDetails) -> None:
    metrics.RETRIES.labels(details.name).inc()
    log.warning(
        "retry.scheduled",
        call=details.name,
        attempt=details.retry_num,
        wait_seconds=round(details.wait_for, 3),
        error=type(details.caused_by).__name__,
    )


set_on_retry_hooks([RetryHookFactory(lambda: _report)])
