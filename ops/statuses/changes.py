"""Whether a page must be drawn again."""

import re
from functools import cache

from django.db import connection

from core.clock import database_now_ms, now_ms
from core.revision import current_revision
from ops.statuses.sources import SOURCES

_STAMP = re.compile(r"([0-9]{1,18})\.([0-9]{1,15})")
_NOW = {"postgresql": "(extract(epoch FROM statement_timestamp()) * 1000)::bigint", "sqlite": "%(now)s"}


def change_stamp() -> str:
    """What a page shows is as of this stamp. Take it before reading, so that nothing falls between."""
    now = database_now_ms()
    return f"{current_revision()}.{now}"


def has_changed(stamp: str) -> bool:
    """Whether anything that pages show changed since: the revision moved, or something went stale meanwhile.

    A stamp that cannot be read counts as changed. One query.
    """
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return True
    with connection.cursor() as cursor:
        cursor.execute(_question(connection.vendor), {"seen": int(match[2]), "now": now_ms()})
        row = cursor.fetchone()
    return row is not None and (row[0] != int(match[1]) or bool(row[1]))


@cache
def _question(vendor: str) -> str:
    """One statement, because every open page asks every few seconds. A freshness that ends is found by its index."""
    stale = (source.went_stale.format(now=_NOW[vendor]) for source in SOURCES if source.went_stale)
    return f"SELECT value, {' OR '.join(f'EXISTS ({query})' for query in stale)} FROM core_revision"  # noqa: S608 - constants
