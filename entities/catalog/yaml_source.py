"""YAML with line numbers: safe, bounded in size, depth and what aliases multiply to."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import FieldError, ValidationFailed

SIZE_MAX = 8 * 1_048_576
DEPTH_MAX = 24
NODES_MAX = 500_000
NUMBER_CHARACTERS_MAX = 400

type FieldPath = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_VALUES = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str")}
_NUMBERS = {"int": "number", "float": "number"}
_TIMESTAMP, _MERGE, _VALUE = f"{_TAG}timestamp", f"{_TAG}merge", f"{_TAG}value"


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One file: its value, and the line of every path in it."""

    file: str
    value: Any
    lines: dict[FieldPath, int]

    def locate(self, path: FieldPath) -> str:
        """``file.yaml:12: entities[0].tier``, with the line of the nearest part of the path that the file has."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        where = f"{self.file}:{self.lines.get(known, 1)}"
        return f"{where}: {render_path(path)}" if path else where


def render_path(path: FieldPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def refuse(field: str, message: str) -> ValidationFailed:
    return ValidationFailed(message, errors=(FieldError(field, message),))


def read_yaml(path: Path) -> YamlSource:
    """Raises ``ValidationFailed`` whose field is the file and line."""
    file = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise refuse(file, f"cannot be read: {error.strerror}") from None
    if len(data) > SIZE_MAX:
        raise refuse(file, f"is over {SIZE_MAX // 1_048_576} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise refuse(f"{file}:{line}", "is not UTF-8") from None
    return parse_yaml(text, file=file)


def parse_yaml(text: str, *, file: str) -> YamlSource:
    """Raises ``ValidationFailed`` whose field is the file and line."""
    try:
        _check_depth(text, file)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            builder = _Builder(file, loader)
            value = builder.build(node, ()) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark else 1
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise refuse(f"{file}:{line}", f"is not valid YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise refuse(file, f"is not valid YAML: {' '.join(str(error).split())}") from None
    return YamlSource(file, value, builder.lines)


def _check_depth(text: str, file: str) -> None:
    """Count before composing: the composer is recursive, this is not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise refuse(
                    f"{file}:{event.start_mark.line + 1 if event.start_mark else 1}",
                    f"is nested over {DEPTH_MAX} levels",
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Builder:
    """Nodes to plain values. Every expansion of an alias counts, so aliases of aliases cannot fill the memory."""

    def __init__(self, file: str, loader: Any) -> None:
        self.lines: dict[FieldPath, int] = {}
        self._file = file
        self._loader = loader
        self._nodes = 0
        self._merges = 0

    def build(self, node: yaml.Node, path: FieldPath) -> Any:
        self._nodes += 1
        if self._nodes > NODES_MAX or len(path) > DEPTH_MAX:
            raise self._error(node, "is too large, or its aliases are")
        self.lines[path] = _line(node)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in self._merge_sources(value_node):
                    merged = {**self._merged(source, path), **merged}
                continue
            key = self._scalar(key_node)
            if not isinstance(key, str):
                raise self._error(key_node, "a key must be text; put it in quotes")
            if key in own:
                raise self._error(key_node, f"the key {key!r} is given twice")
            own[key] = self.build(value_node, (*path, key))
            self.lines[(*path, key)] = _line(key_node)
        return {**merged, **own}

    def _merged(self, source: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        """What a merge adds. It makes no path longer, so merges of merges are counted by themselves."""
        if self._merges >= DEPTH_MAX:
            raise self._error(source, f"is merged into itself, or over {DEPTH_MAX} levels deep")
        self._merges += 1
        mapping = self._mapping(source, path)
        self._merges -= 1
        return mapping

    def _merge_sources(self, node: yaml.Node) -> Iterator[yaml.MappingNode]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            self._nodes += 1
            if not isinstance(source, yaml.MappingNode):
                raise self._error(node, "<< takes a mapping, or a list of them")
            if self._nodes > NODES_MAX:
                raise self._error(node, "is too large, or its aliases are")
            yield source

    def _scalar(self, node: yaml.Node) -> Any:
        value: Any
        if node.tag in {_TIMESTAMP, _VALUE} and isinstance(node, yaml.ScalarNode):
            value = node.value
        elif node.tag in _VALUES and isinstance(node, yaml.ScalarNode):
            name = node.tag.removeprefix(_TAG)
            if name in _NUMBERS and len(node.value) > NUMBER_CHARACTERS_MAX:
                raise self._error(node, f"{node.value[:40]!r}... is too long for a number")
            try:
                value = self._loader.construct_object(node)
            except (ValueError, LookupError, OverflowError):
                raise self._error(node, f"{node.value[:40]!r} is not a {_NUMBERS.get(name, name)}") from None
        else:
            raise self._error(node, f"the tag {node.tag.replace(_TAG, '!!')} is not allowed here")
        if isinstance(value, str) and ("\0" in value or (not value.isascii() and _has_surrogate(value))):
            raise self._error(node, "holds a character that cannot be stored")
        if isinstance(value, float) and not -1e300 < value < 1e300:
            raise self._error(node, "must be a finite number")
        return value

    def _error(self, node: yaml.Node, message: str) -> ValidationFailed:
        return refuse(f"{self._file}:{_line(node)}", message)


def _line(node: yaml.Node | yaml.Event) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1


def _has_surrogate(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)
