"""The ``prometheus`` kind against a page of metrics."""

import time
from collections.abc import Iterator

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ops.health.checks.prometheus import PrometheusConfig, PrometheusKind
from ops.probing.metrics_page import parse_selector, select_values
from ops.probing.probe import Observation, ProbeContext
from ops.signals.domain import Status
from tests.ops.health.targets import Target, answer, run_target
from tests.ops.health.test_http_kind import LOOPBACK

METRICS = r"""# HELP shop_requests_total Requests.
# TYPE shop_requests_total counter
shop_requests_total{code="200",path="/"} 90.0
shop_requests_total{code="500",path="/a,b{}"} 4.0 1700000000000
shop_requests_total{code="503", path="say \"hi\"\\\n",} 3
shop_requests_created{code="200",path="/"} 1.7e+09
# HELP shop_queue Waiting.
shop_queue 7.0
shop_queue_max 99.0
shop_ratio NaN
"""


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer("200 OK", METRICS.encode(), "Content-Type: text/plain; version=0.0.4")) as running:
        yield running


def read(target: Target, metric: str, **fields: object) -> Observation:
    config = PrometheusConfig.model_validate({"url": f"{target.url}metrics", "metric": metric, **fields})
    return uvloop.run(PrometheusKind().probe(config, ProbeContext(5, LOOPBACK)))


@pytest.mark.parametrize(
    ("metric", "aggregation", "value"),
    [
        ("shop_queue", "sum", 7),
        ("shop_requests_total", "sum", 97),
        ("shop_requests_total", "max", 90),
        ("shop_requests_total", "min", 3),
        ("shop_requests_total", "count", 3),
        ('shop_requests_total{code=~"5.."}', "avg", 3.5),
        ('shop_requests_total{code!~"5..", path="/"}', "sum", 90),
        ('shop_requests_total{path="/a,b{}"}', "sum", 4),
        (r'shop_requests_total{path="say \"hi\"\\\n"}', "sum", 3),
        ('shop_requests_total{code!="200"}', "count", 2),
        ('shop_queue{host=""}', "sum", 7),
        ("shop_nothing", "count", 0),
    ],
)
def test_reads_the_value_of_the_series_that_match(target: Target, metric: str, aggregation: str, value: float) -> None:
    seen = read(target, metric, aggregation=aggregation)

    assert (seen.values["VALUE"], seen.finding) == (value, None)


@pytest.mark.parametrize("expect", ["> 5", "<= 7", "== 7", "!= 8", ">=7.0", "< 1e3"])
def test_a_comparison_that_holds_is_healthy(target: Target, expect: str) -> None:
    assert read(target, "shop_queue", expect=expect).finding is None


@pytest.mark.parametrize(
    ("metric", "expect", "said"),
    [
        ("shop_queue", "> 10", "shop_queue is 7, expected > 10"),
        ("shop_requests_total", "== 0", "sum of shop_requests_total is 97, expected == 0"),
        ("shop_nothing", "> 1", "no series of shop_nothing on the page"),
        ("shop_ratio", "> 1", "no series of shop_ratio on the page"),
    ],
)
def test_one_that_does_not_is_unhealthy_and_tells_the_value(
    target: Target, metric: str, expect: str, said: str
) -> None:
    finding = read(target, metric, expect=expect).finding

    assert finding is not None
    assert (finding.outcome, finding.message) == (Status.UNHEALTHY, said)


def test_an_answer_without_metrics_is_unhealthy(target: Target) -> None:
    target.behave = answer("503 Service Unavailable", b"shop_queue 7")
    finding = read(target, "shop_queue").finding

    assert finding is not None
    assert finding.message == "answered 503 instead of the metrics"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metric": "5xx"}, "at character 1"),
        ({"metric": "up{a=1}"}, "at character 4"),
        ({"metric": 'up{a="1"'}, "at character 4"),
        ({"metric": 'up{a="1"} x'}, "at character 10"),
        ({"metric": 'up{a=~"("}'}, "missing )"),
        ({"metric": "up", "expect": "5"}, "expected a comparison"),
        ({"metric": "up", "expect": "> five"}, "expected a comparison"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", r"\(").replace(")", r"\)")):
        PrometheusConfig.model_validate({"url": "http://h/metrics", **fields})


HOSTILE = ['up{a="' + "x" * 500_000, 'up{a="b",' * 60_000, 'up{a="\\' * 60_000, "up\n" * 300_000, "up{" + "," * 900_000]


@pytest.mark.parametrize("page", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_page_takes_no_longer_than_another(page: str) -> None:
    started = time.process_time()
    select_values(page, parse_selector('up{a="b"}'))

    assert time.process_time() - started < 2


@given(
    page=st.lists(st.sampled_from(["up", "{", "}", 'a="b"', ",", " ", "1", "NaN", "\n", '"', "\\", "+Inf"])).map(
        "".join
    )
)
def test_any_page_is_read(page: str) -> None:
    assert all(isinstance(value, float) for value in select_values(page, parse_selector("up")))
