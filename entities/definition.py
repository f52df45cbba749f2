"""What people write about an entity: the same fields in the catalogue file, the API and the admin."""

from operator import itemgetter
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from core.text import Line, Text
from entities.domain import (
    LABEL_KEY_PATTERN,
    NAME_PATTERN,
    NAME_RULE,
    EntityKind,
    Lifecycle,
    Strength,
    is_label_key,
    is_name,
)

LABELS_MAX = 32
LINKS_MAX = 16
DEPENDENCIES_MAX = 200


def _check_name(value: str) -> str:
    if not is_name(value):
        raise ValueError(f"must be {NAME_RULE}")
    return value


def _check_label_key(value: str) -> str:
    if not is_label_key(value):
        raise ValueError("a label's key is a letter or underscore, then up to 62 letters, digits, _ . / or -")
    return value


def _check_url(value: str) -> str:
    rule = "must be an http:// or https:// address without credentials, or mailto:"
    try:
        url = urlsplit(value)
        host = url.hostname
    except ValueError:
        raise ValueError(rule) from None
    if any(character.isspace() for character in value):
        raise ValueError(rule)
    if url.scheme == "mailto" and "@" in url.path:
        return value
    if url.scheme not in {"http", "https"} or not host or "@" in url.netloc:
        raise ValueError(rule)
    return value


def _expand(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(_check_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
LabelKey = Annotated[str, AfterValidator(_check_label_key), Field(json_schema_extra={"pattern": LABEL_KEY_PATTERN})]
LabelValue = Annotated[Line, Field(max_length=200)]
LinkName = Annotated[Line, Field(min_length=1, max_length=64)]
LinkUrl = Annotated[Line, AfterValidator(_check_url), Field(max_length=2000, json_schema_extra={"format": "uri"})]


class DependencyDefinition(BaseModel):
    """An entity that is needed. In a file and in requests the bare name stands for a hard dependency on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    strength: Strength = Strength.HARD


DependencyInput = Annotated[
    DependencyDefinition, BeforeValidator(_expand, json_schema_input_type=Name | DependencyDefinition)
]


class EntityDefinition(BaseModel):
    """One entity. Unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "example": {
                "name": "payments-api",
                "kind": "service",
                "team": "payments",
                "tier": 1,
                "labels": {"region": "eu"},
                "links": {"runbook": "https://wiki.example.org/payments"},
            }
        },
    )

    name: Name
    kind: EntityKind
    title: Annotated[Line, Field(max_length=200)] = ""
    description: Annotated[Text, Field(max_length=4000)] = ""
    team: Annotated[Name | None, Field(description="A team that does not exist yet is created.")] = None
    tier: Annotated[int, Field(ge=1, le=4, strict=True, description="1 (most critical) to 4.")] = 3
    environment: Name = "production"
    labels: Annotated[
        dict[LabelKey, LabelValue], Field(max_length=LABELS_MAX, json_schema_extra={"additionalProperties": False})
    ] = {}
    links: Annotated[dict[LinkName, LinkUrl], Field(max_length=LINKS_MAX)] = {}
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    depends_on: Annotated[tuple[DependencyInput, ...], Field(max_length=DEPENDENCIES_MAX)] = ()

    @field_validator("depends_on")
    @classmethod
    def _once_each(cls, value: tuple[DependencyDefinition, ...]) -> tuple[DependencyDefinition, ...]:
        names = [dependency.name for dependency in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"names {', '.join(twice)} more than once")
        return value

    def document(self) -> dict[str, Any]:
        """The definition as JSON values, every field present, dependencies by name: equal for equal definitions."""
        document = self.model_dump(mode="json")
        document["depends_on"].sort(key=itemgetter("name"))
        return document


class TeamDefinition(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"example": {"name": "payments", "title": "Payments"}}
    )

    name: Name
    title: Annotated[Line, Field(max_length=200)] = ""

    def document(self) -> dict[str, Any]:
        return self.model_dump(mode="json")
