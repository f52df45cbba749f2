"""Checks as code: the section ``checks`` of the catalogue file."""

import io
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

from core.clock import now_ms
from core.models import AuditEntry
from core.revision import current_revision
from ops.health.models import Check, CheckState, Heartbeat

pytestmark = pytest.mark.django_db

SHOP = """apiVersion: quarterdeck/v1
entities:
  - name: payments-api
    kind: service
    team: payments
    tier: 1
    labels: {region: eu}
    depends_on: [payments-db]
    checks:
      - {name: http, kind: http, url: "http://127.0.0.1:9001/health", interval: 30s, timeout: 5s,
         conditions: ["[STATUS] == 200", "[BODY].status == ok", "[RESPONSE_TIME] < 500"], degraded_above: 300ms,
         failure_threshold: 2, success_threshold: 1}
      - {name: nightly, kind: heartbeat, period: 24h, grace: 30m}
  - name: payments-db
    kind: datastore
    checks:
      - {name: port, kind: tcp, host: 127.0.0.1, port: 5432}
"""


class Shell:
    """Runs ``manage.py catalog`` on one file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "shop.yaml"

    def run(self, action: str, text: str = SHOP) -> str:
        self.file.write_text(text)
        output = io.StringIO()
        call_command("catalog", action, str(self.file), stdout=output)
        return output.getvalue()

    def fail(self, text: str) -> str:
        self.file.write_text(text)
        errors = io.StringIO()
        with pytest.raises(SystemExit):
            call_command("catalog", "apply", str(self.file), stderr=errors)
        return errors.getvalue().replace(str(self.file), "shop.yaml")

    def export(self) -> str:
        output = io.StringIO()
        call_command("catalog", "export", stdout=output)
        return output.getvalue()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_plan_names_the_checks_and_writes_none(shell: Shell) -> None:
    plan = shell.run("plan")

    assert "+ check payments-api/http" in plan
    assert 'interval: "30s"' in plan
    assert not Check.objects.exists()


def test_apply_creates_and_schedules_them(shell: Shell) -> None:
    shell.run("apply")

    assert list(Check.objects.order_by("name").values_list("name", flat=True)) == ["http", "nightly", "port"]
    assert CheckState.objects.filter(next_due_ms__gte=now_ms() - 5_000).count() == 3
    assert Heartbeat.objects.count() == 1
    assert AuditEntry.objects.filter(action="check.create", actor="system:catalog").count() == 3


def test_applying_again_changes_nothing(shell: Shell) -> None:
    shell.run("apply")
    before = (list(Check.objects.values()), list(CheckState.objects.values()), current_revision())

    assert shell.run("apply") == "Nothing changed.\n"
    assert (list(Check.objects.values()), list(CheckState.objects.values()), current_revision()) == before


def test_an_edit_is_shown_by_field_and_keeps_the_check(shell: Shell) -> None:
    shell.run("apply")
    uid = Check.objects.get(name="http").uid
    edited = SHOP.replace("interval: 30s", "interval: 10s")

    assert 'interval: "30s" -> "10s"' in shell.run("plan", edited)
    shell.run("apply", edited)

    check = Check.objects.get(name="http")
    assert (check.uid, check.interval_ms, check.version) == (uid, 10_000, 2)


def test_what_the_file_leaves_out_below_an_entity_is_deleted(shell: Shell) -> None:
    shell.run("apply")
    text = "\n".join(line for line in SHOP.splitlines() if "nightly" not in line)

    assert "- check payments-api/nightly" in shell.run("apply", text)
    assert not Check.objects.filter(name="nightly").exists()


def test_an_export_is_as_short_as_what_was_written_and_round_trips(shell: Shell) -> None:
    shell.run("apply")
    exported = shell.export()

    wanted = {item["name"]: item for item in yaml.safe_load(SHOP)["entities"]}
    for item in yaml.safe_load(exported)["entities"]:
        for mine, theirs in zip(item["checks"], wanted[item["name"]]["checks"], strict=True):
            assert mine.items() <= theirs.items()
    assert shell.run("apply", exported) == "Nothing changed.\n"
    assert shell.export() == exported


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("interval: 30s", "interval: soon", 10, "interval"),
        ('"[STATUS] == 200"', '"[STATSU] == 200"', 11, "[STATSU]"),
        ("name: nightly", "name: http", 13, "another check"),
        ("kind: tcp", "kind: smoke", 17, "smoke"),
        ("port: 5432", "port: 99999", 17, "port"),
        ("host: 127.0.0.1", "host: 169.254.169.254", 17, "metadata"),
        ("period: 24h", f"period: {10**30}", 13, "period"),
    ],
)
def test_a_bad_check_names_its_line_and_changes_nothing(shell: Shell, old: str, new: str, line: int, word: str) -> None:
    errors = shell.fail(SHOP.replace(old, new))

    assert f"shop.yaml:{line}:" in errors
    assert word in errors
    assert not Check.objects.exists()
    assert not AuditEntry.objects.exists()


def test_secrets_are_not_printed(shell: Shell) -> None:
    text = SHOP.replace("interval: 30s", "interval: 30s, headers: {X-Tenant: hush}, method: POST, body: hush")
    text = text.replace("9001/health", "9001/health?k=hush")

    assert "hush" not in shell.run("plan", text) + shell.run("apply", text)
    changed = text.replace("hush", "hush2")
    assert "hush" not in shell.run("plan", changed) + shell.run("apply", changed)
    assert Check.objects.get(name="http").config["headers"] == {"X-Tenant": "hush2"}
    assert shell.export().count("hush2") == 3
