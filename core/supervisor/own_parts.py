"""Quarterdeck's own parts in the catalogue of a new installation, really checked, so that no page starts empty."""

from typing import Any

from django.db import transaction

from core.config import Config
from core.egress import TargetRefused
from core.models import AuditEntry
from core.permissions import system_principal
from core.web_address import local_url
from entities.definition import EntityDefinition
from entities.models import Entity
from entities.services import save_entities
from ops.health.definition import CheckDefinition, parse_check
from ops.health.services.definitions import create_check
from ops.queues.definition import QueueDefinition, parse_queue
from ops.queues.services import create_queue

TEAM = "quarterdeck"
_SEEDING = system_principal("first-start")
_PARTS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("database", "datastore", "Database", "Holds everything that Quarterdeck knows.", ()),
    ("broker", "broker", "Broker", "Carries the wake-ups of the worker.", ()),
    ("web", "service", "Web server", "Serves these pages and the API.", ("database",)),
    ("worker", "service", "Worker", "Runs the checks.", ("database", "broker")),
    ("scheduler", "service", "Scheduler", "Wakes the worker every second.", ("database", "broker")),
)


@transaction.atomic
def seed_own_parts(config: Config) -> bool:
    """Add the parts, once in the life of a database: whoever deletes one does not get it back.

    Whether anything was added.
    """
    if AuditEntry.objects.filter(actor=_SEEDING.name, target_type="entity").exists():
        return False
    names = [_name(part) for part, *_ in _PARTS]
    if Entity.objects.filter(name__in=names).exists():
        return False
    save_entities(principal=_SEEDING, definitions=[_entity(*part) for part in _PARTS])
    for part, *_ in _PARTS:
        create_check(principal=_SEEDING, entity_ref=_name(part), definition=_own_check(part))
    create_queue(principal=_SEEDING, entity_ref=_name("worker"), definition=_own_queue())
    if (http := _http_check(config)) is not None:
        create_check(principal=_SEEDING, entity_ref=_name("web"), definition=http)
    return True


def _name(part: str) -> str:
    return f"quarterdeck-{part}"


def _entity(part: str, kind: str, title: str, description: str, needs: tuple[str, ...]) -> EntityDefinition:
    return EntityDefinition.model_validate(
        {
            "name": _name(part),
            "kind": kind,
            "title": f"Quarterdeck {title.lower()}",
            "description": description,
            "team": TEAM,
            "tier": 2,
            "labels": {"part-of": "quarterdeck"},
            "depends_on": [_name(needed) for needed in needs],
        }
    )


def _own_check(part: str) -> CheckDefinition:
    return parse_check({"name": "self", "kind": "platform", "component": part, "interval": "10s", "timeout": "3s"})


def _own_queue() -> QueueDefinition:
    """Error events that wait to be grouped: a worker that lives may still not keep up."""
    document = {"name": "errors", "kind": "outbox", "outbox": "errors", "interval": "10s", "timeout": "3s"}
    return parse_queue({**document, "warn_age": "1m", "max_age": "5m"})


def _http_check(config: Config) -> CheckDefinition | None:
    """None where checks may not reach this machine."""
    definition: dict[str, Any] = {
        "name": "http",
        "kind": "http",
        "url": f"{local_url(config.http_host, config.http_port)}/healthz",
        "conditions": ["[STATUS] == 200", "[BODY].status == pass"],
        "interval": "10s",
        "timeout": "3s",
        "degraded_above": "1s",
    }
    try:
        return parse_check(definition)
    except TargetRefused:
        return None
