"""Ninety days as bars, and each day in words."""

import datetime as dt

import pytest

from ops.dashboard.intervals import draw_band
from ops.dashboard.time_range import TimeRange
from ops.dashboard.uptime import HEIGHT, UptimeFact, draw_days, ratio_words, tell_windows
from ops.health.selectors.history import DayUptime, StateInterval, WindowUptime
from ops.signals.domain import Status

DAY = dt.date(2026, 11, 1)


def day(
    number: int, ratio: float | None, worst: Status | None = Status.HEALTHY, down: int = 0, *, known: int = 86_400
) -> DayUptime:
    known = 0 if ratio is None else known
    return DayUptime(DAY + dt.timedelta(days=number), ratio, worst, 0 if ratio is None else 2_880, down, known)


def test_each_day_is_told_in_words() -> None:
    days = draw_days(
        [
            day(0, None, None),
            day(1, 1.0),
            day(2, 1.0, Status.DEGRADED),
            day(3, 0.9995, Status.UNHEALTHY, 43),
        ]
    )

    assert days.texts.split("|") == [
        "no data",
        "100 % up",
        "100 % up, degraded at worst",
        "99.95 % up, unhealthy for 43 s",
    ]
    assert (days.first, days.last, days.last_text) == ("2026-11-01", 3, "99.95 % up, unhealthy for 43 s")
    assert days.summary == "99.98 % over 3 d"


def test_figures_of_a_young_check_say_on_how_much_they_rest() -> None:
    days = draw_days([day(0, None, None), day(1, 0.5, Status.UNHEALTHY, 720, known=1_440)])
    minutes = 24 * 60_000

    assert days.texts == "no data|50.0 % up over 24 min, unhealthy for 12 min"
    assert days.summary == "50.0 % over 24 min"
    assert tell_windows(
        {"1h": WindowUptime(3_600_000, minutes, 0.5), "24h": WindowUptime(86_400_000, minutes, 0.5)}
    ) == [UptimeFact("1h", "50.0 %", "over 24 min", is_worse=True), UptimeFact("24h", "", "", is_worse=False)]


def test_a_window_that_is_known_needs_no_word_on_what_it_rests_on() -> None:
    windows = {"1h": WindowUptime(3_600_000, 3_590_000, 1.0), "24h": WindowUptime(86_400_000, 0, None)}

    assert tell_windows(windows) == [
        UptimeFact("1h", "100 %", "", is_worse=False),
        UptimeFact("24h", "", "", is_worse=False),
    ]


def test_a_short_outage_is_still_seen_and_a_whole_day_down_is_all_red() -> None:
    [short] = [bars for bars in draw_days([day(0, 0.99999, Status.UNHEALTHY, 1)]).bars if bars.outcome == "unhealthy"]
    whole = draw_days([day(0, 0.0, Status.UNHEALTHY, 86_400)]).bars

    assert short.path.startswith("M0 0h6v7")
    assert [(bars.outcome, bars.path) for bars in whole] == [("unhealthy", f"M0 0h6v{HEIGHT}h-6z")]


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.0, "100 %"), (0.999999, "99.99 %"), (0.9995, "99.95 %"), (0.5, "50.0 %"), (0.0, "0.0 %")]
)
def test_a_ratio_is_never_rounded_up_to_a_hundred(ratio: float, words: str) -> None:
    assert ratio_words(ratio) == words


def test_states_become_a_band_and_a_list_newest_first() -> None:
    found = [
        StateInterval(Status.HEALTHY, 0, 600_000),
        StateInterval(Status.UNHEALTHY, 600_000, 601_000),
        StateInterval(Status.HEALTHY, 601_000, 1_000_000),
    ]

    band = draw_band(found, TimeRange("", 0, 1_000_000))

    assert [(item.status, item.duration, item.is_open) for item in band.intervals] == [
        ("healthy", "6 min", True),
        ("unhealthy", "1 s", False),
        ("healthy", "10 min", False),
    ]
    assert [bars.outcome for bars in band.bars] == ["healthy", "unhealthy"]
    assert "h2.0v" in band.bars[1].path


def test_the_time_before_a_check_was_there_is_a_gap() -> None:
    found = [StateInterval(Status.UNKNOWN, 0, 600_000), StateInterval(Status.UNHEALTHY, 600_000, 1_000_000)]

    band = draw_band(found, TimeRange("", 0, 1_000_000), born_ms=590_000)

    assert [(item.status, item.duration) for item in band.intervals] == [("unhealthy", "6 min"), ("unknown", "10 s")]
    assert [(bars.outcome, bars.path.partition("h")[0]) for bars in band.bars] == [
        ("unknown", "M590.0 0"), ("unhealthy", "M600.0 0")
    ]  # fmt: skip
    assert draw_band(found[:1], TimeRange("", 0, 600_000), born_ms=600_000).summary == ""


def test_what_is_known_of_the_time_before_a_row_was_made_is_shown() -> None:
    found = [StateInterval(Status.HEALTHY, 0, 600_000)]

    assert len(draw_band(found, TimeRange("", 0, 600_000), born_ms=500_000).bars[0].path) > 0
    assert draw_band(found, TimeRange("", 0, 600_000), born_ms=500_000).intervals[0].duration == "10 min"
