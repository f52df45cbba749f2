"""Forms of the catalogue in the admin: they carry what was typed to the services, and back what these refuse."""

from typing import Any

from django import forms

from core.admin_services import InlineFormSet, ServiceForm, VersionField, rehearse, show_error
from core.errors import QuarterdeckError
from core.validation import parse_model
from entities.definition import EntityDefinition, TeamDefinition
from entities.models import Entity, Team
from entities.selectors import definition_of
from entities.services import EntityVersion, create_entity, replace_entity
from entities.teams import create_team, update_team

DEFINED = ("name", "kind", "title", "description", "tier", "environment", "labels", "links", "lifecycle")


class PairsField(forms.CharField):
    """A mapping, typed as one ``key: value`` a line."""

    def __init__(self, *, example: str) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 4, "placeholder": example}))
        self.help_text = f"One a line, such as {example}"

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{key}: {item}" for key, item in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        pairs: dict[str, str] = {}
        for line in (super().to_python(value) or "").splitlines():
            key, colon, item = (part.strip() for part in line.partition(":"))
            if not colon and not key:
                continue
            if not colon or key in pairs:
                raise forms.ValidationError(f"{line.strip()!r}: expected key: value, each key once")
            pairs[key] = item
        return pairs

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or {}))
        except forms.ValidationError:
            return True


class EntityForm(ServiceForm):
    labels = PairsField(example="region: eu")
    links = PairsField(example="runbook: https://wiki.example.org/payments")
    expected_version = VersionField()

    class Meta:
        model = Entity
        fields = [*DEFINED, "team"]

    def clean_description(self) -> str:
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors:
            # What is wrong with the dependencies is said beside them, by their formset.
            if error := rehearse(lambda: self.write(depends_on=None)):
                show_error(self, error)
            else:
                self.instance.write_entity = self.write
        return data

    def write(self, *, depends_on: list[dict[str, Any]] | None) -> EntityVersion:
        """Call the service with what the form says; ``depends_on`` None leaves the dependencies as they are."""
        data = self.cleaned_data
        stored = Entity.objects.get(pk=self.instance.pk) if self.instance.pk else None
        if depends_on is None:
            depends_on = definition_of(stored).document()["depends_on"] if stored else []
        fields = {name: data[name] for name in DEFINED}
        team = data["team"].name if data["team"] else None
        definition = parse_model(EntityDefinition, {**fields, "team": team, "depends_on": depends_on})
        if stored is None:
            return create_entity(principal=self.principal, definition=definition)
        return replace_entity(
            principal=self.principal,
            ref=stored.uid,
            definition=definition,
            expected_version=data.get("expected_version"),
        )


class DependencyFormSet(InlineFormSet):
    """What the entity depends on; written together with the entity."""

    def clean(self) -> None:
        super().clean()
        write = getattr(self.instance, "write_entity", None)
        if write is None or any(self.errors):
            return
        if error := rehearse(lambda: write(depends_on=self.depends_on())):
            raise forms.ValidationError(_messages(error))

    def depends_on(self) -> list[dict[str, Any]]:
        return [
            {"name": form.cleaned_data["depends_on"].name, "strength": form.cleaned_data["strength"]}
            for form in self.forms
            if form.cleaned_data.get("depends_on") and not form.cleaned_data.get("DELETE")
        ]


class TeamForm(ServiceForm):
    expected_version = VersionField()

    class Meta:
        model = Team
        fields = ["name", "title"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and (error := rehearse(self.write)):
            show_error(self, error)
        return data

    def write(self) -> None:
        data = {name: self.cleaned_data[name] for name in ("name", "title")}
        if not self.instance.pk:
            create_team(principal=self.principal, definition=parse_model(TeamDefinition, data))
        else:
            stored = Team.objects.values_list("name", flat=True).get(pk=self.instance.pk)
            version = self.cleaned_data.get("expected_version")
            update_team(principal=self.principal, name=stored, changes=data, expected_version=version)


def _messages(error: QuarterdeckError) -> list[str]:
    return [wrong.message for wrong in error.errors] or [error.message]
