"""Queues as code: the section ``queues`` of the catalogue file."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

from core.models import AuditEntry
from core.revision import current_revision
from ops.queues.models import Queue, QueueState
from tests.ops.queues.list_source import KIND

pytestmark = pytest.mark.django_db

SHOP = f"""apiVersion: quarterdeck/v1
entities:
  - name: payments-api
    kind: service
    queues:
      - {{name: emails, kind: {KIND}, port: 6390, key: celery, max_size: 100, max_age: 5m, interval: 10s}}
      - {{name: bills, kind: {KIND}, port: 6390, key: bills, password: hush, min_consumers: 1}}
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    def call(action: str, text: str = SHOP) -> str:
        file = tmp_path / "shop.yaml"
        file.write_text(text)
        output = io.StringIO()
        call_command("catalog", action, *([] if action == "export" else [str(file)]), stdout=output)
        return output.getvalue()

    return call


def test_a_plan_names_the_queues_and_writes_none(run: Callable[..., str]) -> None:
    plan = run("plan")

    assert "+ queue payments-api/emails" in plan
    assert 'max_age: "5m"' in plan
    assert "hush" not in plan
    assert not Queue.objects.exists()


def test_apply_creates_and_schedules_them_once(run: Callable[..., str]) -> None:
    assert "hush" not in run("apply")

    assert list(Queue.objects.order_by("name").values_list("name", "max_size")) == [("bills", None), ("emails", 100)]
    assert QueueState.objects.exclude(next_due_ms=None).count() == 2
    assert "hush" not in str(list(Queue.objects.values("config")))
    assert AuditEntry.objects.filter(action="queue.create").count() == 2
    before = (list(Queue.objects.values()), list(QueueState.objects.values()), current_revision())
    assert run("apply") == "Nothing changed.\n"
    assert (list(Queue.objects.values()), list(QueueState.objects.values()), current_revision()) == before


def test_an_edit_is_shown_by_field_and_what_is_left_out_goes(run: Callable[..., str]) -> None:
    run("apply")
    lines = [line for line in SHOP.splitlines() if "bills" not in line]
    edited = "\n".join(lines).replace("interval: 10s", "interval: 20s")

    shown = run("apply", edited)

    assert 'interval: "10s" -> "20s"' in shown
    assert "- queue bills" in shown or "- queue payments-api/bills" in shown
    queue = Queue.objects.get()
    assert (queue.interval_ms, queue.version, queue.state.interval_ms) == (20_000, 2, 20_000)


def test_an_export_is_as_short_as_what_was_written_and_round_trips(run: Callable[..., str]) -> None:
    run("apply")
    exported = run("export")

    [entity] = yaml.safe_load(exported)["entities"]
    [wanted] = yaml.safe_load(SHOP)["entities"]
    mine = {item["name"]: item for item in entity["queues"]}
    theirs = {item["name"]: item for item in wanted["queues"]}
    assert mine["emails"] == theirs["emails"]
    assert mine["bills"] == {**theirs["bills"], "password": "********"}
    assert run("apply", exported) == "Nothing changed.\n"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("interval: 10s", "interval: 10ms", "interval"),
        ("max_size: 100", "max_size: -1", "max_size"),
        ("max_size: 100", "max_size: 100, warn_size: 200", "warn_size"),
        ("name: bills", "name: emails", "another queue"),
        (f"kind: {KIND}, port: 6390, key: celery", "kind: smoke", "smoke"),
        ("key: celery", "colour: red", "colour"),
        ("key: celery", "key: celery, host: 169.254.169.254", "metadata"),
    ],
)
def test_a_bad_queue_is_named_and_changes_nothing(
    run: Callable[..., str], capsys: pytest.CaptureFixture[str], old: str, new: str, word: str
) -> None:
    with pytest.raises(SystemExit):
        run("apply", SHOP.replace(old, new))

    assert word in capsys.readouterr().err
    assert not Queue.objects.exists()
