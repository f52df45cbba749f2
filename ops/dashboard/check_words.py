"""A check's definition put into words, without secrets."""

from core.errors import ValidationFailed
from core.templatetags.display import period_words
from ops.health.definition import CheckDefinition, definition_of, mask_document, shown_config
from ops.health.domain import Severity
from ops.health.models import Check


def describe_check(check: Check) -> list[str]:
    """Whole sentences: what is asked and how often, what counts as good, how many results it takes."""
    try:
        definition = definition_of(check)
    except ValidationFailed as error:
        return [f"Its definition cannot be read: {error.message}."]
    return [_how(check, definition), _when(check, definition), _after(check), *_weight(check)]


def _how(check: Check, definition: CheckDefinition) -> str:
    kind = definition.kind
    expectation = kind.expectation(definition.config)
    if expectation is not None:
        often = f"every {period_words(expectation.period_ms)}"
        if expectation.cron is not None:
            often = f"by the cron expression {expectation.cron} in {expectation.timezone}"
        return f"Waits for a sign of life {often}, at most {period_words(expectation.grace_ms)} late."
    targets = ", ".join(f"{target.host}:{target.port}" for target in kind.targets(definition.config))
    asked = mask_document(shown_config(check), kind=check.kind).get("url") or targets
    often = period_words(check.interval_ms)
    patience = "" if "timeout" in kind.Config.meaningless else f" and gives up after {period_words(check.timeout_ms)}"
    if check.retry_interval_ms:
        often += f", every {period_words(check.retry_interval_ms)} while in trouble{',' if patience else ''}"
    if not targets and not asked:
        return f"Looks every {often}{patience}."
    return f"Asks {asked} over {check.kind} every {often}{patience}."


def _when(check: Check, definition: CheckDefinition) -> str:
    conditions = check.conditions or list(definition.kind.default_conditions)
    answers = "when it answers" if definition.kind.expectation(definition.config) is None else "while it comes in time"
    said = f"Healthy when {_and(conditions)}" if conditions else f"Healthy {answers}"
    worse = []
    if check.degraded_above_ms:
        worse.append(f"it takes over {period_words(check.degraded_above_ms)}")
    if check.degraded_conditions:
        worse.append(f"not {_and(check.degraded_conditions)}")
    return f"{said}; degraded when {' or '.join(worse)}." if worse else f"{said}."


def _after(check: Check) -> str:
    down, up = check.failure_threshold, check.success_threshold
    if down == up == 1:
        return "One result is enough to change its status."
    return f"It takes {_results(down)} to turn bad, and {_results(up)} to turn good."


def _weight(check: Check) -> list[str]:
    said = ["It is upside down: it should fail, and is unhealthy when it does not."] if check.upside_down else []
    if check.severity_level == Severity.WARNING:
        said.append("Its entity is degraded at most by it.")
    elif check.severity_level == Severity.INFO:
        said.append("It never counts for the status of its entity.")
    return said


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results in a row"


def _and(conditions: list[str]) -> str:
    return " and ".join(conditions)


def list_definition(check: Check) -> list[tuple[str, str]]:
    """What the check asks and expects, as name and value. Of headers only the names are told."""
    lines = [("kind", check.kind)]
    for name, value in mask_document(shown_config(check), kind=check.kind).items():
        if name == "headers" and isinstance(value, dict):
            value = ", ".join(value)  # noqa: PLW2901 - told instead of the value
        if value in (None, "", {}, []):
            continue
        lines.append((name.replace("_", " "), _text(value)))
    if check.conditions:
        lines.append(("healthy when", "\n".join(check.conditions)))
    if check.degraded_conditions:
        lines.append(("degraded unless", "\n".join(check.degraded_conditions)))
    if check.degraded_above_ms:
        lines.append(("degraded above", period_words(check.degraded_above_ms)))
    return lines


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
