"""Time as the platform stores it: whole milliseconds since the Unix epoch, UTC.

Hot tables hold such integers because they sort, subtract and pack better than timestamps; pages and the API
show them through ``from_ms``. On PostgreSQL the database's clock decides what is due, so that workers on
several hosts agree; SQLite lives on one host and uses that host's clock.
"""

import datetime as dt
import time
from typing import Annotated

from django.db import connection
from pydantic import AfterValidator, AwareDatetime

_FIRST, _LAST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)


def _check_moment(value: dt.datetime) -> dt.datetime:
    if not _FIRST <= value <= _LAST:
        raise ValueError("must lie between 1970 and 9999, in UTC")
    return value


type Moment = Annotated[AwareDatetime, AfterValidator(_check_moment)]
"""A moment that somebody sends, with its offset from UTC: one that can be counted from, and told in UTC."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def database_now_ms() -> int:
    if connection.vendor != "postgresql":
        return now_ms()
    with connection.cursor() as cursor:
        cursor.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def from_ms(value: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(value / 1000, tz=dt.UTC)


def to_ms(value: dt.datetime) -> int:
    return round(value.timestamp() * 1000)
