"""How values are written on pages: statuses, moments, durations. Everything given is escaped."""

import datetime as dt
from urllib.parse import quote

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from core.clock import now_ms, to_ms

register = template.Library()

_ABBREVIATIONS = frozenset({"dns", "dsn", "id", "ip", "sni", "sql", "tls", "url"})
STATUS_WORDS = ("unhealthy", "degraded", "unknown", "impacted", "maintenance", "paused", "healthy")


def duration_words(seconds: float) -> str:
    """A duration as people say it: ``42 s``, ``6 min``, ``11 h``, ``3 d``. ``static/js/live.js`` says the same."""
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    if seconds < 3_600:
        return f"{int(seconds // 60)} min"
    if seconds < 172_800:
        return f"{int(seconds // 3_600)} h"
    return f"{int(seconds // 86_400)} d"


def latency_words(ms: float) -> str:
    """``0.8 ms``, ``23 ms``, ``1.24 s``: three digits that mean something."""
    if ms < 10:
        return f"{ms:.1f} ms"
    return f"{ms:.0f} ms" if ms < 1_000 else f"{ms / 1_000:.2f} s"


def period_words(ms: int) -> str:
    """A configured period without rounding: ``300 ms``, ``30 s``, ``1 h 30 min``."""
    if ms % 1_000:
        return f"{ms:,} ms"
    parts = []
    rest = ms // 1_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"


@register.simple_tag
def trace_link(trace_id: str) -> SafeString | str:
    """The id of a trace; a link to it where the operator said which system keeps traces."""
    template: str | None = settings.TRACE_URL
    if template is None or not trace_id:
        return trace_id
    return format_html(
        '<a href="{}" rel="noreferrer">{}</a>', template.replace("{trace_id}", quote(trace_id, safe="")), trace_id
    )


@register.filter
def number(value: int) -> str:
    """A count as everything that stands on a page: ``1,204``."""
    return f"{value:,}"


@register.filter
def latency(ms: float | None) -> str:
    """Empty for a duration of nothing: no probe takes no time, a ping that only came or a composite measured none."""
    return latency_words(ms) if ms else ""


@register.filter
def label(name: str) -> str:
    """The name of a field as a label: ``verify tls`` becomes ``Verify TLS``."""
    words = [word.upper() if word in _ABBREVIATIONS else word for word in name.split()]
    said = " ".join(words)
    return said[:1].upper() + said[1:]


@register.filter
def period(ms: int | None) -> str:
    return "" if ms is None else period_words(ms)


@register.filter
def duration(seconds: float | None) -> str:
    return "" if seconds is None else duration_words(seconds)


_GLYPHS = {
    word: mark_safe(  # noqa: S308 - nothing but our own words
        f'<svg class="glyph" data-status="{word}" aria-hidden="true"><use href="#g-{word}"></use></svg>'
    )
    for word in STATUS_WORDS
}
_STATUSES = {
    word: mark_safe(  # noqa: S308 - nothing but our own words
        f'<span class="status" data-status="{word}">'
        f'<svg class="glyph" aria-hidden="true"><use href="#g-{word}"></use></svg>{word.capitalize()}</span>'
    )
    for word in STATUS_WORDS
}


@register.simple_tag
def glyph(word: str) -> SafeString:
    """The shape of a status. It is decoration: a word always stands beside it."""
    return _GLYPHS.get(word, _GLYPHS["unknown"])


@register.simple_tag
def status(word: str) -> SafeString:
    """A status as glyph, word and colour."""
    return _STATUSES.get(word, _STATUSES["unknown"])


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true"><use href="#i-{}"></use></svg>', name
    )


@register.simple_tag
def since(moment: dt.datetime | None) -> SafeString | str:
    """How long ago, ticking: ``3 min``; the title holds the moment in UTC, the browser adds local time."""
    return _time(moment, form="for")


@register.simple_tag
def ago(moment: dt.datetime | None) -> SafeString | str:
    """``3 min ago``, ticking."""
    return _time(moment, form="ago")


@register.simple_tag
def until(moment: dt.datetime | None) -> SafeString | str:
    """``in 20 s``, ticking; ``now`` once the moment has come."""
    return _time(moment, form="until")


@register.simple_tag
def moment(at: dt.datetime) -> SafeString:
    """Date and time of day in UTC, as everything that stands on a page; the date is left out today."""
    at = at.astimezone(dt.UTC)
    shown = f"{at:%H:%M:%S}" if to_ms(at) // 86_400_000 == now_ms() // 86_400_000 else f"{at:%d %b, %H:%M:%S}"
    return format_html(
        '<time datetime="{}" data-ms="{}" data-form="at" title="{}">{}</time>',
        at.isoformat(), to_ms(at), _title(at), shown,
    )  # fmt: skip


def _time(moment: dt.datetime | None, *, form: str) -> SafeString | str:
    if moment is None:
        return ""
    at = to_ms(moment)
    shown = _tick(form, (now_ms() - at) / 1_000)
    return mark_safe(  # noqa: S308 - numbers and our own words
        f'<time datetime="{moment.isoformat()}" data-ms="{at}" data-form="{form}" title="{_title(moment)}">'
        f"{shown}</time>"
    )


def _tick(form: str, seconds: float) -> str:
    """``static/js/live.js`` says the same."""
    if form == "until":
        return f"in {duration_words(-seconds)}" if seconds < 0 else "now"
    return f"{duration_words(seconds)} ago" if form == "ago" else duration_words(seconds)


def _title(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%d %b %Y, %H:%M:%S} UTC"
