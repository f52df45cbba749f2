"""Definitions made ready to run: validated, their conditions parsed, cached by (check, version)."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import ValidationError

from core.egress import Endpoint
from core.secrets import open_sealed
from core.telemetry.error_reports import report_error
from core.text import STORED
from core.validation import field_errors
from ops.definitions.kept_secrets import secret_values
from ops.health.checks import KINDS
from ops.health.checks.expectation import Expectation
from ops.health.checks.kind import CheckKind, MemberKind
from ops.health.conditions import Condition, ConditionSyntaxError, parse_condition
from ops.health.domain import Thresholds
from ops.health.exposition import render_labels
from ops.health.models import Check

log = structlog.get_logger(__name__)

KEPT_SECONDS = 300.0
"""An entry is read again after this time: the name of its entity may have changed without a new version."""


@dataclass(frozen=True, slots=True)
class PreparedCheck:
    """``labels`` are those of its series. ``defect`` says why a stored definition cannot be run, such as a kind whose
    plugin is gone. ``members`` are the checks that it judges by, each as ``entity/check``. ``secrets`` are values that
    no message and no excerpt may show."""

    check_id: int
    uid: str
    name: str
    entity_id: int
    entity_name: str
    kind_name: str
    labels: str
    thresholds: Thresholds
    degraded_above_us: int | None
    retry_ms: int | None = None
    upside_down: bool = False
    kind: CheckKind | None = None
    config: Any = None
    targets: tuple[Endpoint, ...] = ()
    members: tuple[str, ...] = ()
    expectation: Expectation | None = None
    conditions: tuple[Condition, ...] = ()
    degraded_conditions: tuple[Condition, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    defect: str = ""


def load_checks(ids: Collection[int]) -> dict[int, PreparedCheck]:
    """The prepared definition of each check that exists."""
    rows = Check.objects.filter(pk__in=ids).select_related("entity")
    return {row.pk: prepare_check(row) for row in rows}


def prepare_check(row: Check) -> PreparedCheck:
    """Never raises for a stored definition: what is wrong becomes its ``defect``."""
    kind = KINDS.get(row.kind)
    parts: dict[str, Any] = {"kind": kind}
    try:
        if kind is None:
            raise ValueError(f"there is no check kind {row.kind}")
        parts["config"] = kind.Config.model_validate(row.config, context={"open": open_sealed, STORED: True})
        parts["secrets"] = secret_values(parts["config"])
        parts |= ask_kind(kind, parts["config"])
        texts = row.conditions or kind.default_conditions
        parts["conditions"] = tuple(parse_condition(text, kind.placeholders) for text in texts)
        parts["degraded_conditions"] = tuple(
            parse_condition(text, kind.placeholders) for text in row.degraded_conditions
        )
    except ConditionSyntaxError as error:
        parts["defect"] = f"a condition is not valid: {error.message}"
    except ValidationError as error:
        parts["defect"] = str(field_errors(error)[0])
    except ValueError as error:
        parts["defect"] = str(error)
    except Exception as error:
        log.exception("health.definition_crashed", check=row.uid, kind=row.kind)
        report_error(error, transaction="health.definition")
        parts["defect"] = f"reading the definition failed: {type(error).__name__}"
    return PreparedCheck(
        check_id=row.pk,
        uid=row.uid,
        name=row.name,
        entity_id=row.entity_id,
        entity_name=row.entity.name,
        kind_name=row.kind,
        labels=render_labels(entity=row.entity.name, check=row.name, kind=row.kind),
        thresholds=Thresholds(row.failure_threshold, row.success_threshold),
        degraded_above_us=None if row.degraded_above_ms is None else row.degraded_above_ms * 1_000,
        retry_ms=row.retry_interval_ms,
        upside_down=row.upside_down,
        **parts,
    )


def ask_kind(kind: CheckKind, config: Any) -> dict[str, Any]:
    """What the engine needs to know of it before it probes: asked once, where a kind that fails harms nobody else."""
    return {
        "targets": tuple(kind.targets(config)),
        "members": kind.members(config) if isinstance(kind, MemberKind) else (),
        "expectation": kind.expectation(config),
    }


@dataclass(slots=True)
class DefinitionCache:
    """Shared between threads: at worst two of them load the same entry."""

    clock: Callable[[], float] = time.monotonic
    limit: int = 50_000
    _entries: dict[tuple[int, int], tuple[float, PreparedCheck]] = field(default_factory=dict)

    def get(self, wanted: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], PreparedCheck]:
        """By (check, version). A check that was deleted since is left out."""
        oldest = self.clock() - KEPT_SECONDS
        found, missing = {}, []
        for key in wanted:
            entry = self._entries.get(key)
            if entry is not None and entry[0] > oldest:
                found[key] = entry[1]
            else:
                missing.append(key)
        if missing:
            found.update(self._load(missing))
        return found

    def clear(self) -> None:
        self._entries.clear()

    def _load(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], PreparedCheck]:
        if len(self._entries) + len(keys) > self.limit:
            self.clear()
        now, loaded = self.clock(), load_checks([check_id for check_id, _version in keys])
        found = {key: loaded[key[0]] for key in keys if key[0] in loaded}
        self._entries.update((key, (now, check)) for key, check in found.items())
        return found
