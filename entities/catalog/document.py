"""The catalogue as people keep it in files: several files and folders read as one document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.errors import FieldError, ValidationFailed
from core.validation import parse_model
from entities.catalog.sections import SECTIONS
from entities.catalog.yaml_source import FieldPath, YamlSource, read_yaml, refuse
from entities.definition import EntityDefinition, TeamDefinition

API_VERSION = "quarterdeck/v1"
_TOP = ("apiVersion", "teams", "entities")


@dataclass(frozen=True, slots=True)
class Entry[D: BaseModel]:
    """One definition and where it stands; ``sections`` holds what belongs to the slices, as the file has it."""

    definition: D
    source: YamlSource
    path: FieldPath
    sections: dict[str, list[dict[str, Any]]]

    def locate(self, *below: str | int) -> str:
        return self.source.locate((*self.path, *below))


@dataclass(frozen=True, slots=True)
class CatalogDocument:
    teams: tuple[Entry[TeamDefinition], ...]
    entities: tuple[Entry[EntityDefinition], ...]


def load_document(paths: Sequence[Path]) -> CatalogDocument:
    """Read files, and in folders every ``*.yaml`` and ``*.yml``.

    Raises ``ValidationFailed`` with one error for each thing that is wrong; a field is ``file:line: path``.
    """
    errors: list[FieldError] = []
    teams: list[Entry[TeamDefinition]] = []
    entities: list[Entry[EntityDefinition]] = []
    for file in _files(paths):
        try:
            source = read_yaml(file)
        except ValidationFailed as error:
            errors += error.errors
            continue
        errors += _check_top(source)
        if isinstance(source.value, dict):
            errors += _read_list(source, "teams", TeamDefinition, teams)
            errors += _read_list(source, "entities", EntityDefinition, entities)
    errors += _named_twice(teams, "team")
    errors += _named_twice(entities, "entity")
    if errors:
        raise ValidationFailed("The catalogue is not valid", errors=tuple(errors))
    return CatalogDocument(tuple(teams), tuple(entities))


def _files(paths: Sequence[Path]) -> list[Path]:
    files: dict[Path, Path] = {}
    for path in paths:
        found = [path]
        if path.is_dir():
            found = sorted(file for pattern in ("*.yaml", "*.yml") for file in path.rglob(pattern) if file.is_file())
            if not found:
                raise refuse(str(path), "holds no *.yaml file")
        for file in found:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _check_top(source: YamlSource) -> list[FieldError]:
    top = source.value
    if not isinstance(top, dict):
        return [FieldError(source.locate(()), f"expected a mapping with the keys {', '.join(_TOP)}")]
    errors = [
        FieldError(source.locate((key,)), f"no such key; there are {', '.join(_TOP)}") for key in top if key not in _TOP
    ]
    if top.get("apiVersion") != API_VERSION:
        errors.append(FieldError(source.locate(("apiVersion",)), f"expected {API_VERSION}"))
    return errors


def _read_list[D: BaseModel](
    source: YamlSource, key: str, model: type[D], entries: list[Entry[D]]
) -> Iterable[FieldError]:
    items = source.value.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        return [FieldError(source.locate((key,)), "expected a list")]
    errors: list[FieldError] = []
    for index, item in enumerate(items):
        path = (key, index)
        if not isinstance(item, dict):
            errors.append(FieldError(source.locate(path), "expected a mapping"))
            continue
        fields = dict(item)
        sections: dict[str, list[dict[str, Any]]] = {}
        if model is EntityDefinition:
            for name in SECTIONS.names():
                sections[name], wrong = _read_section(source, path, name, fields.pop(name, None))
                errors += wrong
        try:
            entries.append(Entry(parse_model(model, fields), source, path, sections))
        except ValidationFailed as error:
            errors += (
                FieldError(source.locate((*path, *split_field(wrong.field))), wrong.message) for wrong in error.errors
            )
    return errors


def _read_section(
    source: YamlSource, path: FieldPath, name: str, value: Any
) -> tuple[list[dict[str, Any]], list[FieldError]]:
    if value is None:
        return [], []
    if not isinstance(value, list):
        return [], [FieldError(source.locate((*path, name)), "expected a list")]
    wrong = [index for index, item in enumerate(value) if not isinstance(item, dict)]
    return [item for item in value if isinstance(item, dict)], [
        FieldError(source.locate((*path, name, index)), "expected a mapping") for index in wrong
    ]


def split_field(field: str) -> FieldPath:
    """A dotted path of an error as a path into the file."""
    return tuple(int(part) if part.isdigit() else part for part in field.split(".") if part not in {"", "[key]"})


def _named_twice[D: BaseModel](entries: Sequence[Entry[D]], what: str) -> list[FieldError]:
    first: dict[str, Entry[D]] = {}
    errors = []
    for entry in entries:
        name: str = entry.definition.name  # type: ignore[attr-defined]
        if name in first:
            before = first[name].source.locate(first[name].path).partition(": ")[0]
            errors.append(FieldError(entry.locate("name"), f"{what} {name!r} is already in {before}"))
        first.setdefault(name, entry)
    return errors
