"""Checks in the admin: the same rules, the same audit, errors beside the fields."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.models import AuditEntry
from core.permissions import Role, system_principal
from entities.definition import DEPENDENCIES_MAX
from entities.models import Dependency, Entity
from ops.health.admin import INLINE_MAX
from ops.health.models import Check, CheckState, Heartbeat
from ops.health.services import update_check
from ops.signals.domain import Status

pytestmark = pytest.mark.django_db

LIST = "/admin/ops/check/"
ADD = f"{LIST}add/"
ENTITY_ADD = "/admin/entities/entity/add/"

type MakeEntity = Callable[..., Entity]
type MakeCheck = Callable[..., Check]


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    return client_of(Role.EDITOR)


@pytest.fixture
def api(make_entity: MakeEntity) -> Entity:
    return make_entity("api")


def form_of(**fields: Any) -> dict[str, Any]:
    """What the browser sends."""
    return {
        "name": "http", "kind": "http", "config": "url: http://127.0.0.1:9001/health", "interval": "30s",
        "timeout": "5s", "failure_threshold": "2", "success_threshold": "1", "degraded_above": "300ms",
        "conditions": "[STATUS] == 200\r\n\r\n[BODY].status == ok\r\n", "degraded_conditions": "",
        "severity": "critical", **fields,
    }  # fmt: skip


def row_of(prefix: str, **fields: Any) -> dict[str, Any]:
    return {f"{prefix}-{name}": value for name, value in fields.items()}


def entity_form(checks: list[dict[str, Any]], *, initial: int = 0, **fields: Any) -> dict[str, Any]:
    data = {
        "kind": "service", "tier": "3", "environment": "production", "lifecycle": "active",
        "dependencies-TOTAL_FORMS": "0", "dependencies-INITIAL_FORMS": "0",
        "checks-TOTAL_FORMS": str(len(checks)), "checks-INITIAL_FORMS": str(initial), **fields,
    }  # fmt: skip
    for index, check in enumerate(checks):
        data |= row_of(f"checks-{index}", **check)
    return data


def rows_shown(client: Client, url: str) -> dict[str, Any]:
    """What a browser sends of the rows below an entity when nothing was typed in them."""
    fields: dict[str, Any] = {}
    for formset in (shown.formset for shown in client.get(url).context["inline_admin_formsets"]):
        for form in (formset.management_form, *formset.forms):
            for shown in (form[name] for name in form.fields if name != "DELETE"):
                value = "" if shown.value() is None else shown.value()
                fields[shown.html_name] = value
                if shown.field.show_hidden_initial:
                    fields[shown.html_initial_name] = value
    return fields


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200, response
    return dict(response.context["adminform"].form.errors)


def change_url(check: Check) -> str:
    return f"{LIST}{check.pk}/change/"


def test_a_check_is_created_through_the_services(client: Client, api: Entity) -> None:
    response = client.post(ADD, form_of(entity=api.pk))

    assert response.status_code == 302
    check = Check.objects.get()
    assert (check.config, check.interval_ms, check.degraded_above_ms) == (
        {"url": "http://127.0.0.1:9001/health"}, 30_000, 300,
    )  # fmt: skip
    assert check.conditions == ["[STATUS] == 200", "[BODY].status == ok"]
    assert CheckState.objects.get(pk=check.pk).next_due_ms is not None
    assert AuditEntry.objects.filter(action="check.create", actor="user:editor").count() == 1


@pytest.mark.parametrize(
    ("fields", "field", "word"),
    [
        ({"interval": "soon"}, "interval", "duration"),
        ({"config": "url: ftp://x"}, "config", "url"),
        ({"config": "[1"}, "config", "line"),
        ({"config": "- 1"}, "config", "field: value"),
        ({"config": "interval: 3s\nurl: http://127.0.0.1/"}, "config", "its own field"),
        ({"config": "url: http://169.254.169.254/"}, "config", "metadata"),
        ({"conditions": "[STATSU] == 1"}, "conditions", "at character 1"),
        ({"name": "Not a name"}, "name", "must be"),
        ({"failure_threshold": "1000"}, "failure_threshold", "100"),
        ({"kind": "smoke"}, "kind", "smoke"),
    ],
)
def test_errors_stand_beside_their_field_and_nothing_is_lost(
    client: Client, api: Entity, fields: dict[str, str], field: str, word: str
) -> None:
    response = client.post(ADD, form_of(entity=api.pk, **fields))

    errors = errors_of(response)
    assert errors.keys() == {field}
    assert word in " ".join(errors[field])
    assert not Check.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_taken_name_is_an_error_of_the_form(client: Client, api: Entity) -> None:
    client.post(ADD, form_of(entity=api.pk))

    assert errors_of(client.post(ADD, form_of(entity=api.pk)))
    assert Check.objects.count() == 1


def test_an_edit_shows_what_is_stored_and_writes_what_changed(client: Client, api: Entity) -> None:
    client.post(ADD, form_of(entity=api.pk))
    check = Check.objects.get()
    page = client.get(change_url(check)).content.decode()
    assert "http://127.0.0.1:9001/health" in page
    assert 'value="30s"' in page

    assert client.post(change_url(check), form_of(interval="10s", expected_version="1")).status_code == 302

    entry = AuditEntry.objects.get(action="check.update")
    assert (entry.before, entry.after) == ({"interval": "30s"}, {"interval": "10s"})
    assert "version" in str(errors_of(client.post(change_url(check), form_of(expected_version="1"))))


def test_a_check_is_deleted_through_the_services(client: Client, api: Entity) -> None:
    for name in ("a", "b"):
        client.post(ADD, form_of(entity=api.pk, name=name))
    first, second = Check.objects.order_by("name")

    assert client.post(f"{LIST}{first.pk}/delete/", {"post": "yes"}).status_code == 302
    client.post(LIST, {"action": "delete_selected", "_selected_action": [second.pk], "post": "yes"})

    assert not Check.objects.exists()
    assert AuditEntry.objects.filter(action="check.delete").count() == 2


def test_the_list_is_searched_and_filtered_by_what_it_shows(
    client: Client, make_entity: MakeEntity, make_check: MakeCheck
) -> None:
    make_check(make_entity("shop"), "page", status=Status.UNHEALTHY, message="connection refused")
    make_check(make_entity("mail"), "port", kind="tcp")

    def shown(query: str) -> list[str]:
        return [row.name for row in client.get(f"{LIST}?{query}").context["cl"].result_list]

    assert shown("") == ["port", "page"]
    assert shown("q=shop") == shown("status=unhealthy") == ["page"]
    assert shown("kind=tcp") == ["port"]
    assert "connection refused" in client.get(LIST).content.decode()


def test_operators_run_pause_and_resume_but_do_not_edit(
    client_of: Callable[[Role], Client], client: Client, api: Entity
) -> None:
    client.post(ADD, form_of(entity=api.pk))
    typed = {"name": "beat", "kind": "heartbeat", "config": "", "conditions": "", "interval": "60s", "timeout": "10s"}
    client.post(ADD, form_of(entity=api.pk, **typed))
    operator = client_of(Role.OPERATOR)
    checks = [check.pk for check in Check.objects.all()]

    for action in ("run_now", "pause", "resume"):
        operator.post(LIST, {"action": action, "_selected_action": checks})

    done = AuditEntry.objects.filter(actor="user:operator").values_list("action", flat=True)
    assert sorted(done) == ["check.pause", "check.pause", "check.resume", "check.resume", "check.run"]
    beat = Check.objects.get(name="beat")
    page = operator.get(change_url(beat))
    assert page.status_code == 200
    assert str(Heartbeat.objects.get().ping_id) not in page.content.decode()
    assert str(Heartbeat.objects.get().ping_id) in client.get(change_url(beat)).content.decode()
    assert operator.get(ADD).status_code == 403
    assert operator.post(change_url(beat), form_of()).status_code == 403


def test_an_entity_is_created_with_its_checks(client: Client) -> None:
    rows = [{"name": "http", "kind": "http", "config": "url: http://127.0.0.1:1/", "interval": "30s"}]

    assert client.post(ENTITY_ADD, entity_form(rows, name="shop")).status_code == 302

    check = Check.objects.get()
    assert (check.entity.name, check.name, check.interval_ms) == ("shop", "http", 30_000)
    assert AuditEntry.objects.filter(action="check.create", actor="user:editor").exists()


def test_a_bad_row_below_an_entity_is_an_error_of_that_row(client: Client) -> None:
    rows = [{"name": "http", "kind": "http", "config": "url: nowhere", "interval": "30s"}]

    response = client.post(ENTITY_ADD, entity_form(rows, name="shop"))

    formsets: Any = response.context["inline_admin_formsets"]
    assert any("config" in errors for formset in formsets for errors in formset.formset.errors)
    assert not Entity.objects.exists()


def test_rows_below_an_entity_are_edited_and_deleted_through_the_services(client: Client) -> None:
    rows: list[dict[str, Any]] = [
        {"name": name, "kind": "http", "config": "url: http://127.0.0.1:1/", "interval": "30s"} for name in ("a", "b")
    ]
    client.post(ENTITY_ADD, entity_form(rows, name="shop"))
    entity = Entity.objects.get()
    first, second = Check.objects.order_by("name")
    rows[0] |= {"id": first.pk, "interval": "10s"}
    rows[1] |= {"id": second.pk, "DELETE": "on"}
    rows.append({**rows[0], "id": "", "name": "c"})
    assert client.get(f"/admin/entities/entity/{entity.pk}/change/").status_code == 200

    response = client.post(
        f"/admin/entities/entity/{entity.pk}/change/", entity_form(rows, initial=2, name="shop", expected_version="1")
    )

    assert response.status_code == 302, errors_of(response)
    assert {check.name: check.interval_ms for check in Check.objects.all()} == {"a": 10_000, "c": 10_000}
    assert AuditEntry.objects.filter(action="check.delete").count() == 1
    assert Check.objects.get(name="a").version == 2


def test_an_entity_with_very_many_checks_is_still_edited(
    client: Client, api: Entity, make_check: MakeCheck, make_entity: MakeEntity
) -> None:
    for number in range(INLINE_MAX + 1):
        make_check(api, f"c{number}")
    make_check(make_entity("web"), "another")
    page = client.get(f"/admin/entities/entity/{api.pk}/change/").content.decode()
    elsewhere = f"{LIST}?entity__id__exact={api.pk}"

    assert f'<a href="{elsewhere}">101 checks</a>' in page
    assert "checks-0-name" not in page
    assert client.get(elsewhere).context["cl"].result_count == INLINE_MAX + 1

    answer = client.post(
        f"/admin/entities/entity/{api.pk}/change/",
        {
            "name": "api", "kind": "service", "title": "New", "tier": "3", "environment": "production",
            "lifecycle": "active", "expected_version": "1",
            "dependencies-TOTAL_FORMS": "0", "dependencies-INITIAL_FORMS": "0",
            "checks-elsewhere-TOTAL_FORMS": "0", "checks-elsewhere-INITIAL_FORMS": "0",
        },
    )  # fmt: skip
    assert answer.status_code == 302
    assert (Entity.objects.get(name="api").title, Check.objects.filter(entity=api).count()) == ("New", INLINE_MAX + 1)


def test_as_many_checks_and_dependencies_as_the_form_shows_can_be_sent(
    client: Client, api: Entity, make_check: MakeCheck, make_entity: MakeEntity
) -> None:
    config = {"url": "http://127.0.0.1:9001/health"}
    checks = [make_check(api, f"c{number}", config=config) for number in range(INLINE_MAX)]
    needs = [Dependency(entity=api, depends_on=make_entity(f"d{number}")) for number in range(DEPENDENCIES_MAX)]
    Dependency.objects.bulk_create(needs)
    url = f"/admin/entities/entity/{api.pk}/change/"
    fields = rows_shown(client, url)
    own = {"kind": "service", "tier": "3", "environment": "production", "lifecycle": "active", "title": "New"}

    answer = client.post(url, {**fields, **own, "name": "api"})
    assert answer.status_code == 302
    assert Check.objects.count() == len(checks)
    assert Entity.objects.get(name="api").title == "New"


def entity_url(entity: Entity) -> str:
    return f"/admin/entities/entity/{entity.pk}/change/"


def own_fields(**fields: Any) -> dict[str, Any]:
    return {"name": "api", "kind": "service", "tier": "3", "environment": "production", "lifecycle": "active", **fields}


def test_a_row_in_which_nothing_was_typed_undoes_no_edit_of_others(
    client: Client, api: Entity, make_check: MakeCheck
) -> None:
    check = make_check(api, "page", config={"url": "http://127.0.0.1:9001/", "body": "two\n\nlines"})
    page = client.get(entity_url(api)).content.decode()
    assert 'name="initial-checks-0-config"' in page
    older = rows_shown(client, entity_url(api))
    update_check(principal=system_principal("else"), uid=check.uid, changes={"interval": "10s", "paused": True})

    answer = client.post(entity_url(api), {**older, **own_fields(title="New")})

    assert answer.status_code == 302, errors_of(answer)
    check.refresh_from_db()
    assert (check.interval_ms, check.paused, check.version) == (10_000, True, 2)
    assert Entity.objects.get().title == "New"


@pytest.mark.parametrize("typed", [{"checks-0-interval": "45s"}, {"checks-0-DELETE": "on"}])
def test_a_row_that_was_typed_in_an_older_page_is_refused(
    client: Client, api: Entity, make_check: MakeCheck, typed: dict[str, str]
) -> None:
    check = make_check(api, "page", config={"url": "http://127.0.0.1:9001/"})
    older = rows_shown(client, entity_url(api))
    update_check(principal=system_principal("else"), uid=check.uid, changes={"interval": "10s"})

    answer = client.post(entity_url(api), {**older, **own_fields(title="New"), **typed})

    assert answer.status_code == 200
    assert "page is at version 2, not 1" in answer.content.decode()
    again = client.post(entity_url(api), {**older, **own_fields(), **typed, "checks-0-expected_version": "2"})
    assert again.status_code == 302, errors_of(again)
    left = Check.objects.values_list("interval_ms", flat=True)
    assert list(left) == ([] if "checks-0-DELETE" in typed else [45_000])


def test_a_stale_row_says_so_beside_itself(client: Client, api: Entity, make_check: MakeCheck) -> None:
    make_check(api, "page", config={"url": "http://127.0.0.1:9001/"})
    fields = {**rows_shown(client, entity_url(api)), **own_fields(), "checks-0-interval": "45s"}

    answer = client.post(entity_url(api), {**fields, "checks-0-expected_version": "9"})

    formsets: Any = answer.context["inline_admin_formsets"]
    assert [formset.formset.errors for formset in formsets][-1] == [{"__all__": ["page is at version 1, not 9"]}]
