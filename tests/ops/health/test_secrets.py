"""Secrets of checks: encrypted where they are stored, masked where they are shown, plain for the probe alone."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from core.errors import ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal, Role
from core.secrets import MASK, is_sealed
from entities.models import Entity
from ops.health import services
from ops.health.definition import document_of, parse_check
from ops.health.engine.definitions import prepare_check
from ops.health.engine.judging import judge
from ops.health.models import Check
from ops.journal.models import JournalEntry
from ops.probing.body import Body
from ops.probing.probe import Observation, ProbeFailed
from ops.signals.domain import Status

pytestmark = pytest.mark.django_db

HUSH = "Bearer hush-5f3a"
HTTP = {
    "name": "http", "kind": "http", "url": "http://127.0.0.1:9001/health",
    "headers": {"Authorization": HUSH, "Accept": "text/plain"},
}  # fmt: skip
SHOP = f"""apiVersion: quarterdeck/v1
entities:
  - name: api
    kind: service
    checks:
      - {{name: http, kind: http, url: "http://127.0.0.1:9001/health", headers: {{Authorization: {HUSH}}}}}
"""


@pytest.fixture
def api() -> Entity:
    return Entity.objects.create(name="api", kind="service")


@pytest.fixture
def check(editor: Principal, api: Entity) -> Check:
    saved = services.create_check(principal=editor, entity_ref="api", definition=parse_check(HTTP))
    return Check.objects.get(pk=saved.id)


def test_what_a_target_sends_back_of_it_is_shown_to_nobody(check: Check) -> None:
    Check.objects.update(conditions=["[BODY] == fine"])
    check.refresh_from_db()
    body = Body(b"x" * 1_990 + b" no entry for hush-5f3a")

    judgement = judge(prepare_check(check), Observation(1_000, values={"BODY": body}))
    failed = judge(prepare_check(check), ProbeFailed("receive", "not for hush-5f3a", excerpt=b"hush-5f3a"))

    assert (judgement.outcome, failed.outcome) == (Status.UNHEALTHY, Status.UNHEALTHY)
    for text in (judgement.message, judgement.excerpt, failed.message, failed.excerpt):
        assert "hush" not in text
    assert failed.message == "not for [redacted]"


@pytest.fixture
def log() -> Iterator[Callable[[], str]]:
    """Everything that is logged, with what it was logged about."""
    written: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(f"{record.getMessage()} {record.__dict__}")  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    yield lambda: "\n".join(written)
    logging.getLogger().removeHandler(handler)


def sent_header(check: Check) -> str:
    check.refresh_from_db()
    lines: tuple[str, ...] = prepare_check(check).config.header_lines
    return next(line for line in lines if line.startswith("Authorization"))


def run_catalog(action: str, file: Path) -> str:
    output = io.StringIO()
    call_command("catalog", action, str(file), stdout=output)
    return output.getvalue()


def test_it_is_stored_encrypted_and_given_to_the_probe_in_clear(check: Check) -> None:
    assert is_sealed(check.config["headers"]["Authorization"])
    assert check.config["headers"]["Accept"] == "text/plain"
    assert sent_header(check) == f"Authorization: {HUSH}"


def test_it_is_shown_as_a_mask_to_everybody(
    check: Check, client_of: Callable[[Role], Client], log: Callable[[], str]
) -> None:
    shown = ""
    for role in Role:
        client = client_of(role)
        for path in (
            f"/api/v1/checks/{check.uid}", "/api/v1/checks", f"/checks/{check.uid}", f"/checks/{check.uid}/edit",
            f"/admin/ops/check/{check.pk}/change/", "/entities/api",
        ):  # fmt: skip
            shown += client.get(path).content.decode()
    output = io.StringIO()
    call_command("catalog", "export", stdout=output)

    assert document_of(check)["headers"] == {"Authorization": MASK, "Accept": "text/plain"}
    assert MASK in shown
    assert MASK in output.getvalue()
    for text in (shown, output.getvalue(), log(), repr(prepare_check(check))):
        assert "hush" not in text
        assert "$secret" not in text


@pytest.mark.django_db(transaction=True)
def test_no_secret_stands_in_the_database(
    editor: Principal, api: Entity, client_of: Callable[[Role], Client], log: Callable[[], str]
) -> None:
    send = client_of(Role.EDITOR)
    created = send.post(
        "/api/v1/checks", json.dumps({**HTTP, "entity": "api"}), "application/json", headers={"Idempotency-Key": "k1"}
    )
    uid = created.json()["id"]
    services.update_check(principal=editor, uid=uid, changes={"headers": {"Authorization": "hush-two"}})
    services.run_check_now(principal=editor, uid=uid)
    services.delete_check(principal=editor, uid=uid)
    services.create_check(principal=editor, entity_ref="api", definition=parse_check(HTTP))

    assert "hush" not in dump_database()
    assert "hush" not in created.content.decode() + log()
    assert JournalEntry.objects.exists()


def dump_database() -> str:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [bytes(cell) if isinstance(cell, memoryview) else cell for row in cursor for cell in row]
    return str(rows)


class TestTheMaskWrittenBack:
    def test_keeps_what_is_stored(self, check: Check, editor: Principal) -> None:
        definition = parse_check({**document_of(check), "interval": "5s"})
        saved = services.replace_check(principal=editor, uid=check.uid, definition=definition)

        assert set(saved.changed) == {"interval"}
        assert sent_header(check) == f"Authorization: {HUSH}"

    def test_changes_nothing_alone(self, check: Check, editor: Principal) -> None:
        saved = services.replace_check(principal=editor, uid=check.uid, definition=parse_check(document_of(check)))

        assert saved.action is None

    def test_is_what_the_forms_carry(self, check: Check, client_of: Callable[[Role], Client]) -> None:
        typed = {
            "name": "http", "url": "http://127.0.0.1:9001/other", "method": "GET", "interval": "30s", "timeout": "5s",
            "headers": f"Authorization: {MASK}\nX-Api-Key: hush-key", "failure_threshold": "1",
            "success_threshold": "1", "version": "1",
        }  # fmt: skip
        answered = client_of(Role.EDITOR).post(f"/checks/{check.uid}/edit", typed)

        assert answered.status_code == 302
        assert sent_header(check) == f"Authorization: {HUSH}"
        assert "X-Api-Key: hush-key" in prepare_check(check).config.header_lines
        assert "hush" not in json.dumps(check.config)

    @pytest.mark.parametrize("change", [{"headers": {"Cookie": MASK}}, {"name": "other", "headers": {"X-Token": MASK}}])
    def test_is_refused_where_nothing_is_stored(self, check: Check, editor: Principal, change: dict[str, Any]) -> None:
        with pytest.raises(ValidationFailed) as refused:
            services.update_check(principal=editor, uid=check.uid, changes=change)

        name = next(iter(change["headers"]))
        assert [(error.field, error.message.partition(",")[0]) for error in refused.value.errors] == [
            (f"headers.{name}", f"{MASK} keeps a stored secret")
        ]

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9002/", "http://10.0.0.1:9001/"])
    def test_does_not_send_it_to_another_target(self, check: Check, editor: Principal, url: str) -> None:
        for changes in ({"url": url}, {"url": url, "headers": {"Authorization": MASK}}):
            with pytest.raises(ValidationFailed) as refused:
                services.update_check(principal=editor, uid=check.uid, changes=changes)
            assert [error.field for error in refused.value.errors] == ["headers.Authorization"]

    def test_is_refused_for_a_new_check(self, api: Entity, editor: Principal) -> None:
        definition = parse_check({**HTTP, "headers": {"Authorization": MASK}})
        with pytest.raises(ValidationFailed):
            services.create_check(principal=editor, entity_ref="api", definition=definition)

    def test_a_sealed_value_is_nothing_that_people_can_write(self, check: Check) -> None:
        with pytest.raises(ValidationFailed) as refused:
            parse_check({**HTTP, "headers": check.config["headers"]})

        assert refused.value.errors[0].field == "headers.Authorization"


def test_a_new_secret_is_a_change_that_is_audited_without_it(
    check: Check, editor: Principal, client_of: Callable[[Role], Client]
) -> None:
    changes = {"headers": {"Authorization": "hush-two", "Accept": "text/plain"}}
    saved = services.update_check(principal=editor, uid=check.uid, changes=changes)

    assert (saved.action, set(saved.changed)) == ("update", {"headers"})
    assert sent_header(check) == "Authorization: hush-two"
    entry = AuditEntry.objects.get(action="check.update")
    assert entry.before == entry.after
    assert "headers" in client_of(Role.ADMIN).get(f"/checks/{check.uid}").content.decode()


class TestCatalogue:
    def test_an_export_applied_again_changes_nothing(self, tmp_path: Path) -> None:
        file = tmp_path / "shop.yaml"
        file.write_text(SHOP)
        assert "hush" not in run_catalog("apply", file)
        assert run_catalog("apply", file) == "Nothing changed.\n"
        call_command("catalog", "export", str(file))

        assert f"Authorization: '{MASK}'" in file.read_text()
        assert run_catalog("plan", file) == "Nothing to change.\n"
        assert run_catalog("apply", file) == "Nothing changed.\n"
        assert sent_header(Check.objects.get()) == f"Authorization: {HUSH}"

    def test_a_new_secret_is_planned(self, tmp_path: Path) -> None:
        file = tmp_path / "shop.yaml"
        file.write_text(SHOP)
        run_catalog("apply", file)
        file.write_text(SHOP.replace("hush-5f3a", "hush-two"))

        plan = run_catalog("plan", file)
        assert "~ check api/http" in plan
        assert "hush" not in plan
        run_catalog("apply", file)
        assert sent_header(Check.objects.get()) == "Authorization: Bearer hush-two"

    def test_a_mask_for_nothing_names_its_line(self, tmp_path: Path) -> None:
        file = tmp_path / "shop.yaml"
        file.write_text(SHOP.replace(HUSH, f'"{MASK}"'))
        errors = io.StringIO()
        with pytest.raises(SystemExit):
            call_command("catalog", "apply", str(file), stderr=errors)

        assert "shop.yaml:6:" in errors.getvalue()
        assert "write the secret itself" in errors.getvalue()


class TestEncryptionByCommand:
    def test_seals_what_stands_in_clear(self, check: Check) -> None:
        Check.objects.update(config={"url": HTTP["url"], "headers": HTTP["headers"]})
        assert sent_header(check) == f"Authorization: {HUSH}"
        call_command("encrypt_secrets", stdout=io.StringIO())

        check.refresh_from_db()
        assert "hush" not in json.dumps(check.config)
        assert sent_header(check) == f"Authorization: {HUSH}"
        assert check.version == 1

    def test_lets_a_former_key_be_dropped(self, check: Check, settings: Settings) -> None:
        former = settings.SECRET_KEY
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 40, [former]
        call_command("encrypt_secrets", stdout=io.StringIO())
        settings.SECRET_KEY_FALLBACKS = []

        assert sent_header(check) == f"Authorization: {HUSH}"

    def test_names_what_no_key_opens(self, check: Check, settings: Settings, editor: Principal) -> None:
        settings.SECRET_KEY = "n" * 40
        with pytest.raises(CommandError, match="api/http"):
            call_command("encrypt_secrets", stdout=io.StringIO())

        assert "cannot be read with today's secret key" in prepare_check(check).defect
        assert document_of(check)["headers"]["Authorization"] == MASK
        services.update_check(principal=editor, uid=check.uid, changes={"headers": {"Authorization": "again"}})
        assert sent_header(check) == "Authorization: again"
