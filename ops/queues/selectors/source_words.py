"""Where a queue is, in words."""

from collections.abc import Mapping
from typing import Any

from core.redaction import REDACTED, redact
from ops.queues.sources import SOURCES

_LENGTH = 200


def describe_source(kind: str, config: Mapping[str, Any]) -> str:
    """``url redis://127.0.0.1:6390/0, queue celery``: the fields that were set, without secrets, cut."""
    source = SOURCES.get(kind)
    shown = source.Config.masked(config) if source else dict.fromkeys(config, REDACTED)
    order = list(source.Config.model_fields) if source else sorted(shown)  # a database may keep another one
    text = ", ".join(f"{name} {_flat(redact(shown[name], name))}" for name in order if name in shown)
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"


def _flat(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
