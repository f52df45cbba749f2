"""OpenTelemetry, off unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set: even unsampled it doubles a bare request.

The exporter has a thread, and threads do not survive a fork: ``start_tracing`` is called in the process that does
the work, after it was forked.
"""

import os
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from wrapt import wrap_function_wrapper

from core import __version__

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
UNTRACED_URLS = "healthz,readyz,metrics,sd/prometheus,static,/ping/,/api/push/"
"""Regular expressions, searched for in the URL. The address of a ping is its secret, and a span holds the address."""


def is_tracing_wanted() -> bool:
    return bool(os.environ.get(ENDPOINT_VARIABLE))


def start_tracing() -> TracerProvider | None:
    """Instrument Django, Celery, Redis and PostgreSQL of this process; None when tracing is off.

    Must run before Django builds its chain of middleware.
    """
    if not is_tracing_wanted():
        return None
    resource = Resource.create({"service.version": __version__})  # OTEL_SERVICE_NAME names the service
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(excluded_urls=UNTRACED_URLS)
    CeleryInstrumentor().instrument()
    RedisInstrumentor().instrument()
    PsycopgInstrumentor().instrument()
    # A publish is one span, not one more for each of the Redis commands that kombu sends for it.
    wrap_function_wrapper("kombu.messaging", "Producer._publish", _untraced)
    return provider


def _untraced(wrapped: Callable[..., Any], _instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with suppress_instrumentation():
        return wrapped(*args, **kwargs)
