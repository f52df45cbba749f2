"""What the documents list is what the code has."""

import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase
from pydantic.fields import FieldInfo

from core.config import Config
from core.config_errors import allowed_values, is_secret, variable
from core.config_sources import LOCATORS
from core.data_dir import DataDir
from core.permissions import ROLE_PERMISSIONS, Permission, Role
from core.telemetry import metrics
from ops.health.checks import KINDS
from ops.queues.celery_exposition import FAMILIES as CELERY_GAUGES
from ops.queues.sources import SOURCES
from ops.queues.task_exposition import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "docs/configuration.md").read_text()
METRICS = (ROOT / "docs/metrics.md").read_text()
CHECKS = (ROOT / "docs/checks.md").read_text()
QUEUES = (ROOT / "docs/queue-sources.md").read_text()
ROLES = (ROOT / "docs/roles.md").read_text()
DOCUMENTS = sorted(path for path in ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))


def default_of(field: str, info: FieldInfo) -> str:
    value = info.default
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`./{value}`" if field == "data_dir" else f"`{value}`"


def setting_row(field: str, info: FieldInfo) -> str:
    secret = " Secret." if is_secret(info) else ""
    return f"| `{variable(field)}` | {default_of(field, info)} | {allowed_values(info)} | {info.description}{secret} |"


def metric_row(metric: MetricWrapperBase) -> str:
    name = metric._name + ("_total" if metric._type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric._labelnames) or "-"
    return f"| `{name}` | {metric._type} | {labels} | {metric._documentation} |"


def test_every_setting_is_documented_as_it_is() -> None:
    rows = [setting_row(field, info) for field, info in Config.model_fields.items()]
    rows += [f"| `{name}` | {text} |" for name, text in LOCATORS.items()]

    assert [row for row in rows if row not in SETTINGS] == []


def test_no_setting_is_documented_that_does_not_exist() -> None:
    known = {variable(field) for field in Config.model_fields} | set(LOCATORS)

    for document in DOCUMENTS:
        assert set(re.findall(r"QUARTERDECK_[A-Z_]+[A-Z]", document.read_text())) <= known, document.name


def test_what_lies_in_the_data_folder_is_documented() -> None:
    root = Path("/data")
    members = [name for name, value in vars(DataDir).items() if isinstance(value, property)]
    names = {str(getattr(DataDir(root), name).relative_to(root)) for name in members}
    section = SETTINGS.partition("## The data folder")[2].partition("\n## ")[0]

    assert {name.rstrip("/") for name in re.findall(r"`([\w./]+)`(?=,? [^|]*\|.*\|)", section)} >= names
    assert "probe_allow_cidrs" in names


def test_every_metric_is_documented_as_it_is() -> None:
    own = [item for item in vars(metrics).values() if isinstance(item, MetricWrapperBase)]
    rows = [metric_row(metric) for metric in own]

    assert [row for row in rows if row not in METRICS] == []
    documented = set(re.findall(r"^\| `(quarterdeck_\w+)`", METRICS, re.MULTILINE))
    assert documented == {row.split("`")[1] for row in rows}


def test_every_metric_of_celery_is_documented() -> None:
    rows = {f"| `{name}` | {kind} | {text} |" for name, (kind, text) in FAMILIES.items()}
    rows |= {f"| `{name}` | gauge | {text} |" for name, text in CELERY_GAUGES.items()}

    assert rows == {line for line in METRICS.splitlines() if line.startswith("| `celery_")}


def documented_fields(page: str) -> dict[str, set[str]]:
    """The fields in the first column of the tables of each section."""
    return {
        part.partition("\n")[0]: {
            field for cell in re.findall(r"^\| (`.+?) \|", part, re.MULTILINE) for field in re.findall(r"`(\w+)`", cell)
        }
        for part in page.split("\n## ")[1:]
    }


def test_every_check_kind_is_documented_with_its_fields() -> None:
    documented = documented_fields(CHECKS)
    documented.pop("Conditions")

    assert documented == {kind.name: set(kind.Config.model_fields) for kind in KINDS}


def test_every_queue_source_is_documented_with_its_fields() -> None:
    assert documented_fields(QUEUES) == {source.name: set(source.Config.model_fields) for source in SOURCES}


def test_every_queue_source_is_in_the_table_with_its_actions() -> None:
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.+\|$", QUEUES, re.MULTILINE)
    ]
    listed = {row[0]: set(re.findall(r"\w+", row[5])) for row in rows if len(row) == 6 and row[0] in SOURCES}
    actions = ("peek", "purge", "pause", "resume", "peek_dead", "retry_dead", "discard_dead")

    assert listed == {name: {word for word in actions if hasattr(source, word)} for name, source in SOURCES.items()}


def test_every_permission_is_documented_with_the_roles_that_hold_it() -> None:
    head, _rule, *rows = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.+\|$", ROLES, re.MULTILINE)
    ]
    assert head[2:] == [role.value for role in Role]

    held = {row[0]: row[2:] for row in rows}
    assert held == {
        f"`{permission.value}`": ["yes" if permission in ROLE_PERMISSIONS[role] else "" for role in Role]
        for permission in Permission
    }


def test_metrics_keep_to_the_conventions() -> None:
    for metric in (item for item in vars(metrics).values() if isinstance(item, MetricWrapperBase)):
        assert metric._name.startswith("quarterdeck_")
        assert metric._type != "histogram" or metric._name.endswith(("_seconds", "_bytes"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_every_make_target_named_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        assert set(re.findall(r"`make ([a-z-]+)`", document.read_text())) <= targets, document.name
