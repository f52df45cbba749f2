"""Breakers of every entity as Prometheus lines, rendered by hand and kept for some seconds."""

import time

from django.db.models import Sum

from core.clock import database_now_ms
from ops.breakers.domain import BreakerState
from ops.breakers.models import BreakerInstance
from ops.breakers.selectors.effective import state_at, watched

KEPT_SECONDS = 5.0
BREAKERS_MAX = 20_000
_STATE, _INSTANCES = "quarterdeck_breaker_state", "quarterdeck_breaker_instances"
_SHARE, _REFUSED = "quarterdeck_breaker_failure_ratio", "quarterdeck_breaker_not_permitted_calls_total"
FAMILIES = {
    _STATE: ("gauge", "1 for the state that a breaker is in, 0 for the others."),
    _INSTANCES: ("gauge", "Instances of a breaker, those included of which news stopped coming."),
    _SHARE: ("gauge", "Failed calls in the sliding windows, 0 to 1."),
    _REFUSED: ("counter", "Calls that its instances refused."),
}
_rendered: tuple[float, bytes] = (float("-inf"), b"")


def render_breaker_series() -> bytes:
    """Empty before the first breaker. At most ``KEPT_SECONDS`` old, so that scrapes by many cost one."""
    global _rendered  # noqa: PLW0603 - replaced as a whole; at worst two threads render the same
    if time.monotonic() - _rendered[0] > KEPT_SECONDS:
        _rendered = (time.monotonic(), _render())
    return _rendered[1]


def forget_rendered() -> None:
    global _rendered  # noqa: PLW0603
    _rendered = (float("-inf"), b"")


def _render() -> bytes:
    now = database_now_ms()
    lines: dict[str, list[str]] = {name: [] for name in FAMILIES}
    rows = (
        watched()
        .order_by("entity_id", "id")
        .values_list("id", "entity__name", "name", "state", "fresh_until_ms", "instance_count", "failure_share")[
            :BREAKERS_MAX
        ]
    )
    refused = dict(
        BreakerInstance.objects.filter(not_permitted__isnull=False)
        .order_by()
        .values_list("breaker_id")
        .annotate(total=Sum("not_permitted"))
    )
    for pk, entity, name, stored, fresh_until_ms, instances, share in rows:
        labels = f'entity="{entity}",breaker="{_escape(name)}"'
        now_in = state_at(stored, fresh_until_ms, now)
        lines[_STATE] += [
            f'{_STATE}{{{labels},state="{state.value}"}} {int(state is now_in)}\n' for state in BreakerState
        ]
        lines[_INSTANCES].append(f"{_INSTANCES}{{{labels}}} {instances}\n")
        if share is not None and now_in is not BreakerState.UNKNOWN:
            lines[_SHARE].append(f"{_SHARE}{{{labels}}} {share:g}\n")
        if pk in refused:
            lines[_REFUSED].append(f"{_REFUSED}{{{labels}}} {refused[pk]}\n")
    heads = {name: f"# HELP {name} {text}\n# TYPE {name} {kind}\n" for name, (kind, text) in FAMILIES.items()}
    return "".join(part for name, found in lines.items() if found for part in (heads[name], *found)).encode()


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
