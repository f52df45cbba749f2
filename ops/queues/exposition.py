"""Every queue as Prometheus lines, rendered by hand and kept for some seconds."""

import time
from collections.abc import Iterable

from core.clock import database_now_ms
from ops.queues.models import Queue
from ops.queues.selectors import effective
from ops.signals.domain import PAUSED_SEVERITY, Status

KEPT_SECONDS = 5.0
SERIES_MAX = 20_000
_HEADS = {
    "size": "Messages that wait.",
    "oldest_age_seconds": "How long the oldest of them does.",
    "consumers": "Consumers.",
    "status": "0 healthy, 1 unknown, 2 degraded, 3 unhealthy.",
}
_rendered: tuple[float, bytes] = (float("-inf"), b"")


def render_queue_series() -> bytes:
    """Empty without queues. At most ``KEPT_SECONDS`` old, so that scrapes by many cost one."""
    global _rendered  # noqa: PLW0603 - replaced as a whole; at worst two threads render the same
    if time.monotonic() - _rendered[0] > KEPT_SECONDS:
        _rendered = (time.monotonic(), _render())
    return _rendered[1]


def forget_rendered() -> None:
    global _rendered  # noqa: PLW0603
    _rendered = (float("-inf"), b"")


def _render() -> bytes:
    """What is paused has no series; of what is unknown there is the status alone."""
    rows = list(
        Queue.objects.annotate(severity=effective.severity(database_now_ms()))
        .exclude(severity=PAUSED_SEVERITY)
        .order_by("entity__name", "name")
        .values_list("entity__name", "name", "severity", "state__size", "state__oldest_age_ms", "state__consumers")[
            :SERIES_MAX
        ]
    )
    if not rows:
        return b""
    # A name has neither quotes nor backslashes (entities.definition.Name).
    known = [(f'{{entity="{row[0]}",queue="{row[1]}"}}', *row[3:]) for row in rows if row[2] != Status.UNKNOWN]
    lines = [
        *_family("size", ((labels, size) for labels, size, _, _ in known)),
        *_family("oldest_age_seconds", ((labels, None if age is None else age / 1_000) for labels, _, age, _ in known)),
        *_family("consumers", ((labels, consumers) for labels, _, _, consumers in known)),
        *_family("status", ((f'{{entity="{row[0]}",queue="{row[1]}"}}', row[2]) for row in rows)),
    ]
    return "".join(lines).encode()


def _family(name: str, series: Iterable[tuple[str, float | None]]) -> Iterable[str]:
    full = f"quarterdeck_queue_{name}"
    yield f"# HELP {full} {_HEADS[name]}\n# TYPE {full} gauge\n"
    for labels, value in series:
        if value is not None:
            yield f"{full}{labels} {value}\n"
