"""Which events are the same trouble, and what becomes of a group."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.errors.domain import Change, GroupState, Occurrence, Standing, group_event, next_standing
from ops.errors.events import FRAMES, TAGS, read_event
from tests.ops.errors.conftest import event, frame

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


def digest(**fields: Any) -> str:
    return group_event(read(**fields)).digest


def read(**fields: Any) -> Any:
    return read_event(event(**fields), received_at=NOW, event_id="0" * 32)


def test_the_message_of_an_exception_does_not_part_a_group() -> None:
    assert digest(value="order 17 is gone") == digest(value="order 99 is gone")


@pytest.mark.parametrize("other", [{"kind": "KeyError"}, {"functions": ("refund",)}, {"fingerprint": ["mine"]}])
def test_another_type_place_or_fingerprint_is_another_group(other: dict[str, Any]) -> None:
    assert digest(**other) != digest()


def test_an_edit_elsewhere_in_the_file_keeps_the_group() -> None:
    moved = event()
    moved["exception"]["values"][0]["stacktrace"]["frames"][0]["lineno"] = 99
    assert group_event(read_event(moved, received_at=NOW, event_id="0" * 32)).digest == digest()


def test_frames_of_libraries_do_not_part_a_group() -> None:
    through_library = event()
    through_library["exception"]["values"][0]["stacktrace"]["frames"].append(frame("send", module="http", in_app=False))
    assert group_event(read_event(through_library, received_at=NOW, event_id="0" * 32)).digest == digest()


def test_the_depth_of_a_recursion_does_not_part_a_group() -> None:
    assert digest(functions=("a", "b", "b", "b")) == digest(functions=("a", "b"))


def test_the_sdks_own_fingerprint_may_include_the_default() -> None:
    own = {"fingerprint": ["{{ default }}", "tenant-1"]}
    assert digest(**own) == digest(**own, value="other")
    assert digest(**own) != digest(**own, functions=("refund",))


def test_messages_group_by_their_template_and_without_one_by_what_does_not_vary() -> None:
    def of(entry: Any) -> str:
        return group_event(read_event({"logentry": entry}, received_at=NOW, event_id="0" * 32)).digest

    assert of({"message": "user %s", "formatted": "user 1"}) == of({"message": "user %s", "formatted": "user 2"})
    assert of("user 17 of 0xff4a left") == of("user 4 of 0x1 left")
    assert of("user left") != of("user came")


def test_title_and_culprit_say_what_and_where() -> None:
    grouping = group_event(read(value="no such order\nmore"))
    assert (grouping.title, grouping.culprit) == ("ValueError: no such order", "app.payments in charge")


def test_a_clock_that_is_wrong_puts_no_event_far_away() -> None:
    assert read(timestamp=0).at == NOW
    assert read(timestamp="2999-01-01T00:00:00Z").at == NOW
    assert read(timestamp=NOW.timestamp() - 60).at == NOW - dt.timedelta(seconds=60)


def test_what_is_kept_is_bounded_and_without_secrets() -> None:
    big = read(
        functions=tuple(f"f{i}" for i in range(500)), tags={f"t{i}": "x" * 1_000 for i in range(100_00)},
        request={"url": "https://u:p@shop/pay?card=1", "headers": {"Authorization": "Bearer x", "Accept": "*/*"}},
        user={"id": 7, "email": "a@b.example"},
    )  # fmt: skip
    assert len(big.exceptions[0].frames) == FRAMES
    assert big.exceptions[0].frames[-1].function == "f499"
    assert len(big.tags) == TAGS
    assert max(len(value) for _, value in big.tags) <= 200
    assert big.request["url"] == "https://[redacted]@shop/pay"
    assert big.request["headers"] == {"Authorization": "[redacted]", "Accept": "*/*"}


def test_secrets_in_texts_of_stock_sdks_are_not_kept() -> None:
    sent = event(
        value="login failed: password=hush",
        logentry={"message": "api_key=hush %s", "formatted": "api_key=hush now"},
        transaction="GET /pay?token=hush",
        tags={"url": "https://shop/pay?hush"},
        request={"url": "https://shop/pay?card=hush", "headers": {"Referer": "https://shop/?hush"}},
        breadcrumbs=[
            {"data": {"http.query": "api_key=hush", "url": "https://shop/pay"}},
            {"message": "GET https://shop/pay?token=hush"},
            {"message": "x" * 190 + " amqp://me:hush@" + "h" * 200},
        ],
    )
    sent["exception"]["values"][0]["stacktrace"]["frames"][0]["vars"] = {
        "config": "Config(password='hush')",
        "url": "'https://shop/pay?access_token=hush'",
        "nested": {"of": ["Config(password='hush')"]},
        "long": "x" * 150 + " token=hush" + "x" * 150,
        "amount": "43",
    }
    read = read_event(sent, received_at=NOW, event_id="0" * 32)
    assert "hush" not in repr(read)
    assert "hush" not in repr(group_event(read))
    assert ("amount", "43") in read.exceptions[0].frames[0].variables
    assert read.breadcrumbs[1].message == "GET https://shop/pay?[redacted]"


def test_secrets_in_source_lines_are_not_kept() -> None:
    sent = event()
    (frame, *_) = sent["exception"]["values"][0]["stacktrace"]["frames"]
    frame |= {
        "filename": "https://me:hush@shop/static/app.js?v=1&token=hush",
        "pre_context": ["    connect('amqp://me:hush@mq')", "    total = 43"],
        "context_line": "    login(user, password='hush')",
        "post_context": ["    get('/pay?token=hush')", "\tpost('token=hush')", " " * 390 + "token=hush"],
    }
    (kept, *_) = read_event(sent, received_at=NOW, event_id="0" * 32).exceptions[0].frames
    assert "hush" not in repr(kept)
    assert kept.source == "    login(user, password=[redacted])"
    assert kept.before[1] == "    total = 43"
    assert kept.filename.startswith("https://[redacted]@shop/static/app.js?v=1&token=[redacted]")
    assert all(len(line) <= 200 for line in kept.after)


def test_a_secret_in_a_message_does_not_part_a_group() -> None:
    def of(message: str) -> str:
        return group_event(read_event({"message": message}, received_at=NOW, event_id="0" * 32)).digest

    assert of("refused with token=abc") == of("refused with token=xyz")
    assert of("refused with token=abc") != of("taken with token=abc")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_fields = st.sampled_from(
    [
        "exception", "logentry", "message", "tags", "user", "request", "breadcrumbs", "contexts", "timestamp", "level",
        "fingerprint", "release", "sdk", "event_id", "transaction",
    ]
)  # fmt: skip


@given(st.dictionaries(_fields, _json, max_size=8))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_event_is_too_strange_to_be_read(data: dict[str, Any]) -> None:
    grouping = group_event(read_event(data, received_at=NOW, event_id="0" * 32))
    assert len(grouping.digest) == 32
    assert grouping.title


RESOLVED = Standing(GroupState.RESOLVED, resolved_in="2.0")
SEEN = {"1.0": 100, "2.0": 200, "3.0": 300}


def after(standing: Standing, *releases: str, at_ms: int = 1_000, in_last_hour: int = 1) -> Change:
    occurrences = [Occurrence(at_ms, release) for release in releases]
    return next_standing(standing, at_ms=at_ms, occurrences=occurrences, first_seen_ms=SEEN, in_last_hour=in_last_hour)


def test_a_resolved_group_comes_back_in_a_later_release_only() -> None:
    assert after(RESOLVED, "3.0") == Change(Standing(), is_regression=True)
    assert after(RESOLVED, "2.0") == Change(RESOLVED)
    assert after(RESOLVED, "1.0") == Change(RESOLVED)


def test_without_releases_every_event_brings_it_back() -> None:
    assert after(RESOLVED, "").is_regression
    assert after(Standing(GroupState.RESOLVED), "2.0").is_regression


@pytest.mark.parametrize("release", ["", "3.0"])
def test_what_happened_before_the_resolve_does_not_undo_it(release: str) -> None:
    resolved = Standing(GroupState.RESOLVED, resolved_in="2.0", resolved_at_ms=500)
    for late in (499, 500):
        assert after(resolved, release, at_ms=late) == Change(resolved)
    assert after(resolved, release, at_ms=501).is_regression


def test_a_mute_ends_with_its_time_or_with_a_flood() -> None:
    muted = Standing(GroupState.MUTED, muted_until_ms=1_000, muted_per_hour=50)
    assert after(muted, at_ms=999, in_last_hour=49) == Change(muted)
    assert after(muted, at_ms=1_000).is_loud
    assert after(muted, at_ms=0, in_last_hour=50).standing.state is GroupState.OPEN
    forever = Standing(GroupState.MUTED)
    assert after(forever, at_ms=10**15, in_last_hour=10**6) == Change(forever)
