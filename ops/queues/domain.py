"""How what was seen of a queue becomes a status. Pure: no database, no clock; times are milliseconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from core.durations import describe_duration_ms
from ops.signals.domain import Status

BREACH_WITHIN_MS = 900_000
SAMPLES_FOR_GROWTH = 4
STEADY = 0.85
"""How much of the change a line must explain (the coefficient of determination) to be called growth: one that came in
a single jump is none."""
RECENT_SAMPLES = 10
"""So many samples, the newest included, say how a queue grows and how much goes through it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a queue is degraded (``warn_*``, a breach to come) and when unhealthy; None: whatever it is, it is fine.

    ``breach_within_ms`` is how far a forecast of the size looks for the breach of ``max_size``; 0 turns it off.
    """

    max_size: int | None = None
    max_age_ms: int | None = None
    warn_size: int | None = None
    warn_age_ms: int | None = None
    min_consumers: int | None = None
    breach_within_ms: int = BREACH_WITHIN_MS


class Sample(NamedTuple):
    """One look at a queue, at its slot; None is what its source cannot tell. ``added`` and ``removed`` count up."""

    at_ms: int
    size: int
    oldest_age_ms: int | None = None
    consumers: int | None = None
    added: int | None = None
    removed: int | None = None


class Rates(NamedTuple):
    """Messages a second; None where nothing is known yet."""

    in_per_second: float | None = None
    out_per_second: float | None = None


class Judgement(NamedTuple):
    status: Status
    message: str = ""
    breach_in_ms: int | None = None


def judge(sample: Sample, before: Sequence[Sample], limits: Limits) -> Judgement:
    """What a look says, with the samples ``before`` it, the oldest first. The message names every limit that is hit."""
    breach_in = _breach_in_ms([*before, sample], limits)
    crowded = _over("{} waiting, limit {}", sample.size, limits.max_size, limits.warn_size, str)
    found = [
        *crowded,
        *_over(
            "the oldest waits {}, limit {}",
            sample.oldest_age_ms,
            limits.max_age_ms,
            limits.warn_age_ms,
            describe_duration_ms,
        ),
    ]
    if limits.min_consumers is not None and sample.consumers is not None and sample.consumers < limits.min_consumers:
        count = "no consumers" if sample.consumers == 0 else f"{sample.consumers} of {limits.min_consumers} consumers"
        found.append((Status.UNHEALTHY, count))
    if breach_in is not None and breach_in <= limits.breach_within_ms:
        in_words = describe_duration_ms(round(breach_in / 60_000) * 60_000 or 60_000)
        size = "" if crowded else f"{sample.size} waiting, "
        found.append((Status.DEGRADED, f"{size}will breach {limits.max_size} in {in_words} at this rate"))
    worst = max((status for status, _ in found), default=Status.HEALTHY)
    ranked = sorted(found, key=lambda item: -item[0])
    return Judgement(worst, "; ".join(message for _, message in ranked), breach_in)


def _over(
    text: str, value: int | None, limit: int | None, softer: int | None, describe: Callable[[int], str]
) -> list[tuple[Status, str]]:
    if value is not None and limit is not None and value > limit:
        return [(Status.UNHEALTHY, text.format(describe(value), describe(limit)))]
    if value is not None and softer is not None and value > softer:
        return [(Status.DEGRADED, text.format(describe(value), describe(softer)))]
    return []


def _breach_in_ms(samples: Sequence[Sample], limits: Limits) -> int | None:
    """When the size will be over ``max_size``, as it grows now; None when it does not grow, or is over it already."""
    if limits.max_size is None or not limits.breach_within_ms or samples[-1].size > limits.max_size:
        return None
    slope = growth_per_ms(samples)
    if slope is None or slope <= 0:
        return None
    return max(0, round((limits.max_size + 1 - samples[-1].size) / slope))


def growth_per_ms(samples: Sequence[Sample]) -> float | None:
    """The slope of the line that fits the sizes best (least squares); None with too few, or when none fits well."""
    recent = samples[-RECENT_SAMPLES:]
    if len(recent) < SAMPLES_FOR_GROWTH:
        return None
    middle = sum(sample.at_ms for sample in recent) / len(recent)
    mean = sum(sample.size for sample in recent) / len(recent)
    spread = sum((sample.at_ms - middle) ** 2 for sample in recent)
    variation = sum((sample.size - mean) ** 2 for sample in recent)
    together = sum((sample.at_ms - middle) * (sample.size - mean) for sample in recent)
    if not spread or not variation or together**2 < STEADY * spread * variation:
        return None
    return together / spread


def rates(samples: Sequence[Sample]) -> Rates:
    """What went in and out a second over the recent samples, the oldest first.

    By the source's counters, of which one gives the other with the size. Without any it is what the sizes show: a
    message that came and went between two looks is not seen. A counter that fell back began anew, and that step is
    left out.
    """
    recent = samples[-RECENT_SAMPLES:]
    into = out = 0
    elapsed = 0
    for before, after in pairwise(recent):
        step = _step(before, after)
        if step is None:
            continue
        into, out = into + step[0], out + step[1]
        elapsed += after.at_ms - before.at_ms
    if elapsed <= 0:
        return Rates()
    return Rates(round(into * 1_000 / elapsed, 3), round(out * 1_000 / elapsed, 3))


def _step(before: Sample, after: Sample) -> tuple[int, int] | None:
    grown = after.size - before.size
    added = None if before.added is None or after.added is None else after.added - before.added
    removed = None if before.removed is None or after.removed is None else after.removed - before.removed
    if (added is not None and added < 0) or (removed is not None and removed < 0):
        return None
    if added is None and removed is None:
        return max(grown, 0), max(-grown, 0)
    if added is None:
        assert removed is not None
        return max(removed + grown, 0), removed
    if removed is None:
        return added, max(added - grown, 0)
    return added, removed
