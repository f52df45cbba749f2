"""The strip of the last results."""

import re

from ops.dashboard.strip import HEIGHT, RESULTS, Strip, draw_strip
from ops.health.selectors import OutcomeRow


def heights(strip: Strip, outcome: str) -> list[float]:
    path = next(bars.path for bars in strip.bars if bars.outcome == outcome)
    return [float(height) for height in re.findall(r"v-([0-9.]+)", path)]


def places(strip: Strip, outcome: str) -> list[int]:
    path = next(bars.path for bars in strip.bars if bars.outcome == outcome)
    return [int(x) // 8 for x in re.findall(r"M([0-9]+) ", path)]


def test_the_newest_result_stands_right_and_gaps_left() -> None:
    strip = draw_strip([OutcomeRow("unhealthy", 1), OutcomeRow("healthy", 100)], limit_ms=None)

    assert places(strip, "gap") == list(range(RESULTS - 2))
    assert places(strip, "healthy") == [RESULTS - 2]
    assert places(strip, "unhealthy") == [RESULTS - 1]
    assert strip.summary == "Last 2 results: 1 healthy, 1 unhealthy"


def test_heights_are_durations_below_the_limit() -> None:
    strip = draw_strip([OutcomeRow("healthy", 500), OutcomeRow("healthy", 250)], limit_ms=1_000)

    limit = HEIGHT - (strip.limit_y or 0)
    assert [round(height / limit, 2) for height in heights(strip, "healthy")] == [0.25, 0.5]


def test_an_unhealthy_result_is_seen_however_fast_it_failed() -> None:
    assert heights(draw_strip([OutcomeRow("unhealthy", 0.4)], limit_ms=500), "unhealthy") == [HEIGHT]


def test_nothing_is_said_of_a_check_without_results() -> None:
    strip = draw_strip([], limit_ms=500)

    assert (strip.summary, strip.limit_y) == ("No result yet", None)
