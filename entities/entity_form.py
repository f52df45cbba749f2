"""The dashboard's form of an entity: from what was typed to a definition's data, and back."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from core.errors import FieldError, ValidationFailed
from core.form_fields import FormField, find_wrong_pairs, join_pairs, split_lines, split_pairs
from core.validation import parse_model
from entities.definition import DEPENDENCIES_MAX, EntityDefinition
from entities.domain import EntityKind, Lifecycle, Strength, is_name
from entities.models import Entity, Team
from entities.names import suggested_entities

_KIND_TEXTS = {
    EntityKind.SERVICE: "Service",
    EntityKind.DATASTORE: "Datastore",
    EntityKind.BROKER: "Broker",
    EntityKind.JOB: "Job",
    EntityKind.HOST: "Host",
    EntityKind.EXTERNAL: "External, run by somebody else",
}


def entity_fields() -> list[FormField]:
    teams = list(Team.objects.order_by("name").values_list("name", flat=True)[:200])
    environments = Entity.objects.order_by("environment").values_list("environment", flat=True).distinct()[:50]
    return [
        FormField(
            "name", "Name", mono=True, placeholder="payments-api",
            help="Lower-case letters, digits, dots, dashes and underscores. It stands in addresses, labels and alerts.",
        ),
        FormField("title", "Title", optional=True, placeholder="Payments API", help="What people call it."),
        FormField("kind", "Kind", kind="select", options=[(kind.value, text) for kind, text in _KIND_TEXTS.items()]),
        FormField(
            "tier", "Tier", kind="select", value="3", help="How much depends on it; problems sort by it.",
            options=[("1", "1, most critical"), ("2", "2"), ("3", "3"), ("4", "4, least critical")],
        ),
        FormField(
            "environment", "Environment", value="production", mono=True, suggestions=list(environments),
        ),
        FormField(
            "team", "Team", optional=True, mono=True, suggestions=teams, help="A new name creates the team.",
        ),
        FormField(
            "depends_on", "Needs", kind="lines", optional=True, mono=True, placeholder="payments-db\nmail soft",
            suggestions=suggested_entities(),
            help="One entity a line. When it is down, this one shows as impacted, unless it is marked soft.",
        ),
        FormField("description", "Description", kind="textarea", optional=True),
        FormField(
            "labels", "Labels", kind="pairs", optional=True, mono=True, placeholder="region: eu",
            help="One a line, as key: value.",
        ),
        FormField(
            "links", "Links", kind="pairs", optional=True, mono=True,
            placeholder="runbook: https://wiki.example.com/payments", help="One a line. The runbook is shown first.",
        ),
        FormField(
            "lifecycle", "Lifecycle", kind="select", value=Lifecycle.ACTIVE.value,
            options=[("active", "Active"), ("inactive", "Inactive, nothing is checked")],
        ),
    ]  # fmt: skip


def read_entity_form(form: QueryDict) -> dict[str, Any]:
    """What was typed, as the data of an ``EntityDefinition``; what is wrong in it is for the definition to say."""
    tier = form.get("tier", "").strip()
    return {
        "name": form.get("name", "").strip(),
        "title": form.get("title", "").strip(),
        "kind": form.get("kind", ""),
        "tier": int(tier) if tier.isascii() and tier.isdigit() and len(tier) < 4 else tier,
        "environment": form.get("environment", "").strip(),
        "team": form.get("team", "").strip() or None,
        "depends_on": [_read_dependency(line) for line in split_lines(form.get("depends_on", ""))],
        "description": form.get("description", "").replace("\r\n", "\n").strip(),
        "labels": split_pairs(form.get("labels", "")),
        "links": split_pairs(form.get("links", "")),
        "lifecycle": form.get("lifecycle", Lifecycle.ACTIVE.value),
    }


def _read_dependency(line: str) -> dict[str, str]:
    name, _, strength = line.partition(" ")
    return {"name": name, "strength": strength.strip() or Strength.HARD.value}


def judge_entity_form(
    form: QueryDict, *, stored: Entity | None = None
) -> tuple[EntityDefinition | None, tuple[FieldError, ...]]:
    """The definition, if its fields are fine, and everything that is wrong, also beside what else there is.

    ``stored`` is the one that is edited.
    """
    data, definition = read_entity_form(form), None
    errors = [error for name in ("labels", "links") for error in find_wrong_pairs(name, form.get(name, ""))]
    try:
        definition = parse_model(EntityDefinition, data)
    except ValidationFailed as error:
        errors += error.errors
    names = [item["name"] for item in data["depends_on"]]
    there = dict(Entity.objects.filter(name__in=[data["name"], *names[:DEPENDENCIES_MAX]]).values_list("name", "pk"))
    if there.get(data["name"], stored and stored.pk) != (stored and stored.pk):
        errors.append(FieldError("name", "is already taken"))
    errors += [
        FieldError(f"depends_on.{index}", f"there is no entity {name!r}")
        for index, name in enumerate(names[:DEPENDENCIES_MAX])
        if is_name(name) and name not in there and name != data["name"]
    ]
    return definition, tuple(errors)


def write_entity_form(definition: EntityDefinition) -> Mapping[str, str]:
    """A definition as it stands in the form's fields."""
    return {
        "name": definition.name,
        "title": definition.title,
        "kind": definition.kind.value,
        "tier": str(definition.tier),
        "environment": definition.environment,
        "team": definition.team or "",
        "depends_on": "\n".join(
            item.name if item.strength is Strength.HARD else f"{item.name} {item.strength.value}"
            for item in definition.depends_on
        ),
        "description": definition.description,
        "labels": join_pairs(definition.labels),
        "links": join_pairs(definition.links),
        "lifecycle": definition.lifecycle.value,
    }
