"""The catalogue in the admin: the same rules, the same audit, errors beside the fields."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.test import Client

from core.admin_services import InlineFormSet, TabularInline
from core.models import AuditEntry
from core.permissions import Principal, Role
from entities.admin import EntityAdmin
from entities.models import Dependency, Entity, Team
from entities.selectors import get_entity
from entities.services import update_entity
from tests.entities.catalogue import TESTER, add_entity

pytestmark = pytest.mark.django_db

ADD = "/admin/entities/entity/add/"


def change_url(name: str) -> str:
    return f"/admin/entities/entity/{Entity.objects.get(name=name).pk}/change/"


def form_of(*needs: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """What the browser sends; ``needs`` are (entity, strength) in rows without a stored one."""
    data = {
        "kind": "service",
        "title": "",
        "description": "",
        "tier": "3",
        "environment": "production",
        "labels": "",
        "links": "",
        "lifecycle": "active",
        "team": "",
        "dependencies-TOTAL_FORMS": str(len(needs)),
        "dependencies-INITIAL_FORMS": "0",
        "checks-TOTAL_FORMS": "0",
        "checks-INITIAL_FORMS": "0",
        **fields,
    }
    for index, (name, strength) in enumerate(needs):
        data[f"dependencies-{index}-depends_on"] = str(Entity.objects.get(name=name).pk)
        data[f"dependencies-{index}-strength"] = strength
    return data


def errors_of(response: HttpResponse) -> dict[str, list[str]]:
    assert response.status_code == 200
    context: Any = response.context  # type: ignore[attr-defined]
    errors = dict(context["adminform"].form.errors)
    for formset in context["inline_admin_formsets"]:
        if formset.formset.non_form_errors():
            errors["formset"] = list(formset.formset.non_form_errors())
    return errors


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    return client_of(Role.EDITOR)


def test_an_entity_is_created_with_its_dependencies_as_one_change(client: Client) -> None:
    add_entity("db")
    team = Team.objects.create(name="pay")

    response = client.post(
        ADD,
        form_of(
            ("db", "soft"),
            name="api",
            tier="1",
            team=team.pk,
            labels="region: eu\r\n\r\nzone: a",
            links="doc: http://x/",
        ),
    )

    assert response.status_code == 302, errors_of(response)  # type: ignore[arg-type]
    row = get_entity(principal=TESTER, ref="api")
    assert (row.tier, row.team, row.labels, row.links) == (
        1,
        "pay",
        {"region": "eu", "zone": "a"},
        {"doc": "http://x/"},
    )
    assert [(item.name, item.strength) for item in row.depends_on] == [("db", "soft")]
    assert row.version == 1
    entry = AuditEntry.objects.get(target_name="api")
    assert (entry.actor, entry.action, bool(entry.request_id)) == ("user:editor", "entity.create", True)


def test_a_new_entity_has_no_record_yet(client: Client) -> None:
    add_entity("api")

    assert "field-uid" not in client.get(ADD).content.decode()
    assert "field-uid" in client.get(change_url("api")).content.decode()


def test_an_edit_is_one_version_and_shows_what_is_stored(client: Client) -> None:
    add_entity("db")
    add_entity("api", labels={"region": "eu"}, description="two\nlines")
    url = change_url("api")

    page = client.get(url).content.decode()
    assert "region: eu</textarea>" in page
    client.post(
        url,
        form_of(
            ("db", "hard"),
            name="api",
            title="API",
            labels="region: eu",
            description="two\r\nlines",
            expected_version="1",
        ),
    )

    assert get_entity(principal=TESTER, ref="api").version == 2
    assert AuditEntry.objects.get(action="entity.update").after == {
        "title": "API",
        "depends_on": [{"name": "db", "strength": "hard"}],
    }


def test_a_dependency_is_removed(client: Client) -> None:
    add_entity("db")
    add_entity("api", depends_on=["db"])
    stored = {
        "dependencies-INITIAL_FORMS": "1",
        "dependencies-0-id": Dependency.objects.get().pk,
        "dependencies-0-entity": Entity.objects.get(name="api").pk,
        "dependencies-0-DELETE": "on",
    }

    response = client.post(change_url("api"), form_of(("db", "hard"), name="api", **stored))

    assert response.status_code == 302, errors_of(response)  # type: ignore[arg-type]
    assert get_entity(principal=TESTER, ref="api").depends_on == ()


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"name": "Not A Name"}, "name", "must be 1 to 64"),
        ({"name": "db"}, "name", "already"),
        ({"labels": "1: x"}, "labels", "a label's key"),
        ({"labels": "no colon"}, "labels", "expected key: value"),
        ({"links": "runbook: javascript:alert(1)"}, "links", "must be an http"),
        ({"tier": "7"}, "tier", "less than or equal to 4"),
        ({"title": "x" * 201}, "title", "at most 200"),
    ],
)
def test_what_a_service_refuses_stands_beside_the_field(
    client: Client, fields: dict[str, str], field: str, message: str
) -> None:
    add_entity("db")

    errors = errors_of(client.post(ADD, form_of(**{"name": "api", **fields})))  # type: ignore[arg-type]

    assert message in " ".join(errors[field])
    assert Entity.objects.count() == 1
    assert not AuditEntry.objects.filter(target_name="api").exists()


def test_a_cycle_is_an_error_of_the_dependencies(client: Client) -> None:
    add_entity("api")
    add_entity("web", depends_on=["api"])

    errors = errors_of(client.post(change_url("api"), form_of(("web", "hard"), name="api")))  # type: ignore[arg-type]

    assert errors == {"formset": ["forms the cycle api -> web -> api"]}
    assert get_entity(principal=TESTER, ref="api").version == 1


def test_an_edit_of_an_older_version_is_refused(client: Client) -> None:
    add_entity("api")
    update_entity(principal=TESTER, ref="api", changes={"title": "theirs"})

    errors = errors_of(client.post(change_url("api"), form_of(name="api", title="mine", expected_version="1")))  # type: ignore[arg-type]

    assert errors == {"__all__": ["api is at version 2, not 1"]}
    assert get_entity(principal=TESTER, ref="api").title == "theirs"


def test_deleting_is_refused_while_others_need_it(client: Client) -> None:
    add_entity("db")
    add_entity("api", depends_on=["db"])
    delete = change_url("db").replace("change", "delete")

    assert "api needs db" in client.get(delete).content.decode()
    assert client.post(delete, {"post": "yes"}).status_code in {200, 403}

    assert Entity.objects.filter(name="db").exists()


def test_the_delete_action_goes_through_the_service(client: Client) -> None:
    add_entity("db")
    add_entity("api", depends_on=["db"])
    add_entity("stays")
    selected = list(Entity.objects.exclude(name="stays").values_list("pk", flat=True))

    client.post("/admin/entities/entity/", {"action": "delete_selected", "_selected_action": selected, "post": "yes"})

    assert [entity.name for entity in Entity.objects.all()] == ["stays"]
    deleted = AuditEntry.objects.filter(action="entity.delete", actor="user:editor")
    assert {entry.target_name for entry in deleted} == {"api", "db"}


def test_lists_are_searched_and_filtered(client: Client) -> None:
    add_entity("api", title="Front door")
    add_entity("db", kind="datastore")

    assert "1 entity" in client.get("/admin/entities/entity/?q=front").content.decode()
    assert "1 entity" in client.get("/admin/entities/entity/?kind__exact=datastore").content.decode()


def test_the_history_of_an_entity_is_its_audit(client: Client) -> None:
    saved = add_entity("api")

    response = client.get(change_url("api").replace("change", "history"), follow=True)

    assert response.redirect_chain[0][0].endswith(f"?q={saved.uid}")
    assert "entity.create" in response.content.decode()


@pytest.mark.parametrize("role", [Role.OPERATOR])
def test_who_may_only_see_edits_nothing(client_of: Callable[[Role], Client], role: Role) -> None:
    add_entity("api")
    client = client_of(role)

    assert client.get(change_url("api")).status_code == 200
    assert client.get(ADD).status_code == 403
    assert client.post(change_url("api"), form_of(name="api", title="x")).status_code == 403
    assert client.post(change_url("api").replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert client.get("/admin/entities/team/add/").status_code == 403
    assert get_entity(principal=TESTER, ref="api").version == 1


def test_teams_are_edited_by_the_same_rules(client: Client) -> None:
    client.post("/admin/entities/team/add/", {"name": "pay", "title": "Payments"})
    team = Team.objects.get()
    page = client.post("/admin/entities/team/add/", {"name": "A B"}).content.decode()
    assert "must be 1 to 64" in page

    stale = {"name": "mine", "title": "", "expected_version": "9"}
    page = client.post(f"/admin/entities/team/{team.pk}/change/", stale).content.decode()
    assert "is at version 1, not 9" in page
    client.post(f"/admin/entities/team/{team.pk}/change/", {**stale, "name": "payments", "expected_version": "1"})
    add_entity("api", team="payments")
    assert "entity api" in client.get(f"/admin/entities/team/{team.pk}/delete/").content.decode()
    update_entity(principal=TESTER, ref="api", changes={"team": None})
    client.post(f"/admin/entities/team/{team.pk}/delete/", {"post": "yes"})

    actions = AuditEntry.objects.filter(actor="user:editor").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["team.create", "team.update", "team.delete"]


class NoteFormSet(InlineFormSet):
    saved: list[tuple[str, str]] = []

    def save_through_services(self, *, principal: Principal, entity: Entity) -> None:
        self.saved.append((principal.name, entity.name))


class NoteInline(TabularInline):
    model = Dependency
    fk_name = "depends_on"
    formset = NoteFormSet
    form = forms.modelform_factory(Dependency, fields=["strength"])


@pytest.fixture
def note_inline() -> Iterator[None]:
    NoteFormSet.saved.clear()
    EntityAdmin.inlines = [*EntityAdmin.inlines, NoteInline]
    yield
    EntityAdmin.inlines = EntityAdmin.inlines[:-1]


def test_an_inline_of_a_slice_is_saved_by_its_services(client_of: Callable[[Role], Client], note_inline: None) -> None:
    client = client_of(Role.ADMIN)
    client.get("/admin/")
    from django.contrib.auth.models import User

    User.objects.filter(username="admin").update(is_superuser=True)
    other = {"dependants-TOTAL_FORMS": "0", "dependants-INITIAL_FORMS": "0"}

    response = client.post(ADD, form_of(name="api", **other))

    assert response.status_code == 302, errors_of(response)  # type: ignore[arg-type]
    assert NoteFormSet.saved == [("user:admin", "api")]


def test_every_page_of_the_catalogue_opens(client: Client) -> None:
    add_entity("api")

    for path in (
        "/admin/",
        "/admin/entities/",
        "/admin/entities/entity/",
        ADD,
        change_url("api"),
        "/admin/entities/team/",
    ):
        assert client.get(path).status_code == 200
    found = client.get(
        "/admin/autocomplete/?term=ap&app_label=entities&model_name=dependency&field_name=depends_on"
    ).json()
    assert [item["text"] for item in found["results"]] == ["api"]
    assert admin.site.is_registered(Entity)
