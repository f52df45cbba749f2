"""Forms of checks in the admin: they carry what was typed to the services, and back what these refuse."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from core.admin_services import InlineFormSet, VersionField, rehearse
from core.permissions import Principal
from entities.models import Entity
from ops.definitions.admin_forms import DefinitionForm, DurationField, WholeForm
from ops.health.domain import Severity
from ops.health.models import Check
from ops.health.services import CHECK_WRITER, delete_check


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


class _CheckFields(DefinitionForm):
    writer = CHECK_WRITER
    config_example = "url: http://10.1.2.3/health"

    interval = DurationField("1m")


class CheckForm(_CheckFields, WholeForm):
    timeout = DurationField("10s")
    conditions = LinesField(example="[STATUS] == 200")
    degraded_conditions = LinesField(example="[RESPONSE_TIME] < 300")
    degraded_above = DurationField(help_text="Slower than this is degraded.")
    retry_interval = DurationField(help_text="While the last result was not healthy, at most the interval.")
    severity = forms.ChoiceField(
        choices=[(level.value, level.value) for level in Severity], initial=Severity.CRITICAL.value,
        help_text="Unhealthy makes the entity unhealthy, degraded with a warning, and is merely shown with info.",
    )  # fmt: skip

    class Meta:
        model = Check
        fields = ["entity", "name", "kind", "failure_threshold", "success_threshold", "upside_down", "paused"]


class InlineCheckForm(_CheckFields):
    """The fields that say what is looked at and how often; the rest has its own page.

    What was shown travels with the form: a row of an older page in which nothing was typed undoes no edit of others.
    """

    class Meta:
        model = Check
        fields = ["name", "kind", "paused"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = not isinstance(field, VersionField)

    def _rehearsed(self) -> object:
        """What is wrong with this row alone; their formset rehearses all rows, as one may make room for another."""
        if not self.has_changed():
            return None
        if self.instance.pk:
            self.writer.find_for_update(self.instance.uid, expected_version=self.cleaned_data.get("expected_version"))
        return self.definition()


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
                version = form.cleaned_data.get("expected_version")
                delete_check(principal=principal, uid=form.instance.uid, expected_version=version)
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
