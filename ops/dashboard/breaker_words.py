"""How pages draw and say the states of breakers, of the fleet's and of our own. Everything given is escaped."""

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape

from django.utils.safestring import SafeString, mark_safe

from ops.breakers.domain import BreakerState
from ops.breakers.selectors import InstanceRow

DOTS_MAX, DOTS_BRIEF = 12, 5

TONES: Mapping[str, str] = {
    BreakerState.OPEN: "degraded",
    BreakerState.FORCED_OPEN: "degraded",
    BreakerState.HALF_OPEN: "degraded",
    BreakerState.CLOSED: "healthy",
    BreakerState.DISABLED: "paused",
    BreakerState.METRICS_ONLY: "paused",
    BreakerState.UNKNOWN: "unknown",
}
"""The colour of each state, named by the status that has it. What protects nothing is not shown as healthy."""

MEANINGS: Mapping[str, str] = {
    BreakerState.OPEN: "Calls are refused at once.",
    BreakerState.FORCED_OPEN: "Somebody forced it: calls are refused, whatever would come of them.",
    BreakerState.HALF_OPEN: "A few calls go through; how they end decides whether it closes.",
    BreakerState.CLOSED: "Calls go through.",
    BreakerState.DISABLED: "Every call goes through, however many fail.",
    BreakerState.METRICS_ONLY: "It counts, and never refuses a call.",
    BreakerState.UNKNOWN: "Whether it refuses calls is not known.",
}


def state_words(word: str) -> str:
    """``half-open`` for ``half_open``; unknown for what is no state."""
    return BreakerState(word).words if word in TONES else BreakerState.UNKNOWN.words


def state_glyph(word: str, css: str = "glyph") -> SafeString:
    """The shape of a state. It is decoration: a word always stands beside it."""
    known = word if word in TONES else BreakerState.UNKNOWN.value
    return mark_safe(  # noqa: S308 - nothing but our own words
        f'<svg class="{css}" data-status="{TONES[known]}" aria-hidden="true"><use href="#b-{known}"></use></svg>'
    )


def state_mark(word: str) -> SafeString:
    """A state as glyph, word and colour."""
    tone = TONES.get(word, TONES[BreakerState.UNKNOWN])
    return mark_safe(  # noqa: S308 - nothing but our own words
        f'<span class="status" data-status="{tone}">{state_glyph(word)}{state_words(word).capitalize()}</span>'
    )


def share_words(share: float | None) -> str:
    """``12 %``, ``0.4 %``; empty where nobody tells."""
    if share is None:
        return ""
    percent = share * 100
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def rate_words(per_minute: float | None) -> str:
    """``1,204 /min``, ``0.4 /min``; empty where nobody tells."""
    if per_minute is None:
        return ""
    return f"{per_minute:.1f} /min" if 0 < per_minute < 10 else f"{per_minute:,.0f} /min"


def instance_dots(instances: Iterable[InstanceRow], count: int, *, most: int = DOTS_MAX) -> SafeString:
    """A shape for each of the first instances, those in most trouble first; read out as ``2 open, 3 closed``."""
    known = list(instances)
    shown = known[:most]
    told = ", ".join(f"{number} {state_words(word)}" for word, number in Counter(row.state for row in known).items())
    more = count - len(shown)
    dots = "".join(
        f'<span title="{escape(row.instance or "its only instance")}: {state_words(row.state)}">'
        f"{state_glyph(row.state, 'breaker-dot')}</span>"
        for row in shown
    )
    rest = f'<span class="muted small">+{more:,}</span>' if more > 0 else ""
    return mark_safe(f'<span class="breaker-dots" role="img" aria-label="{told}">{dots}{rest}</span>')  # noqa: S308


def place_words(*, matching: int, count: int, silent: int, is_unknown: bool) -> str:
    """``on 2 of 5 instances, 1 silent``; empty for a breaker of one instance."""
    parts = [f"on {matching:,} of {count:,} instances"] if count > 1 else []
    if silent and not is_unknown:
        parts.append(f"{silent:,} silent")
    return ", ".join(parts)


def own_reason(reason: str) -> str:
    """Why a breaker of ours is in its state, with people called by their names."""
    return reason.replace("(user:", "(").replace("by user:", "by ")
