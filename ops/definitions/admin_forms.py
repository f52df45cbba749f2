"""Forms of definitions in the admin: they carry what was typed to the services, and back what these refuse."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import yaml
from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin_services import ServiceForm, VersionField, rehearse, show_error
from core.errors import FieldError, ValidationFailed
from entities.catalog.yaml_source import parse_yaml
from ops.definitions.definition import Definition, Kind
from ops.definitions.writing import Version, Writer

_DURATION_HELP = "Such as 300ms, 30s or 5m."
_CONFIG_LIMIT = 100_000


def as_yaml(document: Mapping[str, Any]) -> str:
    """As a form asks for it, in the order given."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)


class ConfigField(forms.CharField):
    """The fields of the kind, typed as YAML, of which JSON is a part."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=_CONFIG_LIMIT, widget=forms.Textarea(attrs={"rows": 6, "cols": 80}))
        self.label = "Fields of the kind"

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return as_yaml(value) if value else ""

    def to_python(self, value: Any) -> Any:
        try:
            config = parse_yaml(super().to_python(value) or "", file="line").value
        except ValidationFailed as error:
            raise forms.ValidationError([str(wrong) for wrong in error.errors]) from None
        if config is not None and not isinstance(config, dict):
            raise forms.ValidationError("expected one field: value a line")
        return config or {}

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or {}))
        except forms.ValidationError:
            return True


class DurationField(forms.CharField):
    """As people say it; the definition judges it. Without an ``initial`` it may be left empty."""

    def __init__(self, initial: str = "", *, help_text: str = "") -> None:
        super().__init__(
            max_length=20,
            required=bool(initial),
            empty_value=None,
            initial=initial,
            help_text=f"{help_text} {_DURATION_HELP}".strip(),
        )


class DefinitionForm(ServiceForm):
    """A form whose fields, those that it has, are those of a definition."""

    writer: ClassVar[Writer[Any, Any, Any]]
    config_example: ClassVar[str]

    kind = forms.ChoiceField()
    config = ConfigField()
    expected_version = VersionField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config" in self.fields:
            self.fields["config"].help_text = f"As in the catalogue file, such as {self.config_example}"
        if isinstance(kind := self.fields.get("kind"), forms.ChoiceField):
            kind.choices = [(name, name) for name in self.writer.definitions.kinds.names()]
        if self.instance.pk:
            document = self.writer.definitions.document_of(self.instance)
            self.initial.update({name: document[name] for name in self._common & self.fields.keys()})
            self.initial["config"] = self.writer.definitions.shown_config(self.instance)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and (error := rehearse(self._rehearsed)):
            show_error(self, ValidationFailed(error.message, errors=tuple(map(self._beside_a_field, error.errors))))
        return data

    def definition(self) -> Definition[Any, Any]:
        """Raises ``ValidationFailed``. What the form does not ask for stays as it is stored."""
        data = self.cleaned_data
        stored = {}
        if self.instance.pk:
            stored = self.writer.definitions.document_of(type(self.instance).objects.get(pk=self.instance.pk))
        kind = self.writer.definitions.kinds.get(data["kind"])
        meant = self._common - (kind.Config.meaningless if kind else frozenset())
        common = {name: stored[name] for name in meant & stored.keys()}
        common |= {name: data[name] for name in self._common & data.keys()}
        # Last, so that nothing typed as a field of the kind takes the place of a common one.
        if taken := sorted(self._common & data["config"].keys()):
            raise ValidationFailed("Not of the kind", errors=(FieldError("config", f"{taken[0]} has its own field"),))
        return self.writer.definitions.parse({**data["config"], **common})

    def write(self, *, entity_uid: str) -> Version:
        if not self.instance.pk:
            return self.writer.create(principal=self.principal, entity_ref=entity_uid, definition=self.definition())
        return self.writer.replace(
            principal=self.principal,
            uid=self.instance.uid,
            definition=self.definition(),
            expected_version=self.cleaned_data.get("expected_version"),
        )

    @property
    def _common(self) -> frozenset[str]:
        return self.writer.definitions.common_names

    def _rehearsed(self) -> object:
        return self.definition()

    def _beside_a_field(self, wrong: FieldError) -> FieldError:
        known = wrong.field.partition(".")[0] in self.fields
        return wrong if known else FieldError("config", str(wrong))


class WholeForm(DefinitionForm):
    """The form of one definition, with the entity that it belongs to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config" in self.fields:
            told = self.fields["config"]
            told.help_text = format_html("{}{}", told.help_text, _list_fields(self.writer.definitions.kinds))

    def save_through_services(self) -> Version:
        entity = self.instance.entity if self.instance.pk else self.cleaned_data["entity"]
        return self.write(entity_uid=entity.uid)

    def _rehearsed(self) -> object:
        return self.save_through_services()


def _list_fields(kinds: Iterable[Kind]) -> SafeString:
    """The help beside the fields of a kind: which there are, of each kind, with those first that must be there."""
    kind_lines = format_html_join("", "<dt>{}</dt><dd>{}</dd>", ((kind.name, _field_words(kind)) for kind in kinds))
    return format_html(
        '<details class="kind-fields"><summary>Fields of each kind</summary><dl>{}</dl></details>', kind_lines
    )


def _field_words(kind: Kind) -> str:
    fields = kind.Config.model_fields
    required = [f"{name} (required)" for name, info in fields.items() if info.is_required()]
    return ", ".join([*required, *(name for name, info in fields.items() if not info.is_required())]) or "none"
