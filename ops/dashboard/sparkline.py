"""A trend in one word's room: a bar for each step of time, the running one last."""

from collections.abc import Sequence

from django.utils.safestring import SafeString, mark_safe

STEP, BAR, HEIGHT = 4, 3, 20
_BASE = 1


def draw_sparkline(hourly: Sequence[int], *, what: str = "events") -> SafeString:
    """``hourly`` counts each hour; the tallest fills the height, an hour without any leaves its place on the line."""
    said = f"{sum(hourly):,} {what} in {len(hourly)} hours, {max(hourly, default=0):,} in the busiest"
    return draw_bars(hourly, said=said)


def draw_bars(values: Sequence[float | None], *, said: str) -> SafeString:
    """As ``draw_sparkline``, with words of ours alone in ``said``; a step of which nothing is known is left out."""
    top = max((value for value in values if value is not None), default=0) or 1
    base: list[str] = []
    bars: list[str] = []
    for place, count in enumerate(values):
        if count is None:
            continue
        height = max(round(count / top * HEIGHT, 1), 2) if count else _BASE
        (bars if count else base).append(f"M{place * STEP} {HEIGHT}v-{height}h{BAR}v{height}z")
    return mark_safe(  # noqa: S308 - numbers and our own words
        f'<svg class="spark" viewBox="0 0 {len(values) * STEP - (STEP - BAR)} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{said}"><path class="spark-none" d="{"".join(base)}"/>'
        f'<path d="{"".join(bars)}"/></svg>'
    )
