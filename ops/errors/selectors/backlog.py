"""What waits to be digested."""

from ops.errors.models import SpooledEvent
from ops.sampling.outboxes import Backlog


def spool_backlog() -> Backlog:
    """Ingest bounds what it counts: beyond ``SPOOL_ROWS_MAX`` it takes nothing."""
    rows = SpooledEvent.objects.order_by("id")
    return Backlog(rows.count(), rows.values_list("received_ms", flat=True).first())
