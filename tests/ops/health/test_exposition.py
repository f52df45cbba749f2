"""The series of checks, as a scrape sees them."""

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.clock import database_now_ms
from ops.health import exposition
from ops.health.domain import Standing
from ops.health.engine.commit import Outcome, Result
from ops.health.engine.definitions import load_checks
from ops.health.engine.judging import judge
from ops.health.engine.reporting import report_results
from ops.health.exposition import (
    ProbeSample,
    forget_missing_checks,
    publish_samples,
    render_labels,
    render_probe_series,
    render_sample,
)
from ops.health.models import Check, CheckState
from ops.probing.probe import Observation
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db


def make_fresh_check(**fields: object) -> Check:
    check = make_check(**fields)  # type: ignore[arg-type]
    CheckState.objects.filter(pk=check.pk).update(fresh_until_ms=database_now_ms() + 60_000)
    return check


def publish(check: Check, **values: object) -> None:
    labels = render_labels(entity="api", check=check.name, kind="http")
    sample = {"success": True, "duration_seconds": 0.25, **values}
    publish_samples([ProbeSample(check_id=check.pk, labels=labels, **sample)])  # type: ignore[arg-type]


def scrape() -> dict[str, list[tuple[dict[str, str], float]]]:
    text = render_probe_series(database_now_ms()).decode()
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def test_a_result_becomes_the_series_of_blackbox_exporter() -> None:
    check = make_fresh_check(name="front")
    phases = {"resolve": 0.001, "connect": 0.002}
    publish(check, status_code=503, success=False, http_phases=phases, lookup_seconds=0.001, certificate_expires=2e9)

    labels = {"entity": "api", "check": "front", "kind": "http"}
    assert scrape() == {
        "probe_success": [(labels, 0.0)],
        "probe_duration_seconds": [(labels, 0.25)],
        "probe_http_status_code": [(labels, 503.0)],
        "probe_http_duration_seconds": [
            ({**labels, "phase": "resolve"}, 0.001),
            ({**labels, "phase": "connect"}, 0.002),
        ],
        "probe_ssl_earliest_cert_expiry": [(labels, 2e9)],
        "probe_dns_lookup_time_seconds": [(labels, 0.001)],
    }


def test_a_connection_tells_its_phases() -> None:
    check = make_fresh_check(name="port", config={"host": "h", "port": 1})
    seen = Observation(3_000, values={"CONNECTED": True}, phases={"resolve": 0.001, "connect": 0.002})
    prepared = load_checks([check.pk])[check.pk]
    outcome = Outcome(
        check=prepared, fence=1, slot_ms=1, next_due_ms=2, interval_ms=1, timeout_ms=1, before=Standing(),
        since_ms=None, fresh_until_ms=None, at_ms=1, late_ms=0, missed=0, duration_us=3_000,
        judgement=judge(prepared, seen), observation=seen,
    )  # fmt: skip
    report_results([Result(outcome, Standing(), Standing(), 1, None)])

    series = scrape()
    assert [(labels["phase"], value) for labels, value in series["probe_tcp_duration_seconds"]] == [
        ("resolve", 0.001),
        ("connect", 0.002),
    ]
    assert [value for _labels, value in series["probe_dns_lookup_time_seconds"]] == [0.001]
    assert "probe_http_duration_seconds" not in series


def test_a_release_with_other_families_reads_and_writes_values_of_its_own() -> None:
    assert exposition.key_of((*exposition._HEADS, b"# TYPE probe_new gauge\n")) != exposition.KEY
    assert (
        render_sample(ProbeSample(1, "", success=True, duration_seconds=1)).count(b"\0") == len(exposition._HEADS) - 1
    )


def test_each_family_is_one_group_whatever_its_checks_have() -> None:
    for status in (200, None, 404):
        publish(make_fresh_check(), status_code=status)

    lines = render_probe_series(database_now_ms()).decode().splitlines()
    families = [line.split("{")[0] for line in lines if not line.startswith("#")]
    assert families == ["probe_success"] * 3 + ["probe_duration_seconds"] * 3 + ["probe_http_status_code"] * 2


def test_stale_paused_and_deleted_checks_are_left_out() -> None:
    stale, paused, deleted, live = (make_fresh_check() for _ in range(4))
    for check in (stale, paused, deleted, live):
        publish(check)
    CheckState.objects.filter(pk=stale.pk).update(fresh_until_ms=1)
    CheckState.objects.filter(pk=paused.pk).update(next_due_ms=None)
    deleted.delete()

    assert [labels["check"] for labels, _value in scrape()["probe_success"]] == [live.name]


def test_hostile_names_cannot_leave_their_label() -> None:
    labels = render_labels(entity='a"} 1\nfake 1', check="b\\", kind="c\0")
    check = make_fresh_check()
    publish_samples([ProbeSample(check_id=check.pk, labels=labels, success=True, duration_seconds=1)])

    assert scrape()["probe_success"] == [({"entity": 'a"} 1\nfake 1', "check": "b\\", "kind": "c"}, 1.0)]


def test_what_was_stored_of_deleted_checks_is_forgotten() -> None:
    kept, deleted = make_fresh_check(), make_fresh_check()
    publish(kept)
    publish(deleted)
    gone = str(deleted.pk)
    deleted.delete()

    forget_missing_checks()

    client = exposition._client()
    assert client.hexists(exposition.KEY, str(kept.pk))
    assert not client.hexists(exposition.KEY, gone)


def test_a_broker_that_does_not_answer_costs_the_series_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(exposition, "_client", lambda: nobody)
    check = make_fresh_check()

    publish(check)
    forget_missing_checks()

    assert render_probe_series(database_now_ms()) == b""


def test_without_checks_there_is_nothing() -> None:
    assert render_probe_series(database_now_ms()) == b""
