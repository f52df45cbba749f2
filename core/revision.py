"""The rising revision: every change that a page shows takes a number, and a poll asks for what came after it."""

from django.db import connection

from core.models import Revision


def take_revision() -> int:
    """The next number, taken in the caller's transaction.

    The row stays locked until that transaction ends, so numbers become visible in their order; take it last.
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
