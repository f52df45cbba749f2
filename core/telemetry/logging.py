"""Structured logs: one JSON object a line, with the ids of the request and the trace, secrets redacted."""

import logging.config
import logging.handlers
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from core.redaction import redact

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def bind_request_id(value: str) -> None:
    _request_id.set(value)


def current_request_id() -> str:
    """The id of the request being served, or an empty text outside of one."""
    return _request_id.get()


def _add_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if request_id := _request_id.get():
        event.setdefault("request_id", request_id)
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: redact(value, key) for key, value in event.items()}


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    _add_ids,
    structlog.processors.format_exc_info,
    _redact_event,
]


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """The formatter of every log line, for servers that set up their loggers by themselves."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )


def configure_logging(level: str, *, file: Path | None = None) -> None:
    """Send structlog and the standard library's loggers through one JSON formatter to standard error, or to a file."""
    target: dict[str, Any] = {"class": "logging.StreamHandler", "formatter": "json"}
    if file is not None:
        target |= {"class": "logging.handlers.RotatingFileHandler", "filename": file, "maxBytes": 10_000_000}
        target |= {"backupCount": 3, "delay": True}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": json_formatter}},
            "handlers": {"target": target},
            "root": {"handlers": ["target"], "level": level.upper()},
            "loggers": {
                "django.request": {"level": "CRITICAL"},
                "django.security.DisallowedHost": {"level": "ERROR"},
                # A line for every tick of every second says nothing; the engine logs what it did.
                "celery.app.trace": {"level": "WARNING"},
                "celery.beat": {"level": "WARNING"},
                "celery.worker.strategy": {"level": "WARNING"},
                "granian.access": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
