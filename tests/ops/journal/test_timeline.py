"""One timeline per entity."""

import pytest

from core.permissions import Principal
from entities.models import Entity
from ops.journal.selectors import timeline
from ops.journal.services import NewEntry, record_entries

pytestmark = pytest.mark.django_db


def test_the_newest_entry_of_an_entity_comes_first(viewer: Principal) -> None:
    api, web = (Entity.objects.create(name=name, kind="service") for name in ("api", "web"))
    record_entries(
        NewEntry(entity.pk, at_ms=number * 1000, kind="check.status", subject="http", after=f"{number}")
        for number, entity in enumerate([api, web, api, api])
    )

    page = timeline(principal=viewer, entity_id=api.pk, limit=2)
    rest = timeline(principal=viewer, entity_id=api.pk, cursor=page.next_cursor)

    assert [row.after for row in page.items] == ["3", "2"]
    assert [row.after for row in rest.items] == ["0"]
    assert rest.next_cursor is None


def test_texts_too_long_for_their_column_are_cut(viewer: Principal) -> None:
    api = Entity.objects.create(name="api", kind="service")

    record_entries([NewEntry(api.pk, at_ms=0, kind="check.status", subject="s" * 300, message="m" * 900)])

    row = timeline(principal=viewer, entity_id=api.pk).items[0]
    assert (len(row.subject), len(row.message)) == (100, 500)
