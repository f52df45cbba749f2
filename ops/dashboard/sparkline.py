"""A trend in one word's room: a bar for each hour, the running one last."""

from collections.abc import Sequence

from django.utils.safestring import SafeString, mark_safe

STEP, BAR, HEIGHT = 4, 3, 20
_BASE = 1


def draw_sparkline(hourly: Sequence[int], *, what: str = "events") -> SafeString:
    """``hourly`` counts each hour; the tallest fills the height, an hour without any leaves its place on the line."""
    top = max(hourly, default=0) or 1
    base: list[str] = []
    bars: list[str] = []
    for place, count in enumerate(hourly):
        height = max(round(count / top * HEIGHT, 1), 2) if count else _BASE
        (bars if count else base).append(f"M{place * STEP} {HEIGHT}v-{height}h{BAR}v{height}z")
    said = f"{sum(hourly):,} {what} in {len(hourly)} hours, {max(hourly, default=0):,} in the busiest"
    return mark_safe(  # noqa: S308 - numbers and our own words
        f'<svg class="spark" viewBox="0 0 {len(hourly) * STEP - (STEP - BAR)} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{said}"><path class="spark-none" d="{"".join(base)}"/>'
        f'<path d="{"".join(bars)}"/></svg>'
    )
