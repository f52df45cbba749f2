"""Durations are read as people write them, and written so that they read the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.durations import describe_duration_ms, format_duration_ms, parse_duration_ms


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("300ms", 300), ("30s", 30_000), ("5m", 300_000), ("48h", 172_800_000), ("30d", 2_592_000_000), ("1m30s", 90_000),
     ("1.5s", 1_500), (" 2s ", 2_000), ("30", 30_000), (30, 30_000), (0.5, 500), ("0s", 0)],
)  # fmt: skip
def test_reads_a_duration(text: str | float, milliseconds: int) -> None:
    assert parse_duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "s", "5 s", "-5s", "5x", "5s5", "٣s", "1e3", "9" * 13 + "d", -1, True, float("nan"), 1e300]
)
def test_refuses_what_is_no_duration(text: str | float) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration_ms(text)


@pytest.mark.parametrize("text", ["3651d", "999999d", "36500d", 3650 * 86_400 + 1])
def test_says_how_long_is_too_long(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"^expected at most 3650d$"):
        parse_duration_ms(text)


@pytest.mark.parametrize("text", ["300ms", "30s", "90s", "5m", "48h", "30d", "1500ms", "0s"])
def test_comes_back_as_it_was_written(text: str) -> None:
    assert format_duration_ms(parse_duration_ms(text)) == text


@given(st.integers(min_value=0, max_value=3650 * 86_400_000))
def test_round_trips_every_duration(milliseconds: int) -> None:
    assert parse_duration_ms(format_duration_ms(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(812, "812 ms"), (5_000, "5 s"), (90_000, "90 s"), (150_000, "2.5 min"), (47 * 3_600_000, "47 h"),
     (12 * 86_400_000, "12 days"), (-3_600_000, "-60 min")],
)  # fmt: skip
def test_is_described_in_few_digits(milliseconds: int, words: str) -> None:
    assert describe_duration_ms(milliseconds) == words
