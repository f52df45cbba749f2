"""The rules of catalogue writes."""

from collections.abc import Collection, Iterator

import pytest

from core.errors import Conflict, HasDependencies, NotFound, PermissionDenied, StaleVersion, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal
from core.revision import current_revision
from entities import lifecycle
from entities.domain import EntityKind
from entities.models import Dependency, Entity, Team
from entities.selectors import get_entity
from entities.services import (
    create_entity,
    delete_entities,
    delete_entity,
    replace_entity,
    save_entities,
    set_dependencies,
    update_entity,
)
from tests.entities.catalogue import add_entity, define

pytestmark = pytest.mark.django_db


def test_a_new_entity_is_stored_audited_and_numbered(editor: Principal) -> None:
    saved = create_entity(principal=editor, definition=define("api", team="payments", tier=1, labels={"region": "eu"}))

    row = get_entity(principal=editor, ref=saved.uid)
    assert (row.name, row.kind, row.team, row.tier, row.labels) == ("api", "service", "payments", 1, {"region": "eu"})
    assert (row.version, row.status.status, row.uid[:4]) == (1, "unknown", "ent_")
    assert current_revision() == 1
    created = AuditEntry.objects.get(action="entity.create")
    assert (created.actor, created.target_uid, created.before) == ("user:editor", saved.uid, None)
    assert created.after
    assert created.after["team"] == "payments"


def test_a_team_that_does_not_exist_is_created_and_audited() -> None:
    add_entity("api", team="payments")
    add_entity("web", team="payments")

    assert Team.objects.get().name == "payments"
    assert AuditEntry.objects.filter(action="team.create").count() == 1


def test_a_name_is_given_once(editor: Principal) -> None:
    add_entity("api")
    add_entity("web")

    with pytest.raises(Conflict, match="'api'"):
        add_entity("api")
    with pytest.raises(Conflict, match="'api'"):
        update_entity(principal=editor, ref="web", changes={"name": "api"})


def test_a_viewer_changes_nothing(viewer: Principal) -> None:
    add_entity("api")

    for change in (
        lambda: create_entity(principal=viewer, definition=define("web")),
        lambda: replace_entity(principal=viewer, ref="api", definition=define("api", tier=1)),
        lambda: update_entity(principal=viewer, ref="api", changes={"tier": 1}),
        lambda: set_dependencies(principal=viewer, ref="api", depends_on=[]),
        lambda: delete_entity(principal=viewer, ref="api"),
        lambda: save_entities(principal=viewer, definitions=[define("api", tier=1)]),
    ):
        with pytest.raises(PermissionDenied):
            change()

    assert get_entity(principal=viewer, ref="api").version == 1
    assert AuditEntry.objects.count() == 1


def test_an_update_audits_only_what_changed(editor: Principal) -> None:
    saved = add_entity("api", title="API", tier=2)

    update_entity(principal=editor, ref="api", changes={"tier": 1, "title": "API"}, expected_version=1)

    entry = AuditEntry.objects.get(action="entity.update")
    assert (entry.before, entry.after, entry.target_uid) == ({"tier": 2}, {"tier": 1}, saved.uid)


def test_an_update_that_changes_nothing_writes_nothing(editor: Principal) -> None:
    add_entity("db")
    add_entity("api", depends_on=["db"])
    revision, audited = current_revision(), AuditEntry.objects.count()

    saved = replace_entity(
        principal=editor, ref="api", definition=define("api", depends_on=[{"name": "db", "strength": "hard"}])
    )

    assert (saved.changed, saved.version) == (False, 1)
    assert (current_revision(), AuditEntry.objects.count()) == (revision, audited)


def test_a_replacement_resets_what_it_leaves_out(editor: Principal) -> None:
    add_entity("db")
    add_entity("api", title="API", team="payments", labels={"a": "b"}, depends_on=["db"])

    replace_entity(principal=editor, ref="api", definition=define("api", kind="job"))

    row = get_entity(principal=editor, ref="api")
    assert (row.kind, row.title, row.team, row.labels, row.depends_on) == (EntityKind.JOB, "", None, {}, ())


def test_an_older_version_is_not_overwritten(editor: Principal) -> None:
    add_entity("api")
    update_entity(principal=editor, ref="api", changes={"tier": 1}, expected_version=1)

    for change in (
        lambda: update_entity(principal=editor, ref="api", changes={"tier": 4}, expected_version=1),
        lambda: replace_entity(principal=editor, ref="api", definition=define("api"), expected_version=1),
        lambda: delete_entity(principal=editor, ref="api", expected_version=1),
    ):
        with pytest.raises(StaleVersion, match="version 2, not 1"):
            change()

    assert get_entity(principal=editor, ref="api").tier == 1


