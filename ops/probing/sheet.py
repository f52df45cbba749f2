"""The form of something that goes out and looks: what was typed into it, judged, and shown again with nothing lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from core.errors import FieldError, ValidationFailed
from core.form_fields import FilledForm, FormField, fill
from core.validation import SUMMARY
from entities.names import suggested_entities
from ops.probing.definitions import Definition, Definitions, Kind, Named
from ops.probing.form_fields import OWN
from ops.probing.models import Defined
from ops.probing.typed_definition import judge_typed, read_typed, write_typed


@dataclass(frozen=True, slots=True)
class Sheet[C: Named, K: Kind, R: Defined]:
    """What a form is about: a new one of a kind, or an edit of ``stored`` that began at ``version``.

    ``own`` are the fields of the kind and the common ones, ``rows`` all that are stored, ``about`` says what an entity
    has to do with it.
    """

    definitions: Definitions[C, K, R]
    rows: QuerySet[R]
    kind: K
    own: Sequence[FormField]
    about: str
    stored: R | None = None
    version: str = ""

    @property
    def fields(self) -> list[FormField]:
        if self.stored is not None:
            return list(self.own)
        suggestions = suggested_entities()
        entity = FormField("entity", "Entity", mono=True, suggestions=suggestions, help=self.about, section=OWN)
        return [entity, *self.own]

    @property
    def expected_version(self) -> int | None:
        is_number = self.version.isascii() and self.version.isdigit() and len(self.version) < 10
        return int(self.version) if is_number else None

    def entity_of(self, typed: QueryDict) -> str:
        return self.stored.entity.name if self.stored else typed.get("entity", "").strip()

    def begin(self, typed: QueryDict) -> FilledForm:
        """As a page opens it: what is stored, else the defaults and what was typed into the form of another kind."""
        if self.stored is not None:
            return fill(self.fields, write_typed(self.definitions.of(self.stored)))
        return fill(self.fields, {name: typed.get(name, "") for name in typed})

    def filled(self, typed: QueryDict, errors: Sequence[FieldError] = (), *, message: str = "") -> FilledForm:
        """With all that was typed; a checkbox that is off sends nothing, which must not bring its default back."""
        fields = self.fields
        values = {field.name: typed.get(field.name, "") for field in fields}
        # The refused target is the first field that the kind itself declares: an address or a host.
        aliases = {"target": next(iter(self.kind.Config.model_fields), "")}
        return fill(fields, values, errors, message=message, aliases=aliases)

    def read(self, typed: QueryDict) -> dict[str, Any]:
        return read_typed(typed, self.own, self.kind)

    def judge(self, typed: QueryDict) -> tuple[Definition[C, K] | None, tuple[FieldError, ...]]:
        """As ``judge_typed``."""
        entity = self.entity_of(typed)
        return judge_typed(self.definitions, self.rows, self.read(typed), entity_ref=entity, stored=self.stored)

    def definition(self, typed: QueryDict) -> Definition[C, K]:
        """Raises ``ValidationFailed`` with all that is wrong."""
        definition, errors = self.judge(typed)
        if definition is None or errors:
            raise ValidationFailed(SUMMARY, errors=errors)
        return definition
