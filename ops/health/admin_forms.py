"""Forms of checks in the admin: they carry what was typed to the services, and back what these refuse."""

from typing import Any

import yaml
from django import forms
from django.db.models import QuerySet

from core.admin_services import InlineFormSet, ServiceForm, rehearse, show_error
from core.errors import FieldError, ValidationFailed
from core.permissions import Principal
from entities.catalog.yaml_source import parse_yaml
from entities.models import Entity
from ops.health.checks import KINDS
from ops.health.definition import COMMON_FIELDS, CheckDefinition, document_of, parse_check, shown_config
from ops.health.domain import Severity
from ops.health.models import Check
from ops.health.services import CheckVersion, create_check, delete_check, replace_check

_DURATION_HELP = "Such as 300ms, 30s or 5m."
_CONFIG_LIMIT = 100_000


class LinesField(forms.CharField):
    """A list of texts, typed as one a line."""

    def __init__(self, *, example: str) -> None:
        super().__init__(required=False, max_length=60_000, widget=forms.Textarea(attrs={"rows": 4, "cols": 80}))
        self.help_text = f"One a line, such as {example}"

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class ConfigField(forms.CharField):
    """The fields of the kind, typed as YAML, of which JSON is a part."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=_CONFIG_LIMIT, widget=forms.Textarea(attrs={"rows": 6, "cols": 80}))
        self.help_text = "As in the catalogue file, such as url: http://10.1.2.3/health"
        self.label = "Fields of the kind"

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True) if value else ""

    def to_python(self, value: Any) -> Any:
        try:
            config = parse_yaml(super().to_python(value) or "", file="line").value
        except ValidationFailed as error:
            raise forms.ValidationError([f"{wrong.field}: {wrong.message}" for wrong in error.errors]) from None
        if config is not None and not isinstance(config, dict):
            raise forms.ValidationError("expected one field: value a line")
        return config or {}

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or {}))
        except forms.ValidationError:
            return True


class _DefinitionForm(ServiceForm):
    """A form whose fields, those that it has, are those of a definition."""

    kind = forms.ChoiceField(choices=lambda: [(name, name) for name in KINDS.names()])
    interval = forms.CharField(max_length=20, initial="60s", help_text=_DURATION_HELP)
    config = ConfigField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            document = document_of(self.instance)
            self.initial.update({name: document[name] for name in COMMON_FIELDS & self.fields.keys()})
            self.initial["config"] = shown_config(self.instance)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and (error := rehearse(self._rehearsed)):
            show_error(self, ValidationFailed(error.message, errors=tuple(map(self._beside_a_field, error.errors))))
        return data

    def _rehearsed(self) -> object:
        return self.definition()

    def _beside_a_field(self, wrong: FieldError) -> FieldError:
        known = wrong.field.partition(".")[0] in self.fields
        return wrong if known else FieldError("config", f"{wrong.field}: {wrong.message}")

    def definition(self) -> CheckDefinition:
        """Raises ``ValidationFailed``. What the form does not ask for stays as it is stored."""
        data = self.cleaned_data
        stored = document_of(Check.objects.get(pk=self.instance.pk)) if self.instance.pk else {}
        kind = KINDS.get(data["kind"])
        meant = COMMON_FIELDS - (kind.Config.meaningless if kind else frozenset())
        common = {name: stored[name] for name in meant & stored.keys()}
        common |= {name: data[name] for name in COMMON_FIELDS & data.keys()}
        # Last, so that nothing typed as a field of the kind takes the place of a common one.
        if taken := sorted(COMMON_FIELDS & data["config"].keys()):
            raise ValidationFailed("Not of the kind", errors=(FieldError("config", f"{taken[0]} has its own field"),))
        return parse_check({**data["config"], **common})

    def write(self, *, entity_uid: str, expected_version: int | None = None) -> CheckVersion:
        if not self.instance.pk:
            return create_check(principal=self.principal, entity_ref=entity_uid, definition=self.definition())
        return replace_check(
            principal=self.principal,
            uid=self.instance.uid,
            definition=self.definition(),
            expected_version=expected_version,
        )


class CheckForm(_DefinitionForm):
    timeout = forms.CharField(max_length=20, initial="10s", help_text=_DURATION_HELP)
    conditions = LinesField(example="[STATUS] == 200")
    degraded_conditions = LinesField(example="[RESPONSE_TIME] < 300")
    degraded_above = forms.CharField(
        max_length=20, required=False, empty_value=None, help_text=f"Slower than this is degraded. {_DURATION_HELP}"
    )
    retry_interval = forms.CharField(
        max_length=20, required=False, empty_value=None,
        help_text=f"While the last result was not healthy, at most the interval. {_DURATION_HELP}",
    )  # fmt: skip
    severity = forms.ChoiceField(
        choices=[(level.value, level.value) for level in Severity], initial=Severity.CRITICAL.value,
        help_text="Unhealthy makes the entity unhealthy, degraded with a warning, and is merely shown with info.",
    )  # fmt: skip
    expected_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Check
        fields = ["entity", "name", "kind", "failure_threshold", "success_threshold", "upside_down", "paused"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "expected_version" in self.fields:
            self.fields["expected_version"].initial = self.instance.version

    def _rehearsed(self) -> object:
        return self.save_through_services()

    def save_through_services(self) -> CheckVersion:
        entity = self.instance.entity if self.instance.pk else self.cleaned_data["entity"]
        return self.write(entity_uid=entity.uid, expected_version=self.cleaned_data.get("expected_version"))


class InlineCheckForm(_DefinitionForm):
    """The fields that say what is looked at and how often; the rest has its own page."""

    class Meta:
        model = Check
        fields = ["name", "kind", "paused"]


class CheckFormSet(InlineFormSet):
    """The checks of an entity, saved through the services after the entity."""

    principal: Principal

    @classmethod
    def get_default_prefix(cls) -> str:
        return "checks"

    def clean(self) -> None:
        super().clean()
        if self.instance.pk and not any(self.errors):
            stored = Entity.objects.get(pk=self.instance.pk)
            if error := rehearse(lambda: self.save_through_services(principal=self.principal, entity=stored)):
                raise forms.ValidationError(error.message)

    def save_through_services(self, *, principal: Principal, entity: Entity) -> None:
        for form in self.deleted_forms:
            if form.instance.pk:
                delete_check(principal=principal, uid=form.instance.uid)
        for form in self.forms:
            if form.has_changed() and form not in self.deleted_forms:
                form.write(entity_uid=entity.uid)


class ChecksElsewhere(CheckFormSet):
    """In place of checks that are too many for the form of their entity; what an older page says of them is refused."""

    @classmethod
    def get_default_prefix(cls) -> str:
        return "checks-elsewhere"

    def get_queryset(self) -> QuerySet[Check]:
        return Check.objects.none()
