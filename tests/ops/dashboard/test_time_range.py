"""The time range of a page lies in its address."""

import pytest
from django.http import QueryDict

from ops.dashboard.time_range import DEFAULT, SPANS_MS, list_choices, parse_range

NOW = 1_800_000_000_000
HOUR = 3_600_000


def test_a_named_range_ends_now() -> None:
    found = parse_range(QueryDict("range=7d"), now_ms=NOW)

    assert (found.name, found.since_ms, found.until_ms) == ("7d", NOW - SPANS_MS["7d"], NOW)
    assert found.query == "range=7d"


@pytest.mark.parametrize(
    "query", [f"from={NOW - HOUR}&to={NOW - HOUR // 2}", "from=2027-01-15T07:00:00Z&to=2027-01-15T07:30:00Z"]
)
def test_a_zoom_has_fixed_ends(query: str) -> None:
    found = parse_range(QueryDict(query), now_ms=NOW)

    assert (found.name, found.since_ms, found.until_ms) == ("", NOW - HOUR, NOW - HOUR // 2)
    assert found.query == f"from={NOW - HOUR}&to={NOW - HOUR // 2}"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "range=1y",
        "from=x&to=y",
        f"from={NOW}&to={NOW - 1}",
        "from=1&to=2",
        "from=2027-01-15T07:00:00",
        "from=" + "9" * 40,
        "from=0001-01-01T00:00:00%2B14:00&to=0001-01-01T12:00:00%2B14:00",
    ],
)
def test_what_cannot_be_read_counts_as_not_said(query: str) -> None:
    assert parse_range(QueryDict(query), now_ms=NOW).name == DEFAULT


def test_the_choices_keep_what_else_the_address_says() -> None:
    query = QueryDict("check=http&from=1&to=2&cursor=x")
    found = list_choices(query, "/entities/a", current=parse_range(query, now_ms=NOW))

    assert found[0].url == "/entities/a?check=http&range=1h"
    assert [choice.name for choice in found if choice.is_current] == [DEFAULT]
