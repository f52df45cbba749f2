"""A trial as its card on the form shows it."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.durations import describe_duration_ms
from core.templatetags.display import latency_words
from ops.queues.sources.source import Reading
from ops.queues.trials import LimitTrial, QueueTrial

_COUNTS = (
    ("In work", "unacked"),
    ("Scheduled", "scheduled"),
    ("Dead", "dead"),
    ("Came in so far", "added"),
    ("Went out so far", "removed"),
)
_PARTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class LimitLine:
    """``word`` is the status that its glyph stands for."""

    shown: str
    word: str
    verdict: str


@dataclass(frozen=True, slots=True)
class TrialCard:
    """``message`` says why it could not be read; of what was read, the limits say it all."""

    word: str
    took: str
    message: str
    limits: tuple[LimitLine, ...]
    facts: tuple[tuple[str, str], ...]


def show_trial(trial: QueueTrial) -> TrialCard:
    return TrialCard(
        word=trial.status.word,
        took=latency_words(trial.duration_us / 1_000),
        message=trial.message if trial.reading is None else "",
        limits=tuple(_line(limit) for limit in trial.limits),
        facts=tuple(_facts(trial.reading)) if trial.reading else (),
    )


def _line(limit: LimitTrial) -> LimitLine:
    if limit.ok is None:
        return LimitLine(limit.shown, "unknown", "cannot be judged")
    if limit.ok:
        return LimitLine(limit.shown, "healthy", "holds")
    return LimitLine(limit.shown, "degraded" if limit.degrades else "unhealthy", "does not hold")


def _facts(reading: Reading) -> Iterator[tuple[str, str]]:
    """What the source told, with units; what it cannot tell is left out, and parts without any."""
    yield "Waiting", _messages(reading.size)
    if reading.oldest_age_seconds is not None:
        yield "Oldest", describe_duration_ms(max(0, round(reading.oldest_age_seconds * 1_000)))
    if reading.consumers is not None:
        yield "Consumers", f"{reading.consumers:,}"
    for label, name in _COUNTS:
        if (count := getattr(reading, name)) is not None:
            yield label, _messages(count)
    filled = [(name, size) for name, size in reading.parts.items() if size]
    for name, size in filled[:_PARTS_SHOWN]:
        yield name, _messages(size)
    if (more := len(filled) - _PARTS_SHOWN) > 0:
        yield "Besides", f"{more:,} more parts"


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"
