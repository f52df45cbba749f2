"""The charts of a queue: how much waits, and how long the oldest of it does."""

from collections.abc import Sequence
from itertools import pairwise

from django.urls import reverse

from core.clock import to_ms
from core.permissions import Principal
from core.templatetags.display import period_words
from ops.dashboard.charts import Chart, ChartData, Limit, Line, Values, place_url
from ops.dashboard.queue_listing import age_words
from ops.dashboard.time_range import TimeRange
from ops.queues.domain import Limits
from ops.queues.selectors import QueueRow, SamplePoint, queue_samples

EMPTY = "Nothing was seen in this time. Choose a longer range."
_MISSED_LOOKS = 3
"""So many looks without an answer are a gap."""


def place_depth_chart(queue: QueueRow, time_range: TimeRange) -> Chart:
    return _place(queue, time_range, "queue-depth", f"Messages waiting in {queue.name}")


def place_age_chart(queue: QueueRow, time_range: TimeRange) -> Chart:
    return _place(queue, time_range, "queue-age", f"Age of the oldest message in {queue.name}")


def _place(queue: QueueRow, time_range: TimeRange, view: str, title: str) -> Chart:
    newest_ms = 0 if queue.seen_at is None else to_ms(queue.seen_at)
    url = place_url(reverse(view, args=[queue.uid]), time_range, newest_ms=newest_ms, version=queue.version)
    return Chart(f"{view}-{queue.uid}", title, url)


def read_depth(queue: QueueRow, limits: Limits, time_range: TimeRange, *, principal: Principal) -> ChartData:
    step_ms, points = _read(queue, time_range, principal)
    lines = [Line("waiting" if not step_ms else "mean", [None if point is None else point.size for point in points])]
    if step_ms:
        lines.append(Line("most", [None if point is None else point.size_max for point in points]))
    highest = max((point.size_max for point in points if point is not None), default=None)
    drawn = [
        Limit(value, f"{word} over {value:,}", tone)
        for value, word, tone in (
            (limits.max_size, "unhealthy", "unhealthy"),
            (limits.warn_size, "degraded", "degraded"),
        )
        if value is not None
    ]
    return ChartData(
        from_ms=time_range.since_ms,
        to_ms=time_range.until_ms,
        unit="messages",
        start_ms=_moments(points, time_range),
        lines=lines,
        limits=drawn,
        summary=_summarize("" if highest is None else f"{highest:,} waiting at most", drawn),
        empty=EMPTY,
    )


def read_age(queue: QueueRow, limits: Limits, time_range: TimeRange, *, principal: Principal) -> ChartData:
    _, points = _read(queue, time_range, principal)
    ages: Values = [None if point is None else point.oldest_age_seconds for point in points]
    highest = max((age for age in ages if age is not None), default=None)
    drawn = [
        Limit(value_ms / 1_000, f"{word} over {period_words(value_ms)}", tone)
        for value_ms, word, tone in (
            (limits.max_age_ms, "unhealthy", "unhealthy"),
            (limits.warn_age_ms, "degraded", "degraded"),
        )
        if value_ms is not None
    ]
    return ChartData(
        from_ms=time_range.since_ms,
        to_ms=time_range.until_ms,
        unit="s",
        start_ms=_moments(points, time_range),
        lines=(Line("oldest", ages),),
        limits=drawn,
        summary=_summarize("" if highest is None else f"the oldest waited {age_words(highest)} at most", drawn),
        empty="No age was seen in this time. A source tells it only while something waits, and not every source can.",
    )


def _summarize(highest: str, limits: Sequence[Limit]) -> str:
    return ", ".join(part for part in (highest, *(limit.words for limit in limits)) if part)


def _read(queue: QueueRow, time_range: TimeRange, principal: Principal) -> tuple[int, list[SamplePoint | None]]:
    """The length of a point's time, 0 for single looks, and the points; None stands for a gap."""
    series = queue_samples(
        principal=principal, uid=queue.uid, since_ms=time_range.since_ms, until_ms=time_range.until_ms
    )
    step_ms = series.step_seconds * 1_000
    longest_ms = max(step_ms, queue.interval_ms) * _MISSED_LOOKS
    points: list[SamplePoint | None] = list(series.points[:1])
    for before, after in pairwise(series.points):
        if to_ms(after.at) - to_ms(before.at) > longest_ms:
            points.append(None)
        points.append(after)
    return step_ms, points


def _moments(points: Sequence[SamplePoint | None], time_range: TimeRange) -> list[int]:
    """Of each point; of a gap a moment after the point before it."""
    moments: list[int] = []
    for point in points:
        last = moments[-1] if moments else time_range.since_ms
        moments.append(last + 1 if point is None else to_ms(point.at))
    return moments
