"""The strip of the last results."""

from core.clock import from_ms
from ops.dashboard.strip import HEIGHT, RESULTS, draw_strip
from ops.health.selectors import ResultRow


def result(number: int, outcome: str = "healthy", duration_ms: float = 100) -> ResultRow:
    at = from_ms(number * 30_000)
    return ResultRow(slot=at, started_at=at, outcome=outcome, duration_ms=duration_ms, message="")


def test_the_newest_result_stands_right_and_gaps_left() -> None:
    strip = draw_strip([result(2, "unhealthy"), result(1)], limit_ms=None)

    assert [bar.outcome for bar in strip.bars] == [""] * (RESULTS - 2) + ["healthy", "unhealthy"]
    assert strip.summary == "Last 2 results: 1 healthy, 1 unhealthy"


def test_heights_are_durations_below_the_limit() -> None:
    strip = draw_strip([result(2, duration_ms=500), result(1, duration_ms=250)], limit_ms=1_000)

    limit = HEIGHT - (strip.limit_y or 0)
    assert [round(bar.height / limit, 2) for bar in strip.bars[-2:]] == [0.25, 0.5]


def test_an_unhealthy_result_is_seen_however_fast_it_failed() -> None:
    assert draw_strip([result(1, "unhealthy", 0.4)], limit_ms=500).bars[-1].height == HEIGHT


def test_nothing_is_said_of_a_check_without_results() -> None:
    strip = draw_strip([], limit_ms=500)

    assert (strip.summary, strip.limit_y) == ("No result yet", None)
