"""What is defined stays with its entity, which is named by its name or its id."""

import pytest

from core.errors import NotFound, ValidationFailed
from core.permissions import Principal
from ops.breakers.definition import DEFINITIONS, parse_source
from ops.breakers.services import create_source
from tests.entities.catalogue import add_entity


@pytest.mark.django_db
def test_its_own_entity_may_be_named_either_way_and_no_other(editor: Principal) -> None:
    api, other = add_entity("api"), add_entity("other")
    fields = {"name": "fleet", "kind": "scrape", "url": "http://127.0.0.1:9102/metrics"}
    uid = create_source(principal=editor, entity_ref="api", definition=parse_source(fields)).uid

    for same in ("api", api.uid, None):
        DEFINITIONS.refuse_other_entity(uid, same)
    for wrong in ("other", other.uid):
        with pytest.raises(ValidationFailed, match="which is api"):
            DEFINITIONS.refuse_other_entity(uid, wrong)
    for missing in ("bks_none", "\0"):
        with pytest.raises(NotFound):
            DEFINITIONS.refuse_other_entity(missing, "api")
