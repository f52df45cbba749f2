"""Queues and sources of breakers in the admin: the services' rules and audit, and no secret for readers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
import yaml
from django.test import Client

from core.models import AuditEntry
from core.permissions import Role
from ops.breakers.models import BreakerSource
from ops.definitions.models import Defined
from ops.queues.models import Queue
from tests.entities.catalogue import add_entity

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Subject:
    model: type[Defined]
    action: str
    form: dict[str, str]
    wrong: tuple[str, str]
    """A field of the form, and what it refuses."""

    @property
    def list_url(self) -> str:
        return f"/admin/ops/{self.model._meta.model_name}/"

    def row(self) -> Any:
        return self.model._default_manager.get()

    def change_url(self) -> str:
        return f"{self.list_url}{self.row().pk}/change/"


QUEUE = Subject(
    Queue, "queue",
    {
        "kind": "rabbitmq",
        "config": "url: http://127.0.0.1:15672\nqueue: mail\nbasic_user: reader\nbasic_password: s3cret",
        "max_size": "100", "max_age": "5m", "warn_size": "", "warn_age": "", "min_consumers": "",
        "breach_within": "15m", "interval": "30s", "timeout": "5s",
    },
    ("max_age", "soon"),
)  # fmt: skip
SOURCE = Subject(
    BreakerSource, "breaker_source",
    {
        "kind": "scrape", "config": "url: http://127.0.0.1:9102/metrics\nbearer_token: s3cret", "instance": "web-1",
        "interval": "30s", "timeout": "5s",
    },
    ("interval", "soon"),
)  # fmt: skip


@pytest.fixture(params=[QUEUE, SOURCE], ids=["queue", "source"])
def subject(request: pytest.FixtureRequest) -> Subject:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def created(subject: Subject, client_of: Callable[[Role], Client]) -> Client:
    form = {**subject.form, "entity": add_entity("api").id, "name": "mail"}
    client = client_of(Role.EDITOR)
    assert client.post(f"{subject.list_url}add/", form).status_code == 302
    return client


def test_it_is_created_through_the_services(subject: Subject, created: Client) -> None:
    row = subject.row()
    assert (row.entity.name, row.name, row.interval_ms, row.version) == ("api", "mail", 30_000, 1)
    assert row.state.next_due_ms is not None
    assert "s3cret" not in str(row.config)
    assert AuditEntry.objects.get(action=f"{subject.action}.create").actor == "user:editor"


def test_an_edit_keeps_the_secret_and_writes_what_changed(subject: Subject, created: Client) -> None:
    page = created.get(subject.change_url()).content.decode()
    assert "s3cret" not in page
    assert "********" in page
    config = subject.form["config"].replace("s3cret", "'********'")
    stored = subject.row().config

    edit = {**subject.form, "name": "mail", "config": config, "interval": "1m", "expected_version": "1"}
    assert created.post(subject.change_url(), edit).status_code == 302

    entry = AuditEntry.objects.get(action=f"{subject.action}.update")
    assert (entry.before, entry.after) == ({"interval": "30s"}, {"interval": "1m"})
    assert subject.row().config.keys() == stored.keys()
    stale = created.post(subject.change_url(), edit)
    assert "version" in str(stale.context["adminform"].form.errors)


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_written(subject: Subject, created: Client) -> None:
    field, value = subject.wrong

    answer = created.post(subject.change_url(), {**subject.form, "name": "mail", field: value, "expected_version": "1"})

    assert answer.context["adminform"].form.errors.keys() == {field}
    answer = created.post(subject.change_url(), {**subject.form, "name": "mail", "config": "queues: mail"})
    assert answer.context["adminform"].form.errors.keys() == {"config"}
    assert subject.row().version == 1


@pytest.mark.parametrize("in_the_list", [True, False])
def test_it_is_deleted_through_the_services(subject: Subject, created: Client, in_the_list: bool) -> None:
    pk = subject.row().pk
    if in_the_list:
        created.post(subject.list_url, {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})
    else:
        created.post(f"{subject.list_url}{pk}/delete/", {"post": "yes"})

    assert not subject.model._default_manager.exists()
    assert AuditEntry.objects.get(action=f"{subject.action}.delete").target_name == "api/mail"


def test_who_may_only_view_reads_the_definition_without_secrets(
    subject: Subject, created: Client, client_of: Callable[[Role], Client]
) -> None:
    operator = client_of(Role.OPERATOR)

    page = operator.get(subject.change_url())

    assert page.status_code == 200
    assert "********" in page.content.decode()
    assert "s3cret" not in page.content.decode()
    assert "<textarea" not in page.content.decode()
    shown = re.search(r"<pre>(.*?)</pre>", page.content.decode(), re.DOTALL)
    assert shown
    read = yaml.safe_load(unescape(shown[1]))
    assert (read["name"], read["interval"], read["verify_tls"]) == ("mail", "30s", True)
    assert None not in read.values()
    assert operator.get(f"{subject.list_url}?kind={subject.form['kind']}&q=mail").status_code == 200
    assert operator.post(subject.change_url(), {**subject.form, "name": "other"}).status_code == 403
    assert subject.row().name == "mail"


def test_moments_are_told_to_the_second_on_both_pages(subject: Subject, created: Client) -> None:
    type(subject.row().state).objects.update(last_at_ms=1_764_331_456_136)

    for page in (subject.change_url(), subject.list_url):
        shown = created.get(page).content.decode()
        assert "2025" in shown
        assert "136000" not in shown


def test_the_form_names_the_fields_of_each_kind(subject: Subject, client_of: Callable[[Role], Client]) -> None:
    page = client_of(Role.EDITOR).get(f"{subject.list_url}add/").content.decode()
    fields = dict(re.findall(r"<dt>([a-z]+)</dt><dd>([^<]*)</dd>", page))

    assert subject.form["kind"] in fields
    assert len(fields) == page.count("<dt>") > 1
    assert "url (required)" in fields[subject.form["kind"]]


def test_the_rhythm_of_a_new_check_is_spelled_as_elsewhere(client_of: Callable[[Role], Client]) -> None:
    page = client_of(Role.EDITOR).get("/admin/ops/check/add/").content.decode()

    assert re.search(r'name="interval" value="1m"', page)
    assert re.search(r"<dt>http</dt><dd>url \(required\), ", page)


def test_every_limit_of_a_queue_and_its_example_say_what_they_are(client_of: Callable[[Role], Client]) -> None:
    page = client_of(Role.EDITOR).get("/admin/ops/queue/add/")
    fields = page.context["adminform"].form.fields

    for name in ("max_size", "max_age", "warn_size", "warn_age", "min_consumers", "breach_within"):
        assert fields[name].help_text, name
    assert "such as url: redis://10.1.2.3:6379/0" in page.content.decode()


@pytest.mark.parametrize(("model", "example"), [("check", "/health"), ("breakersource", "/metrics")])
def test_the_example_is_one_of_the_subject(client_of: Callable[[Role], Client], model: str, example: str) -> None:
    assert f"such as url: http://10.1.2.3{example}" in client_of(Role.EDITOR).get(f"/admin/ops/{model}/add/").text
