"""The one line of each request. It is rendered and written here: the general chain of processors costs ten times more.

Everything that a client can write passes through JSON's ASCII escape, so a line stays a line.
"""

import logging
import os
import time
from json.encoder import encode_basestring_ascii as quoted

from opentelemetry import trace

from core.redaction import REDACTED
from core.telemetry.logging import current_request_id
from core.telemetry.tracing import is_tracing_wanted

EVENT = "http.request"
LOGGER = "core.request"
PATH_CHARACTERS = 300
PING_PLACES = ("/ping/", "/api/push/")
_STANDARD_ERROR = 2

_logger = logging.getLogger(LOGGER)
_traced = is_tracing_wanted()


def log_request(*, method: str, path: str, route: str, status: int, duration_ms: float, principal: str) -> None:
    """``method`` is one of a known few and needs no escape."""
    if not _logger.isEnabledFor(logging.INFO):
        return
    now = time.time()
    line = (
        f'{{"event":"{EVENT}","method":"{method}","path":{quoted(_shown(path))},"route":{quoted(route)},'
        f'"status":{status},"duration_ms":{duration_ms:.2f},"principal":{quoted(principal)},"level":"info",'
        f'"logger":"{LOGGER}","time":"{_timestamp(now)}","request_id":"{current_request_id()}"{_trace_id()}}}\n'
    )
    # One write of one line: threads and processes that share standard error cannot mix theirs into it.
    os.write(_STANDARD_ERROR, line.encode("ascii"))


def _shown(path: str) -> str:
    """The address of a ping is its secret: who knows it can keep a dead job looking alive."""
    for place in PING_PLACES:
        if path.startswith(place):
            return place + REDACTED
    return path[:PATH_CHARACTERS]


def _trace_id() -> str:
    if not _traced:
        return ""
    span = trace.get_current_span().get_span_context()
    return f',"trace_id":"{span.trace_id:032x}"' if span.is_valid else ""


def _timestamp(now: float) -> str:
    seconds = int(now)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int((now - seconds) * 1e6):06d}Z"
