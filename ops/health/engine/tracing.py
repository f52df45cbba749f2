"""The trace of one probe: a span of its own where tracing is on, and in any case an id that the target is told."""

import random
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context

from core.telemetry.tracing import is_tracing_wanted
from ops.health.engine.definitions import PreparedCheck

_tracer = trace.get_tracer("quarterdeck.health") if is_tracing_wanted() else None
_NO_PARENT = Context()


class probe_trace:  # noqa: N801 - used as a function
    """``traceparent`` is the header for the target (W3C Trace Context), ``trace_id`` what a failed result keeps."""

    __slots__ = ("_span", "trace_id", "traceparent")

    def __init__(self, check: PreparedCheck) -> None:
        self._span: trace.Span | None = None
        if _tracer is None:
            bits = f"{random.getrandbits(192):048x}"
            self.trace_id = bits[:32]
            self.traceparent = f"00-{self.trace_id}-{bits[32:]}-00"
            return
        self._span = _tracer.start_span("health.probe", _NO_PARENT, trace.SpanKind.CLIENT)
        context = self._span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.traceparent = f"00-{self.trace_id}-{context.span_id:016x}-{int(context.trace_flags):02x}"
        self._span.set_attribute("quarterdeck.check", check.uid)
        self._span.set_attribute("quarterdeck.kind", check.kind_name)

    def fail(self, message: str) -> None:
        if self._span is not None:
            self._span.set_status(trace.StatusCode.ERROR, message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._span is not None:
            self._span.end()
