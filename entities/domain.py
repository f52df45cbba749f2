"""The catalogue's rules: kinds, names, and the graph of dependencies. Pure: no database, no clock."""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass


class EntityKind(enum.StrEnum):
    SERVICE = "service"
    DATASTORE = "datastore"
    BROKER = "broker"
    JOB = "job"
    HOST = "host"
    EXTERNAL = "external"


class Lifecycle(enum.StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


class Strength(enum.StrEnum):
    """A hard dependency that is down takes its dependant down; a soft one does not."""

    HARD = "hard"
    SOFT = "soft"


NAME_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"
NAME_RULE = "1 to 64 of a-z, 0-9, dot, underscore and dash, starting and ending with a letter or digit"
LABEL_KEY_PATTERN = r"^[A-Za-z_][A-Za-z0-9_./-]{0,62}$"
_UID = re.compile(r"ent_[0-9a-f]{32}")
_NAME = re.compile(NAME_PATTERN)
_LABEL_KEY = re.compile(LABEL_KEY_PATTERN)


def is_name(value: str) -> bool:
    return _NAME.fullmatch(value) is not None and not is_entity_uid(value)


def is_entity_uid(value: str) -> bool:
    return _UID.fullmatch(value) is not None


def is_label_key(value: str) -> bool:
    return _LABEL_KEY.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Edge:
    """``dependant`` needs ``dependency``."""

    dependant: str
    dependency: str


def find_cycle(edges: Iterable[Edge]) -> list[str] | None:
    """One cycle as the names along it, first name repeated at the end; None when there is none.

    Iterative depth-first search, so that a long chain cannot exhaust the stack.
    """
    graph: dict[str, list[str]] = {}
    for edge in edges:
        graph.setdefault(edge.dependant, []).append(edge.dependency)
    done: set[str] = set()
    for start in sorted(graph):
        if start in done:
            continue
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                path.pop()
                on_path.discard(node)
                done.add(node)
                continue
            if node in on_path:
                return [*path[path.index(node) :], node]
            if node in done:
                continue
            path.append(node)
            on_path.add(node)
            stack.append((node, True))
            stack.extend((successor, False) for successor in sorted(graph.get(node, ()), reverse=True))
    return None
