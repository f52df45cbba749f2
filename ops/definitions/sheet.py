"""A form about something that goes out and looks: a new one of a kind, or an edit of one that is stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.http import urlencode

from core.errors import Conflict, FieldError, NotFound, RateLimited, StaleVersion, ValidationFailed
from core.form_fields import FilledForm, FormField, Mark, StaleEdit, fill, find_wrong_pairs
from core.stale_edits import read_stale_edit, read_version
from entities.names import suggested_entities
from ops.definitions.definition import Definition, Definitions, Kind, Named
from ops.definitions.form_fields import OWN
from ops.definitions.models import Defined
from ops.definitions.typed_definition import judge_typed, read_typed, write_typed

type Refusal = ValidationFailed | Conflict | StaleVersion | RateLimited

SHOWN_IN_FORM = (ValidationFailed, Conflict, StaleVersion, RateLimited)
"""What a service may refuse, and is told in the form."""


UNNAMED = "unnamed"
"""What the audit calls something that was tried before it had a name."""


@dataclass(frozen=True, slots=True)
class Subject[C: Named, K: Kind, R: Defined]:
    """What the forms of a slice are about. ``draw_fields`` are those of a kind, ``about`` says what its entity is, and
    ``find_marks`` where a filled field stops making sense."""

    definitions: Definitions[C, K, R]
    draw_fields: Callable[[K], list[FormField]]
    about: str
    find_marks: Callable[[FormField, K], tuple[Mark, ...]] = lambda _field, _kind: ()


@dataclass(frozen=True, slots=True)
class Sheet[C: Named, K: Kind, R: Defined]:
    """One form; ``stored`` is what is edited, which was at ``version`` when the form was begun.

    ``over`` is a later version that its writer was shown, and wants to replace.
    """

    subject: Subject[C, K, R]
    kind: K
    stored: R | None = None
    version: str = ""
    over: str = ""

    def fields(self) -> list[FormField]:
        fields = self._drawn()
        if self.stored is not None:
            return fields
        return [
            FormField(
                "entity", "Entity", mono=True, suggestions=suggested_entities(), help=self.subject.about, section=OWN
            ),
            *fields,
        ]

    def entity_of(self, typed: QueryDict) -> str:
        return self.stored.entity.name if self.stored else typed.get("entity", "").strip()

    def begun(self, typed: QueryDict) -> FilledForm:
        """A form that nobody sent yet, with what is known already."""
        return fill(self.fields(), {name: str(value) for name, value in typed.dict().items()})

    def written(self, definition: Definition[C, K]) -> FilledForm:
        """With what is stored."""
        return fill(self.fields(), write_typed(definition))

    def filled(self, typed: QueryDict, errors: Sequence[FieldError] = (), *, message: str = "") -> FilledForm:
        """With all that was typed; a checkbox that is off sends nothing, which must not bring its default back."""
        fields = self.fields()
        values = {field.name: typed.get(field.name, "") for field in fields}
        # The refused target is the first field that the kind itself declares: an address or a host.
        aliases = {"target": next(iter(self.kind.Config.model_fields), "")}
        form = fill(fields, values, errors, message=message, aliases=aliases)
        marked = (replace(field, marks=self.subject.find_marks(field, self.kind)) for field in form.fields)
        return replace(form, fields=tuple(marked))

    def refused(self, typed: QueryDict, error: Refusal) -> FilledForm:
        """What was typed, with why it was not saved."""
        if isinstance(error, StaleVersion) and self.stored is not None:
            return replace(self.filled(typed), stale=self._read_stale(typed, self.stored))
        return self.filled(typed, error.errors, message=error.message)

    def _read_stale(self, typed: QueryDict, edited: R) -> StaleEdit:
        definitions = self.subject.definitions
        now = definitions.rows().select_related("entity").get(pk=edited.pk)
        return read_stale_edit(
            target_type=definitions.target,
            target_uid=edited.uid,
            begun_at=read_version(self.version),
            version=now.version,
            typed=self.filled(typed),
            stored=self.written(definitions.of(now)),
        )

    def data(self, typed: QueryDict) -> dict[str, Any]:
        """What was typed, as the catalogue file would say it; what is empty is not said."""
        return read_typed(typed, self._drawn(), self.kind)

    def judge(self, typed: QueryDict) -> tuple[Definition[C, K] | None, tuple[FieldError, ...]]:
        definition, errors = judge_typed(
            self.subject.definitions,
            self.data(typed),
            entity_ref=self.entity_of(typed),
            stored=self.stored,
        )
        pairs = [field.name for field in self._drawn() if field.kind == "pairs"]
        lost = [error for name in pairs for error in find_wrong_pairs(name, typed.get(name, ""))]
        return definition, (*lost, *errors)

    def judge_trial(self, typed: QueryDict) -> tuple[Definition[C, K] | None, tuple[FieldError, ...]]:
        """As ``judge``, for something that is only tried: that needs no name yet."""
        if typed.get("name", "").strip():
            return self.judge(typed)
        named = typed.copy()
        named["name"] = UNNAMED
        definition, errors = self.judge(named)
        return definition, tuple(error for error in errors if error.field != "name")

    def definition(self, typed: QueryDict) -> Definition[C, K]:
        """Raises ``ValidationFailed`` with all that is wrong."""
        definition, errors = self.judge(typed)
        if definition is None or errors:
            raise ValidationFailed("Some fields are not valid", errors=errors)
        return definition

    def field(self, typed: QueryDict, name: str) -> FormField:
        """One field as it stands, with what is wrong with it. Raises ``NotFound``."""
        _definition, errors = self.judge(typed)
        try:
            return self.filled(typed, errors)[name]
        except KeyError:
            raise NotFound("There is no such field") from None

    def _drawn(self) -> list[FormField]:
        meaningless = self.kind.Config.meaningless
        return [field for field in self.subject.draw_fields(self.kind) if field.name not in meaningless]

    @property
    def expected_version(self) -> int:
        return read_version(self.over or self.version)


def no_such_entity(error: NotFound) -> ValidationFailed:
    """As a form tells it: beside the field."""
    return ValidationFailed(error.message, errors=(FieldError("entity", error.message),))


def kept_query(typed: QueryDict, **more: str) -> str:
    """What stays in the address while another kind is chosen: only what cannot be secret."""
    return urlencode({**more, **{name: typed.get(name, "") for name in ("entity", "name") if typed.get(name)}})
