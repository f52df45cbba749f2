"""What sources read, from real servers: good pages and hostile ones."""

import ipaddress
import json
import time
from typing import Any

import pytest
import uvloop

from core.egress import AddressPolicy
from ops.breakers.domain import Action, BreakerState
from ops.breakers.sources.actuator import ActuatorConfig, ActuatorSource
from ops.breakers.sources.mapped_page import read_breakers
from ops.breakers.sources.scrape import ScrapeConfig, ScrapeSource
from ops.breakers.sources.source import SEEN_MAX, BreakerSourceKind, Seen, Survey
from ops.probing.probe import ProbeContext, ProbeFailed
from tests.ops.breakers.pages import actuator, resilience4j, run_program

LOOPBACK = ProbeContext(10, AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"),)))
RESILIENCE4J = ScrapeConfig(url="http://127.0.0.1/metrics").mapping


def look(source: BreakerSourceKind, url: str, **fields: Any) -> Survey:
    config = source.Config.model_validate({"url": url, **fields})
    return uvloop.run(source.look(config, LOOPBACK))


def by_name(survey: Survey) -> dict[str, Seen]:
    return {seen.name: seen for seen in survey.seen}


def test_a_page_of_resilience4j() -> None:
    with run_program(resilience4j(cards="open", mails="closed", cache="half_open")) as program:
        survey = look(ScrapeSource(), program.url)
    seen = by_name(survey)
    assert {name: found.state.value for name, found in seen.items()} == {
        "cards": "open", "mails": "closed", "cache": "half_open",
    }  # fmt: skip
    counters = seen["cards"].counters
    assert (counters.calls, counters.failures, counters.not_permitted, counters.buffered) == (40, 10, 7, 20)
    assert (counters.failure_share, counters.slow_share) == (0.25, None)
    assert survey.left_out == 0


def test_another_exporter_by_a_mapping_of_labels() -> None:
    page = 'cb_status{service="cards",pod="a",is="TRIPPED"} 1\ncb_status{service="cards",pod="b",is="OK"} 1\n'
    page += 'cb_errors{service="cards",pod="a"} 60\n'
    with run_program(page) as program:
        survey = look(
            ScrapeSource(), program.url, metric="cb_status", name_label="service", instance_label="pod",
            state_label="is", states={"tripped": "open", "ok": "closed"}, failure_rate_metric="cb_errors",
        )  # fmt: skip
    assert [(seen.instance, seen.state.value, seen.counters.failure_share) for seen in survey.seen] == [
        ("a", "open", 0.6), ("b", "closed", None),
    ]  # fmt: skip


def test_another_exporter_by_a_mapping_of_values() -> None:
    page = (
        'breaker_state{name="a"} 0\nbreaker_state{name="b"} 1\nbreaker_state{name="c"} 2\nbreaker_state{name="d"} NaN\n'
    )
    with run_program(page) as program:
        survey = look(
            ScrapeSource(), program.url, metric="breaker_state", state_label="",
            states={"0": "closed", "1": "half_open", "2": "open"},
        )  # fmt: skip
    assert [seen.state.value for seen in survey.seen] == ["closed", "half_open", "open", "unknown"]
    assert survey.seen[3].message == "its state 'nan' is not in the mapping"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"metric": "a b"}, "metric"),
        ({"metric": ""}, "metric"),
        ({"states": {"1": "ajar"}}, "states"),
        ({"name_label": "1a"}, "name_label"),
        ({"url": "ftp://a"}, "url"),
        ({"more": 1}, "more"),
    ],
)
def test_a_wrong_mapping_is_refused(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        ScrapeConfig.model_validate({"url": "http://127.0.0.1/metrics", **fields})


@pytest.mark.parametrize(
    ("line", "state", "message"),
    [
        ('{name="a",state="open"} NaN', "unknown", "does not say its state"),
        ('{name="a",state="open"} -1', "unknown", "does not say its state"),
        ('{name="a",state="open"} +Inf', "unknown", "does not say its state"),
        ('{name="a",state="ajar"} 1', "unknown", "its state 'ajar' is not in the mapping"),
        ('{name="a"} 1', "unknown", "does not say its state"),
        (
            '{name="a",state="open"} 1\nresilience4j_circuitbreaker_state{name="a",state="closed"} 1',
            "unknown",
            "says that it is closed and open",
        ),
    ],
)
def test_what_a_page_does_not_say_clearly_is_unknown(line: str, state: str, message: str) -> None:
    (seen,) = read_breakers(f"resilience4j_circuitbreaker_state{line}\n", RESILIENCE4J).seen
    assert (seen.state.value, seen.message) == (state, message)


@pytest.mark.parametrize("name", ["", "x" * 201, r"a\nb", "a\0b", "a\u202eb"])
def test_a_name_that_cannot_be_kept_is_left_out(name: str) -> None:
    survey = read_breakers(f'resilience4j_circuitbreaker_state{{name="{name}",state="open"}} 1\n', RESILIENCE4J)
    assert (survey.seen, survey.left_out) == ([], 1)


def test_counters_that_are_no_numbers_are_not_told() -> None:
    page = resilience4j(a="open").replace(" 25.0", " NaN").replace(" 30.0", " 1e300").replace(" 7.0", " -5")
    (seen,) = read_breakers(page, RESILIENCE4J).seen
    assert (seen.counters.failure_share, seen.counters.not_permitted) == (None, None)
    assert seen.counters.calls == 2**53


@pytest.mark.parametrize(
    "page",
    [
        "",
        "{" * 100_000,
        "resilience4j_circuitbreaker_state{" * 20_000,
        "resilience4j_circuitbreaker_state{" + ",".join(f'l{number}="x"' for number in range(100_000)) + "} 1\n",
        'resilience4j_circuitbreaker_state{name="' + "\\" * 1_000_000,
        "\nresilience4j_circuitbreaker_state" * 30_000,
        "resilience4j_circuitbreaker_state " + "9" * 1_000_000,
    ],
    ids=["empty", "braces", "unclosed", "100k-labels", "backslashes", "no-labels", "long-number"],
)
def test_a_hostile_page_costs_little(page: str) -> None:
    started = time.process_time()
    assert all(not seen.name for seen in read_breakers(page, RESILIENCE4J).seen)
    assert time.process_time() - started < 10


def test_more_breakers_than_a_look_reads_are_counted() -> None:
    page = "".join(
        f'resilience4j_circuitbreaker_state{{name="{number}",state="open"}} 1\n' for number in range(SEEN_MAX + 20)
    )
    survey = read_breakers(page, RESILIENCE4J)
    assert (len(survey.seen), survey.left_out) == (SEEN_MAX, 20)


@pytest.mark.parametrize(("status", "page"), [(500, "boom"), (404, ""), (200, "x" * 2_000_000)])
def test_a_page_that_is_none_is_a_failure(status: int, page: str) -> None:
    with run_program(page) as program:
        program.status = status
        with pytest.raises(ProbeFailed):
            look(ScrapeSource(), program.url)


def test_a_target_that_may_not_be_dialled_is_a_failure() -> None:
    config = ScrapeConfig(url="http://127.0.0.1:9/metrics")
    with pytest.raises(ProbeFailed):
        uvloop.run(ScrapeSource().look(config, ProbeContext(5, AddressPolicy())))


def test_an_actuator() -> None:
    with run_program(actuator(cards="OPEN", mails="FORCED_OPEN", cache="AJAR")) as program:
        seen = by_name(look(ActuatorSource(), program.url, bearer_token="s3cret"))
        assert program.headers[0]["Authorization"] == "Bearer s3cret"
    assert (seen["cards"].state, seen["mails"].state) == (BreakerState.OPEN, BreakerState.FORCED_OPEN)
    assert (seen["cache"].state, seen["cache"].message) == (BreakerState.UNKNOWN, "its state is 'AJAR'")
    counters = seen["cards"].counters
    assert (counters.failure_share, counters.slow_share, counters.buffered, counters.not_permitted) == (
        0.25,
        None,
        20,
        7,
    )


@pytest.mark.parametrize(
    "page",
    [
        "not json", "[]", "{}", '{"circuitBreakers": ["a"]}', '{"circuitBreakers": NaN}', "[" * 100_000,
        json.dumps({"circuitBreakers": 1}),
    ],
)  # fmt: skip
def test_another_document_is_a_failure(page: str) -> None:
    with run_program(page) as program, pytest.raises(ProbeFailed):
        look(ActuatorSource(), program.url)


def test_details_of_wrong_types_are_not_told() -> None:
    details = {"state": {"no": 1}, "failureRate": [], "slowCallRate": "x%", "bufferedCalls": 2**70, "slowCalls": True}
    page = json.dumps({"circuitBreakers": {"a": details, "b": None, "c": 1, "": details, "x" * 300: details}})
    with run_program(page) as program:
        survey = look(ActuatorSource(), program.url)
    assert {seen.name for seen in survey.seen} == {"a", "b", "c"}
    assert {seen.state for seen in survey.seen} == {BreakerState.UNKNOWN}
    assert all(value is None for seen in survey.seen for value in seen.counters)
    assert survey.left_out == 2


@pytest.mark.parametrize(("action", "word"), [(Action.FORCE_OPEN, "FORCE_OPEN"), (Action.CLOSE, "CLOSE")])
def test_an_actuator_is_asked_to_act(action: Action, word: str) -> None:
    source = ActuatorSource()
    with run_program() as program:
        config = ActuatorConfig.model_validate({"url": program.url + "/", "control": True})
        assert action in source.actions(config)
        uvloop.run(source.act(config, LOOPBACK, breaker="a/b c", action=action))
        assert program.posted == [("/actuator/circuitbreakers/a%2Fb%20c", {"updateState": word})]
        program.post_status = 404
        with pytest.raises(ProbeFailed, match="answered 404"):
            uvloop.run(source.act(config, LOOPBACK, breaker="a", action=action))


def test_an_actuator_acts_only_where_that_is_allowed() -> None:
    source = ActuatorSource()
    assert source.actions(ActuatorConfig(url="http://127.0.0.1/x")) == frozenset()
