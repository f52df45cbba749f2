"""Controls of the fields of a check, drawn from the models: those that a kind declares, then those of every check.

How they are drawn from a model is told in ``ops.definitions.form_fields``.
"""

from collections.abc import Iterable
from dataclasses import replace

from core.form_fields import MORE, FormField
from ops.definitions.form_fields import OWN, draw_field
from ops.health.checks.kind import CheckKind
from ops.health.definition import CommonFields
from ops.probing.config import Presentation

RHYTHM = "rhythm"
"""The section of when to look and what is good."""

_ASKED_ELSEWHERE = frozenset({"kind", "paused"})
_RARE = (
    FormField(
        "failure_threshold", "Unhealthy after", kind="number", value="1", section=MORE,
        help="So many bad results in a row.",
    ),
    FormField(
        "success_threshold", "Healthy after", kind="number", value="1", section=MORE,
        help="So many good results in a row.",
    ),
    FormField(
        "severity", "Severity", kind="select", value="critical", section=MORE,
        options=[
            ("critical", "critical: unhealthy makes the entity unhealthy"),
            ("warning", "warning: unhealthy makes the entity degraded"),
            ("info", "info: shown here, never counts for the entity"),
        ],
    ),
    FormField(
        "upside_down", "Upside down", kind="checkbox", section=MORE,
        help="It should fail: an answer counts as unhealthy, a failure as healthy.",
    ),
    FormField(
        "retry_interval", "Retry every", kind="duration", optional=True, placeholder="5s", section=MORE,
        help="While the last result was not healthy, instead of the time above; at most as long.",
    ),
)  # fmt: skip
"""What every check has, whatever its kind, and few people set."""


def check_fields(kind: CheckKind) -> list[FormField]:
    """The name, what the kind asks for, then the common fields; each says in its ``section`` where it stands."""
    presentation = kind.Config.presentation
    name = FormField("name", "Name", mono=True, placeholder=kind.name, section=OWN, help="Unique within the entity.")
    own = [draw_field(name, info) for name, info in kind.Config.model_fields.items()]
    common = [
        replace(field, value=presentation.suggested.get(field.name, field.value))
        for field in _common_fields(kind, presentation)
    ]
    return [name, *own, *common]


def _common_fields(kind: CheckKind, presentation: Presentation) -> Iterable[FormField]:
    """Those named here in this order; one that ``CommonFields`` has besides is drawn from it and folded away."""
    section = MORE if presentation.waits else RHYTHM
    hints = tuple(f"[{name}]" for name in sorted(kind.placeholders))
    default = f" Without any: {' and '.join(kind.default_conditions)}." if kind.default_conditions else ""
    listed = [
        FormField("interval", "Every", kind="duration", value="1m", section=section),
        FormField(
            "timeout", "Timeout", kind="duration", value="10s", section=section, help="For the whole probe.",
        ),
        FormField(
            "degraded_above", "Degraded above", kind="duration", optional=True, placeholder="300ms", section=section,
            help="Slower than this is degraded.",
        ),
        FormField(
            "conditions", "Healthy when", kind="lines", optional=True, mono=True, section=section, hints=hints,
            placeholder="\n".join(presentation.conditions), help=f"One a line; all must hold.{default}",
        ),
        FormField(
            "degraded_conditions", "Degraded unless", kind="lines", optional=True, mono=True, section=MORE,
            hints=hints, help="One a line. When one fails, the check is degraded, not unhealthy.",
        ),
        *_RARE,
    ]  # fmt: skip
    yield from listed
    seen = {field.name for field in listed} | {"name"} | _ASKED_ELSEWHERE
    for name, info in CommonFields.model_fields.items():
        if name not in seen:
            yield replace(draw_field(name, info), section=MORE)
