"""The audit cannot be rewritten."""

import pytest
from django.db import DatabaseError, transaction

from core.audit import record_action
from core.models import AuditEntry
from core.permissions import Principal


@pytest.mark.django_db
@pytest.mark.parametrize("change", [lambda rows: rows.update(actor="user:eve"), lambda rows: rows.delete()])
def test_the_database_refuses_to_change_an_entry(editor: Principal, change) -> None:  # type: ignore[no-untyped-def]
    record_action(principal=editor, action="entity.create", target_type="entity", target_uid="ent_1", target_name="api")

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change(AuditEntry.objects.all())

    assert AuditEntry.objects.get().actor == "user:editor"