def test_a_dependency_must_exist(editor: Principal) -> None:
    with pytest.raises(ValidationFailed, match="no entity 'nowhere'") as caught:
        add_entity("api", team="payments", depends_on=["nowhere"])

    assert caught.value.errors[0].field == "depends_on.0"
    assert not Entity.objects.exists()
    assert not Team.objects.exists()


def test_a_cycle_of_hard_dependencies_is_refused_with_its_path(editor: Principal) -> None:
    add_entity("c")
    add_entity("b", depends_on=["c"])
    add_entity("a", depends_on=["b"])

    with pytest.raises(ValidationFailed, match="a -> b -> c -> a"):
        set_dependencies(principal=editor, ref="c", depends_on=["a"])
    with pytest.raises(ValidationFailed, match="c -> c"):
        set_dependencies(principal=editor, ref="c", depends_on=["c"])

    assert get_entity(principal=editor, ref="c").version == 1
    assert not Dependency.objects.filter(entity__name="c").exists()


def test_a_cycle_with_a_soft_dependency_is_allowed(editor: Principal) -> None:
    add_entity("b")
    add_entity("a", depends_on=["b"])

    set_dependencies(principal=editor, ref="b", depends_on=[{"name": "a", "strength": "soft"}])

    assert [row.strength for row in get_entity(principal=editor, ref="b").depends_on] == ["soft"]


def test_an_entity_that_others_need_is_not_deleted(editor: Principal) -> None:
    add_entity("db")
    add_entity("api", depends_on=["db"])
    add_entity("web", depends_on=[{"name": "db", "strength": "soft"}])

    with pytest.raises(HasDependencies, match="db is needed by api, web"):
        delete_entity(principal=editor, ref="db")


def test_a_deleted_entity_is_gone_but_for_the_audit(editor: Principal) -> None:
    add_entity("db")
    add_entity("api", depends_on=["db"])

    delete_entity(principal=editor, ref="api", expected_version=1)

    with pytest.raises(NotFound):
        get_entity(principal=editor, ref="api")
    entry = AuditEntry.objects.get(action="entity.delete")
    assert (entry.target_name, entry.after) == ("api", None)
    assert entry.before
    assert entry.before["depends_on"] == [{"name": "db", "strength": "hard"}]


def test_entities_that_need_each_other_are_created_and_deleted_together(editor: Principal) -> None:
    a = define("a", depends_on=["b"])
    b = define("b", depends_on=[{"name": "a", "strength": "soft"}])

    saved = save_entities(principal=editor, definitions=[a, b])

    assert [item.changed for item in saved] == [True, True]
    assert [item.changed for item in save_entities(principal=editor, definitions=[a, b])] == [False, False]
    delete_entities(principal=editor, refs=["a", "b"])
    assert not Entity.objects.exists()


class Witness:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def entity_activity_changed(self, *, principal: Principal, entity_id: int, active: bool) -> None:
        self.seen.append((entity_id, active))

    def entity_renamed(self, *, principal: Principal, entity_id: int, name: str) -> None:
        self.seen.append((entity_id, name))

    def entities_deleting(self, *, principal: Principal, entity_ids: Collection[int]) -> None:
        assert Entity.objects.filter(pk__in=entity_ids).count() == len(entity_ids)
        self.seen.append(list(entity_ids))


@pytest.fixture
def witness() -> Iterator[Witness]:
    listener = Witness()
    lifecycle.register_lifecycle_listener(listener)
    yield listener
    lifecycle.remove_lifecycle_listener(listener)


def test_slices_hear_of_activity_names_and_deletion(editor: Principal, witness: Witness) -> None:
    saved = add_entity("api")

    update_entity(principal=editor, ref="api", changes={"title": "x"})
    update_entity(principal=editor, ref="api", changes={"lifecycle": "inactive"})
    update_entity(principal=editor, ref="api", changes={"lifecycle": "active"})
    update_entity(principal=editor, ref="api", changes={"name": "web"})
    delete_entity(principal=editor, ref="web")

    assert witness.seen == [(saved.id, False), (saved.id, True), (saved.id, "web"), [saved.id]]


def test_the_name_of_an_entity_cannot_pass_for_an_id(editor: Principal) -> None:
    saved = add_entity("api")

    with pytest.raises(ValueError, match="must be 1 to 64"):
        define(saved.uid)
