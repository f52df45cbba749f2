"""Definitions of checks for those who may not edit them, and for what is kept for ever: without secrets."""

from collections.abc import Mapping
from typing import Any

from core.redaction import REDACTED, redact
from ops.health.checks import KINDS
from ops.health.definition import COMMON_FIELDS


def mask_document(document: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    """Some or all fields of a check of that kind. The kind tells what of its own is secret; of one that is not
    installed everything is.
    """
    own = {name: value for name, value in document.items() if name not in COMMON_FIELDS}
    installed = KINDS.get(kind)
    masked = installed.Config.masked(own) if installed else dict.fromkeys(own, REDACTED)
    return {name: masked[name] if name in masked else redact(value, name) for name, value in document.items()}


def mask_changes(changed: Mapping[str, tuple[Any, Any]], *, kind: str) -> dict[str, tuple[Any, Any]]:
    """Fields with their values before and after; ``kind`` is that of the check unless it is among them."""
    kind_before, kind_after = changed.get("kind", (kind, kind))
    before = mask_document({name: old for name, (old, _) in changed.items()}, kind=kind_before or kind)
    after = mask_document({name: new for name, (_, new) in changed.items()}, kind=kind_after or kind)
    return {name: (before[name], after[name]) for name in changed}
