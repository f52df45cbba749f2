"""Why an entity is not healthy, one line for each check, queue and breaker, and one for all of its errors."""

from collections.abc import Iterable
from dataclasses import dataclass

from entities.status import StatusReason


@dataclass(frozen=True, slots=True)
class Reason:
    """What says what; ``more`` counts those of the same name that it stands for."""

    name: str
    message: str
    more: int


def fold_reasons(reasons: Iterable[StatusReason]) -> tuple[Reason, ...]:
    """Ten errors would otherwise hide the queue that is full."""
    groups: dict[tuple[str, str], list[StatusReason]] = {}
    for reason in reasons:
        groups.setdefault((reason.signal, reason.name), []).append(reason)
    return tuple(Reason(first.name, first.message or first.status, more=len(rest)) for first, *rest in groups.values())
