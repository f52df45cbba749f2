"""A queue's definition put into words, without secrets."""

from collections.abc import Mapping
from typing import Any

from core.templatetags.display import period_words
from ops.queues.definition import COMMON_FIELDS
from ops.queues.domain import Limits
from ops.queues.selectors import QueueDetail
from ops.queues.sources import SOURCES


def describe_queue(detail: QueueDetail, limits: Limits, *, timeout_ms: int) -> list[str]:
    """Whole sentences: how often it is looked at, and what counts as trouble."""
    often, patience = period_words(detail.row.interval_ms), period_words(timeout_ms)
    said = [f"Looked at every {often}; a look gives up after {patience}."]
    worst = _over(limits.max_size, limits.max_age_ms)
    if limits.min_consumers is not None:
        worst.append(
            f"fewer than {limits.min_consumers} consumer{'' if limits.min_consumers == 1 else 's'} take from it"
        )
    if worst:
        said.append(f"Unhealthy when {' or '.join(worst)}.")
    worse = _over(limits.warn_size, limits.warn_age_ms)
    if limits.max_size is not None and limits.breach_within_ms:
        worse.append(
            f"it grows so that {limits.max_size:,} will be reached within {period_words(limits.breach_within_ms)}"
        )
    if worse:
        said.append(f"Degraded when {' or '.join(worse)}.")
    if not worst and not worse:
        said.append("It has no limits: it is healthy whenever it can be read.")
    return said


def _over(size: int | None, age_ms: int | None) -> list[str]:
    found = [] if size is None else [f"more than {size:,} wait"]
    return found if age_ms is None else [*found, f"the oldest waits longer than {period_words(age_ms)}"]


def list_source(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The kind and the fields of its source, as name and value; what is empty or at its default is left out."""
    source = SOURCES.get(document["kind"])
    fields = source.Config.model_fields if source else {}
    return [("kind", document["kind"])] + [
        (name.replace("_", " "), _text(value))
        for name, value in document.items()
        if name not in COMMON_FIELDS
        and value not in (None, "", {}, [])
        and not (name in fields and value == fields[name].default)
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, dict)) else str(value)
