"""The catalogue as code: plan, apply and export."""

import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import FieldError, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal
from core.revision import current_revision
from entities.catalog.sections import SECTIONS, Change
from entities.models import Entity, Team
from entities.selectors import get_entity
from tests.entities.catalogue import TESTER, add_entity

pytestmark = pytest.mark.django_db

HEAD = "apiVersion: quarterdeck/v1\n"
SHOP = (
    HEAD
    + """teams:
  - {name: payments, title: Payments}
entities:
  - name: payments-api
    kind: service
    team: payments
    tier: 1
    labels: {region: eu}
    depends_on: [payments-db, {name: mail, strength: soft}]
  - name: payments-db
    kind: datastore
  - name: mail
    kind: external
    team: office
"""
)


class Shell:
    """Runs ``manage.py catalog`` below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str, name: str = "catalog.yaml") -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    def run(self, *arguments: str) -> list[str]:
        output = io.StringIO()
        call_command("catalog", *arguments, stdout=output)
        return output.getvalue().splitlines()

    def fail(self, *arguments: str) -> list[str]:
        errors = io.StringIO()
        with pytest.raises(SystemExit) as caught:
            call_command("catalog", *arguments, stderr=errors)
        assert caught.value.code == 2
        return errors.getvalue().replace(f"{self.folder}/", "").splitlines()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def names() -> list[str]:
    return list(Entity.objects.order_by("name").values_list("name", flat=True))


def test_a_plan_shows_what_apply_would_do_and_does_nothing(shell: Shell) -> None:
    add_entity("mail", title="Mail")
    file = shell.write(SHOP)

    lines = shell.run("plan", file)

    assert lines[:3] == ["+ team office", "+ team payments", '    title: "Payments"']
    assert "+ entity payments-api" in lines
    assert '    labels: {"region":"eu"}' in lines
    assert lines[lines.index("~ entity mail") :] == [
        "~ entity mail",
        '    kind: "service" -> "external"',
        '    title: "Mail" -> ""',
        '    team: null -> "office"',
        "4 to create, 1 to change, 0 to delete.",
    ]
    assert names() == ["mail"]


def test_apply_creates_what_depends_on_what_comes_later(shell: Shell) -> None:
    file = shell.write(SHOP)

    planned = shell.run("plan", file)
    applied = shell.run("apply", file)

    assert applied[:-1] == planned[:-1]
    assert applied[-1] == "5 created, 0 changed, 0 deleted."
    row = get_entity(principal=TESTER, ref="payments-api")
    assert [(item.name, item.strength) for item in row.depends_on] == [("mail", "soft"), ("payments-db", "hard")]
    assert Team.objects.get(name="payments").title == "Payments"
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"system:catalog"}


def test_applying_again_changes_nothing(shell: Shell) -> None:
    file = shell.write(SHOP)
    shell.run("apply", file)
    revision, audited = current_revision(), AuditEntry.objects.count()

    assert shell.run("plan", file) == ["Nothing to change."]
    assert shell.run("apply", file) == ["Nothing changed."]
    assert (current_revision(), AuditEntry.objects.count()) == (revision, audited)


def test_what_the_files_leave_out_stays_unless_pruned(shell: Shell) -> None:
    add_entity("old-db")
    add_entity("old-api", depends_on=["old-db"])
    add_entity("payments-db", kind="datastore", depends_on=["old-db"])
    file = shell.write(SHOP)

    assert not any(line.startswith("-") for line in shell.run("plan", file))
    assert [line for line in shell.run("plan", file, "--prune") if line.startswith("-")] == [
        "- entity old-api",
        "- entity old-db",
    ]
    shell.run("apply", file, "--prune")

    assert names() == ["mail", "payments-api", "payments-db"]


def test_pruning_does_not_take_what_a_file_still_needs(shell: Shell) -> None:
    add_entity("db")
    file = shell.write(HEAD + "entities:\n  - name: api\n    kind: service\n    depends_on: [db]\n")

    errors = shell.fail("apply", file, "--prune")

    assert errors == ["catalog.yaml:5: entities[0].depends_on[0]: entity 'db' is not in the files and would be deleted"]
    assert names() == ["db"]


def test_files_and_folders_merge(shell: Shell) -> None:
    shell.write(HEAD + "entities:\n  - {name: api, kind: service, depends_on: [db]}\n", "all/api.yaml")
    shell.write(HEAD + "entities:\n  - {name: db, kind: datastore}\n", "all/db.yml")
    extra = shell.write(HEAD + "entities:\n  - {name: web, kind: service}\n", "web.yaml")

    shell.run("apply", str(shell.folder / "all"), extra, extra)

    assert names() == ["api", "db", "web"]


def test_an_entity_in_two_files_is_an_error_that_names_both(shell: Shell) -> None:
    one = shell.write(HEAD + "entities:\n  - {name: api, kind: service}\n", "one.yaml")
    two = shell.write(HEAD + "entities:\n  - {name: api, kind: job}\n", "two.yaml")

    errors = shell.fail("apply", one, two)

    assert len(errors) == 1
    assert errors[0].startswith("two.yaml:3: entities[0].name: entity 'api' is already in ")
    assert errors[0].endswith("one.yaml:3")


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("", ["1: expected a mapping with the keys apiVersion, teams, entities"]),
        ("entities: []", ["1: apiVersion: expected quarterdeck/v1"]),
        ("apiVersion: quarterdeck/v2", ["1: apiVersion: expected quarterdeck/v1"]),
        (HEAD + "colour: red", ["2: colour: no such key; there are apiVersion, teams, entities"]),
        (HEAD + "entities: {}", ["2: entities: expected a list"]),
        (HEAD + "entities:\n  - api", ["3: entities[0]: expected a mapping"]),
        (
            HEAD + "entities:\n  - name: api\n    kind: house\n    tier: 9\n    colour: red\n",
            ["4: entities[0].kind: Input should be", "5: entities[0].tier: Input", "6: entities[0].colour: Extra"],
        ),
        (HEAD + "entities:\n  - kind: job\n", ["3: entities[0].name: Field required"]),
        (HEAD + "entities:\n  - {name: a, kind: job,\n     labels: {on: x}}", ["4: a key must be text"]),
        (HEAD + "entities:\n  - {name: a, kind: job}\n  - {name: a, kind: job}", ["4: entities[1].name: entity 'a'"]),
        (HEAD + "entities:\n  - {name: a, name: b}", ["3: the key 'name' is given twice"]),
        (HEAD + "entities:\n  - {name: a, kind: job, depends_on: [b]}", ["3: entities[0].depends_on[0]: entity 'b'"]),
        (
            HEAD + "entities:\n- {name: a, kind: job, depends_on: [b]}\n- {name: b, kind: job, depends_on: [a]}",
            ["3: entities[0].depends_on: hard dependencies form a cycle: a -> b -> a"],
        ),
        (HEAD + "entities: [", ["2: is not valid YAML"]),
        (HEAD + "---\n" + HEAD, ["2: is not valid YAML"]),
        (HEAD + "entities: !!python/object/apply:os.system ['true']", ["2: the tag !!python/object"]),
        (HEAD + "entities:\n  - &a {name: a, x: *a}", ["3: is too large, or its aliases are"]),
        (HEAD + "entities: " + "[" * 5000, ["2: is nested over 24 levels"]),
        (HEAD + 'entities: ["\\0"]', ["2: holds a character that cannot be stored"]),
        (HEAD + 'entities: ["\\uD800"]', ["2: "]),
        (HEAD + "entities: [.nan]", ["2: must be a finite number"]),
        (HEAD + "entities:\n  - {name: a, kind: job, title: \"a\\nb\"}", ["3: entities[0].title: must be one line"]),
    ],
)  # fmt: skip
def test_a_bad_file_names_every_line_and_changes_nothing(shell: Shell, text: str, errors: list[str]) -> None:
    file = shell.write(text)

    for action in ("plan", "apply"):
        lines = shell.fail(action, file)
        assert len(lines) == len(errors), lines
        for line, expected in zip(lines, errors, strict=True):
            assert line.startswith(f"catalog.yaml:{expected}"), lines

    assert names() == []
    assert not AuditEntry.objects.exists()


def test_aliases_cannot_multiply_without_end(shell: Shell) -> None:
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    file = shell.write(HEAD + "\n".join(laughs))

    assert shell.fail("plan", file)[0].endswith("is too large, or its aliases are")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("entities: &a {<<: *a}", 2, "is merged into itself"),
        ("entities: &a\n  - &b {<<: [{name: x}, *b]}", 3, "is merged into itself"),
        ("entities: &a [*a]", 2, "is too large, or its aliases are"),
        ("a0: &a0 {x: y}\n" + "\n".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 2000)), 2, "is merged into"),
        (
            "a0: &a0 {x: y}\n"
            + "\n".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 20)}]}}" for n in range(1, 9)),
            2, "is too large, or its aliases are",
        ),
        ("entities: " + "[" * 100_000, 2, "is nested over 24 levels"),
        ("entities: " + "{a: " * 100_000, 2, "is nested over 24 levels"),
        ("entities:\n  " + "- " * 100_000, 3, "is nested over 24 levels"),
        ("entities: !!int ''", 2, "'' is not a number"),
        ("entities: !!bool perhaps", 2, "'perhaps' is not a bool"),
        ("entities: " + ":".join(["1"] * 100_000), 2, "is too long for a number"),
        ("entities: " + ":".join(["1"] * 190) + ".5", 2, "is not a number"),
    ],
)  # fmt: skip
def test_what_has_no_end_or_bottom_is_one_line(shell: Shell, text: str, line: int, message: str) -> None:
    [error] = shell.fail("plan", shell.write(HEAD + text))

    assert error.startswith(f"catalog.yaml:{line}:")
    assert message in error


def test_anchors_and_merges_save_typing(shell: Shell) -> None:
    file = shell.write(
        HEAD + "entities:\n  - &api {name: a, kind: job, tier: 1, labels: {x: y}}\n  - {<<: *api, name: b, tier: 2}\n"
    )

    shell.run("apply", file)

    row = get_entity(principal=TESTER, ref="b")
    assert (row.kind, row.tier, row.labels) == ("job", 2, {"x": "y"})


def test_bytes_that_are_not_utf_8_are_refused_with_their_line(shell: Shell) -> None:
    path = shell.folder / "catalog.yaml"
    path.write_bytes(HEAD.encode() + b"entities: \xff")

    assert shell.fail("apply", str(path)) == ["catalog.yaml:2: is not UTF-8"]


def test_a_file_that_is_not_there_is_named(shell: Shell) -> None:
    (shell.folder / "empty").mkdir()

    assert shell.fail("plan", str(shell.folder / "no.yaml")) == ["no.yaml: cannot be read: No such file or directory"]
    assert shell.fail("plan", str(shell.folder / "empty")) == ["empty: holds no *.yaml file"]


def test_an_export_is_short_stable_and_applies_to_nothing(shell: Shell) -> None:
    shell.run("apply", shell.write(SHOP))

    text = "\n".join(shell.run("export")) + "\n"

    assert text == (
        HEAD
        + """teams:
  - name: office
  - name: payments
    title: Payments
