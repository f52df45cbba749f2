"""A trial as its card on the form shows it."""

from dataclasses import dataclass

from core.templatetags.display import latency_words
from ops.health.trials import Trial

_FACTS = {
    "STATUS": "Status",
    "IP": "Address",
    "CERTIFICATE_EXPIRATION": "Certificate ends in",
    "CONNECTED": "Connected",
}
_TOLD_ELSEWHERE = frozenset({"BODY", "RESPONSE_TIME"})
_WIDTH = 100.0
_NARROWEST = 0.6


@dataclass(frozen=True, slots=True)
class PhaseBar:
    """``start`` and ``width`` in hundredths of the whole."""

    name: str
    took: str
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class ConditionLine:
    shown: str
    ok: bool
    degrades: bool
    word: str


@dataclass(frozen=True, slots=True)
class TrialCard:
    word: str
    took: str
    message: str
    phases: tuple[PhaseBar, ...]
    conditions: tuple[ConditionLine, ...]
    facts: tuple[tuple[str, str], ...]
    body: str


def show_trial(trial: Trial) -> TrialCard:
    return TrialCard(
        word=trial.outcome.name.lower(),
        took=latency_words(trial.duration_us / 1_000),
        message=trial.message,
        phases=_bars(trial),
        conditions=tuple(
            ConditionLine(
                item.shown,
                item.ok,
                item.degrades,
                "healthy" if item.ok else "degraded" if item.degrades else "unhealthy",
            )
            for item in trial.conditions
        ),
        facts=tuple(
            (_FACTS.get(name, name.replace("_", " ").capitalize()), value)
            for name, value in trial.values.items()
            if name not in _TOLD_ELSEWHERE
        ),
        body=trial.values.get("BODY", ""),
    )


def _bars(trial: Trial) -> tuple[PhaseBar, ...]:
    whole = sum(trial.phases.values())
    bars, start = [], 0.0
    for name, seconds in trial.phases.items():
        width = _WIDTH * seconds / whole
        bars.append(
            PhaseBar(name, latency_words(seconds * 1_000), f"{start:.2f}", f"{max(width - 0.4, _NARROWEST):.2f}")
        )
        start += width
    return tuple(bars)
