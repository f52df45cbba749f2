"""Where people add, edit, try and delete checks."""

from typing import Any

from ops.definitions.desk import Desk, FormSection
from ops.health.check_fields import RHYTHM
from ops.health.check_form import CHECKS
from ops.health.checks.kind import CheckKind
from ops.health.definition import CommonFields
from ops.health.models import Check
from ops.health.services import CHECK_WRITER
from ops.health.trial_display import TrialCard, show_trial
from ops.health.trials import try_check


def _attempt(**form: Any) -> TrialCard:
    return show_trial(try_check(**form))


CHECK_DESK: Desk[CommonFields, CheckKind, Check] = Desk(
    CHECKS,
    CHECK_WRITER,
    attempt=_attempt,
    slug="check",
    section="checks",
    list_route="check-list",
    page_route="check-detail",
    title="check",
    target="Target",
    target_note="ops/health/_target_note.html",
    sections=(FormSection(RHYTHM, "Schedule and conditions"),),
    promise="its first result comes within seconds",
    loss="This deletes the check and its results.",
    trial_template="ops/health/trial.html",
)