entities:
  - name: mail
    kind: external
    team: office
  - name: payments-api
    kind: service
    team: payments
    tier: 1
    labels:
      region: eu
    depends_on:
      - name: mail
        strength: soft
      - payments-db
  - name: payments-db
    kind: datastore
"""
    )
    file = str(shell.folder / "export.yaml")
    shell.run("export", file)
    assert Path(file).read_text() == text
    assert shell.run("apply", file, "--prune") == ["Nothing changed."]


text_line = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=text_line, description=text_line.map(lambda text: text + "\n\ttail "), label=text_line)
def test_any_text_survives_the_round_trip(shell: Shell, title: str, description: str, label: str) -> None:
    Entity.objects.all().delete()
    add_entity("api", title=title, description=description, labels={"x": label})
    file = str(shell.folder / "export.yaml")

    shell.run("export", file)

    assert shell.run("plan", file) == ["Nothing to change."]


class Notes:
    """A section that keeps one note an entity."""

    def __init__(self) -> None:
        self.kept: dict[int, list[dict[str, Any]]] = {}

    def plan(self, *, entity_name: str, entity_id: int | None, wanted: list[dict[str, Any]]) -> list[Change]:
        for index, item in enumerate(wanted):
            if set(item) != {"text"}:
                error = FieldError(f"{index}.text", "is required")
                raise ValidationFailed("bad note", errors=(error,))
        before = self.kept.get(entity_id, []) if entity_id else []
        return [] if before == wanted else [Change("update", f"notes of {entity_name}", {"notes": (before, wanted)})]

    def apply(self, *, principal: Principal, entity_id: int, wanted: list[dict[str, Any]]) -> list[Change]:
        changes = self.plan(entity_name="", entity_id=entity_id, wanted=wanted)
        self.kept[entity_id] = wanted
        return changes

    def export(self, entity_ids: Collection[int]) -> Mapping[int, list[dict[str, Any]]]:
        return {pk: self.kept[pk] for pk in entity_ids if pk in self.kept}


@pytest.fixture
def notes() -> Iterator[Notes]:
    section = Notes()
    SECTIONS.register("notes", section)
    yield section
    del SECTIONS._items["notes"]


def test_sections_of_the_slices_take_part(shell: Shell, notes: Notes) -> None:
    file = shell.write(HEAD + "entities:\n  - name: api\n    kind: job\n    notes:\n      - {text: hello}\n")

    assert '    notes: [] -> [{"text":"hello"}]' in shell.run("plan", file)
    shell.run("apply", file)

    assert list(notes.kept.values()) == [[{"text": "hello"}]]
    assert shell.run("apply", file) == ["Nothing changed."]
    assert "    notes:" in shell.run("export")


def test_errors_of_a_section_are_found_in_the_file(shell: Shell, notes: Notes) -> None:
    file = shell.write(HEAD + "entities:\n  - name: api\n    kind: job\n    notes:\n      - text: a\n      - x: 1\n")

    assert shell.fail("plan", file) == ["catalog.yaml:7: entities[0].notes[1].text: is required"]
    file = shell.write(HEAD + "entities:\n  - name: api\n    kind: job\n    notes: [x]\n")
    assert shell.fail("apply", file) == ["catalog.yaml:5: entities[0].notes[0]: expected a mapping"]
