"""Whether a page must be drawn again."""

import re

from django.db.models import Exists

from core.clock import database_now_ms
from core.models import Revision
from core.revision import current_revision
from ops.health.models import CheckState

_STAMP = re.compile(r"([0-9]{1,18})\.([0-9]{1,15})")


def change_stamp() -> str:
    """What a page shows is as of this stamp. Take it before reading, so that nothing falls between."""
    now = database_now_ms()
    return f"{current_revision()}.{now}"


def has_changed(stamp: str) -> bool:
    """Whether anything that pages show changed since: the revision moved, or a status went stale meanwhile.

    A stamp that cannot be read counts as changed. Two queries at most, both answered from an index.
    """
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return True
    seen_revision, seen_ms = int(match[1]), int(match[2])
    gone_stale = CheckState.objects.filter(
        fresh_until_ms__gte=seen_ms, fresh_until_ms__lt=database_now_ms(), next_due_ms__isnull=False
    )
    row = Revision.objects.values_list("value", Exists(gone_stale)).first()
    return row is not None and (row[0] != seen_revision or bool(row[1]))
