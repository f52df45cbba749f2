"""The rising revision: every change that a page shows takes a number, and a poll asks for what came after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

from core.models import Revision


class _Change:
    """What the outermost ``changing()`` has been told so far."""

    is_marked = False


_current: ContextVar[_Change | None] = ContextVar("change", default=None)


@contextmanager
def changing() -> Iterator[None]:
    """A transaction that takes a number at its end, if ``mark_changed()`` was called inside.

    Writes nest: only the outermost one takes the number, after all other locks, so that a long one holds up nobody
    and no two wait for each other. Also a decorator: ``@changing()``.
    """
    with transaction.atomic():
        if _current.get() is not None:
            yield
            return
        change = _Change()
        token = _current.set(change)
        try:
            yield
        finally:
            _current.reset(token)
        if change.is_marked:
            take_revision()


def mark_changed() -> None:
    """Tell that pages have something new to show once this is committed. Belongs inside ``changing()``."""
    change = _current.get()
    if change is None:
        raise RuntimeError("mark_changed() was called outside of changing()")
    change.is_marked = True


def take_revision() -> int:
    """The next number, taken in the caller's transaction.

    The row stays locked until that transaction ends, so numbers become visible in their order. Nothing may be locked
    after it: services say ``changing()`` instead.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_revision (id, value) VALUES (1, 1) "
            "ON CONFLICT (id) DO UPDATE SET value = core_revision.value + 1 RETURNING value"
        )
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def current_revision() -> int:
    return Revision.objects.values_list("value", flat=True).first() or 0
