"""The ``prometheus`` source against pages of exporters."""

import pytest
from pydantic import ValidationError

from ops.queues.sources.prometheus import PrometheusSource
from ops.queues.sources.source import Reading
from tests.ops.queues.sources import asking
from tests.ops.queues.sources.web import run_web

SOURCE = PrometheusSource()
PAGE = """
# TYPE celery_queue_length gauge
celery_queue_length{queue_name="mail"} 12.0
celery_queue_length{queue_name="sms"} 3
age_seconds{part="a"} 5.5
age_seconds{part="b"} 70
consumers 4
added_total 1e3
endless +Inf
below -1
"""


def read(**fields: str) -> Reading:
    with run_web(lambda _asked: (200, PAGE)) as url:
        return asking.read(SOURCE, url=f"{url}/metrics", **fields)  # type: ignore[arg-type]


def failure(**fields: str) -> str:
    with run_web(lambda _asked: (200, PAGE)) as url:
        return asking.failure(SOURCE, url=f"{url}/metrics", **fields).message  # type: ignore[arg-type]


def test_every_metric_that_is_given_is_read() -> None:
    seen = read(
        size_metric='celery_queue_length{queue_name="mail"}',
        age_metric="age_seconds",
        consumers_metric="consumers",
        added_metric="added_total",
        removed_metric="nowhere_total",
    )

    assert seen == Reading(12, 70.0, consumers=4, added=1_000)


def test_several_series_are_added_up_or_the_highest_counts() -> None:
    assert read(size_metric="celery_queue_length").size == 15
    assert read(size_metric="celery_queue_length", aggregation="max").size == 12


def test_without_a_size_there_is_no_reading() -> None:
    assert failure(size_metric="nowhere") == "no series of nowhere on the page"
    assert failure(size_metric="endless") == "endless is inf"
    assert failure(size_metric="below") == "below is -1"
    assert failure(size_metric="consumers", age_metric="endless") == "endless is inf"


def test_another_answer_fails() -> None:
    with run_web(lambda _asked: (503, "")) as url:
        assert asking.failure(SOURCE, url=url, size_metric="a").message == "answered 503 instead of the metrics"


def test_a_selector_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValidationError):
        SOURCE.Config.model_validate({"url": "http://h", "size_metric": "a{"})
