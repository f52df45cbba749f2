"""How values are written on pages."""

import pytest
from pytest_django.fixtures import Settings

from core.clock import from_ms, now_ms
from core.templatetags.display import (
    duration_words,
    label,
    latency,
    latency_words,
    moment,
    period_words,
    since,
    status,
    trace_link,
    until,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (0.4, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 h"), (172_800, "2 d")],
)
def test_durations_are_written_as_people_say_them(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(("ms", "words"), [(0.84, "0.8 ms"), (23.4, "23 ms"), (999.4, "999 ms"), (1_240, "1.24 s")])
def test_latencies_keep_three_digits_that_mean_something(ms: float, words: str) -> None:
    assert latency_words(ms) == words


@pytest.mark.parametrize(("ms", "words"), [(300, "300 ms"), (30_000, "30 s"), (5_400_000, "1 h 30 min"), (0, "0 s")])
def test_periods_are_exact(ms: int, words: str) -> None:
    assert period_words(ms) == words


def test_a_status_is_glyph_word_and_colour_and_an_unknown_word_is_no_markup() -> None:
    assert 'data-status="degraded"' in status("degraded")
    assert "Degraded" in status("degraded")
    assert "script" not in status("<script>")


def test_a_moment_carries_its_machine_form() -> None:
    assert ">now</time>" in until(from_ms(1_000))
    assert ">in 59 s</time>" in until(from_ms(now_ms() + 59_990))
    assert 'data-ms="1000"' in since(from_ms(1_000))
    assert "01 Jan 1970, 00:00:01 UTC" in since(from_ms(1_000))


def test_a_trace_is_a_link_where_the_operator_said_to_what(settings: Settings) -> None:
    settings.TRACE_URL = None
    assert trace_link("4bf9") == "4bf9"

    settings.TRACE_URL = "https://traces.example.com/?id={trace_id}"
    assert trace_link("4bf9") == '<a href="https://traces.example.com/?id=4bf9" rel="noreferrer">4bf9</a>'
    assert trace_link("") == ""
    assert trace_link('"/><b>&id=1') == (
        '<a href="https://traces.example.com/?id=%22%2F%3E%3Cb%3E%26id%3D1" rel="noreferrer">'
        "&quot;/&gt;&lt;b&gt;&amp;id=1</a>"
    )


def test_what_took_no_time_was_not_measured() -> None:
    assert latency(0.0) == latency(None) == ""
    assert latency(0.4) == "0.4 ms"


def test_labels_write_abbreviations_as_such() -> None:
    assert label("verify tls") == "Verify TLS"
    assert label("url") == "URL"
    assert label("") == ""


def test_a_moment_says_the_time_in_utc_and_leaves_local_time_to_the_title() -> None:
    assert ">01 Jan, 00:00:01</time>" in moment(from_ms(1_000))
    assert 'data-form="at"' in moment(from_ms(1_000))
