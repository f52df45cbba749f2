"""When errors make their entity degraded, and when they do not."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.clock import from_ms, now_ms
from core.permissions import Principal, Role
from core.revision import current_revision
from entities.models import Entity
from entities.status import entity_statuses
from ops.errors import services
from ops.errors.domain import (
    HOUR_MS,
    NEW_EVENTS,
    PAST_HOURS,
    REGRESSION_COUNTS_MS,
    SURGE_EVENTS,
    SURGE_TIMES,
    Activity,
    Trouble,
    describe_trouble,
    events_in_last_hour,
    trouble_of,
)
from ops.errors.judging import judge_groups
from ops.errors.models import ErrorCount, ErrorGroup
from ops.errors.selectors import ErrorSignals
from ops.health.models import CheckState
from ops.journal.models import JournalEntry
from ops.signals.domain import Status
from tests.entities.catalogue import add_entity
from tests.ops.errors.conftest import event
from tests.ops.health.factories import make_check

type Report = Callable[..., list[ErrorGroup]]

NOON = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS
OLD = Activity(
    level="error", events=10_000, first_seen_ms=NOON - 90 * 24 * HOUR_MS, last_seen_ms=NOON, regressed_at_ms=None,
    hours=(0,) * (PAST_HOURS + 2),
)  # fmt: skip


def old(*, usual: int = 0, running: int = 0, **fields: Any) -> Activity:
    return dataclasses.replace(OLD, hours=(usual,) * (PAST_HOURS + 1) + (running,), **fields)


def test_the_last_hour_takes_its_part_of_the_clock_hour_before() -> None:
    assert events_in_last_hour((7, 40, 10), NOON) == 50
    assert events_in_last_hour((7, 40, 10), NOON + HOUR_MS // 4) == 40
    assert events_in_last_hour((7, 40, 10), NOON + HOUR_MS - 1) == 10


@pytest.mark.parametrize(
    ("activity", "trouble"),
    [
        (old(running=19), None),
        (old(running=20), Trouble.SURGE),
        (old(running=20, level="fatal"), Trouble.SURGE),
        (old(running=20_000, level="warning"), None),
        (old(usual=100, running=400), None),
        (old(usual=100, running=501), Trouble.SURGE),
        (old(regressed_at_ms=NOON - 3 * HOUR_MS), Trouble.REGRESSION),
        (old(regressed_at_ms=NOON - 9 * 24 * HOUR_MS, last_seen_ms=NOON - 25 * HOUR_MS), None),
        (old(first_seen_ms=NOON, events=NEW_EVENTS - 1, running=NEW_EVENTS - 1), None),
        (old(first_seen_ms=NOON, events=NEW_EVENTS, running=NEW_EVENTS), Trouble.NEW),
    ],
)
def test_what_counts_as_trouble(activity: Activity, trouble: Trouble | None) -> None:
    assert trouble_of(activity, NOON + HOUR_MS - 1) is trouble


def test_a_young_group_is_compared_with_the_hours_that_it_has() -> None:
    hours = (0,) * PAST_HOURS + (60, 60)  # 60 an hour ever since it is there
    young = dataclasses.replace(OLD, first_seen_ms=NOON - HOUR_MS, hours=hours)
    assert trouble_of(young, NOON + HOUR_MS - 1) is None


def test_it_is_told_in_words() -> None:
    assert describe_trouble("ValueError: bad", Trouble.SURGE, old(usual=3, running=42), NOON + HOUR_MS - 1) == (
        "ValueError: bad, 42 events in the last hour (usually 3)"
    )
    assert describe_trouble("E", Trouble.NEW, old(running=1), NOON + HOUR_MS - 1) == "E, 1 event in the last hour (new)"


def test_the_docs_tell_the_same_numbers() -> None:
    text = " ".join((Path(__file__).parents[3] / "docs/errors.md").read_text().split())
    assert f"is less than {REGRESSION_COUNTS_MS // HOUR_MS} hours old" in text
    assert f"first seen in the last hour, with at least {NEW_EVENTS} events" in text
    assert f"at least {SURGE_EVENTS} events in the last hour, and {SURGE_TIMES} times as many" in text
    assert f"the mean of the {PAST_HOURS} hours before" in text


def status_of(entity: Entity) -> Any:
    return entity_statuses([entity.pk])[entity.pk]


def report_five(report: Report, **fields: Any) -> ErrorGroup:
    group = report(*(event(**fields) for _ in range(NEW_EVENTS)))[-1]
    judge_groups()
    return group


@pytest.mark.django_db
def test_a_new_error_makes_its_entity_degraded_and_never_more(entity: Entity, report: Report) -> None:
    before = current_revision()
    report_five(report)
    status = status_of(entity)
    assert status.status == "degraded"
    assert [(reason.signal, reason.name, reason.message) for reason in status.reasons] == [
        ("errors", "errors", "ValueError: bad, 5 events in the last hour (new)")
    ]
    assert current_revision() > before
    assert judge_groups() == 0


@pytest.mark.django_db
def test_it_ends_with_the_hour_and_pages_hear_of_it(entity: Entity, report: Report) -> None:
    report_five(report)
    before = current_revision()
    with time_machine.travel(from_ms(now_ms() + HOUR_MS + 60_000), tick=False):
        assert judge_groups() == 1
    assert status_of(entity).status == "unknown"  # nothing else tells of it
    assert current_revision() > before


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["resolve", "mute"])
def test_what_somebody_resolved_or_muted_does_not_count(
    entity: Entity, report: Report, staff: Principal, action: str
) -> None:
    group = report_five(report)
    if action == "resolve":
        services.resolve_group(principal=staff, uid=group.uid)
    else:
        services.mute_group(principal=staff, uid=group.uid, mute=services.Mute())
    assert status_of(entity).status == "unknown"
    judge_groups()
    assert status_of(entity).status == "unknown"
    services.reopen_group(principal=staff, uid=group.uid)
    judge_groups()
    assert status_of(entity).status == "degraded"


@pytest.mark.django_db
def test_a_regression_counts_until_it_is_resolved(entity: Entity, report: Report, staff: Principal) -> None:
    (group,) = report(event(release="1.0"))
    services.resolve_group(principal=staff, uid=group.uid)
    report(event(release="2.0"))
    judge_groups()
    assert [reason.message for reason in status_of(entity).reasons] == [
        "ValueError: bad, 2 events in the last hour (came back)"
    ]
    services.resolve_group(principal=staff, uid=group.uid)
    services.reopen_group(principal=staff, uid=group.uid)
    judge_groups()
    assert status_of(entity).status == "unknown"


@pytest.mark.django_db
def test_a_surge_over_its_own_past_counts_and_is_in_the_timeline(entity: Entity, report: Report) -> None:
    (group,) = report(event())
    now = now_ms()
    ErrorGroup.objects.update(first_seen_ms=now - 48 * HOUR_MS, events=100)
    ErrorCount.objects.update(events=30)
    judge_groups()
    assert status_of(entity).reasons[0].message == "ValueError: bad, 30 events in the last hour (usually 0)"
    assert JournalEntry.objects.filter(kind="error.group", after="surged").count() == 1

    hours = [now - now % HOUR_MS - back * HOUR_MS for back in range(2, 24)]
    ErrorCount.objects.bulk_create([ErrorCount(group_id=group.pk, hour_ms=hour, events=20) for hour in hours])
    judge_groups()
    assert status_of(entity).status == "unknown"


@pytest.mark.django_db
def test_errors_do_not_hide_what_is_worse(entity: Entity, report: Report) -> None:
    check = make_check("tcp", {"host": "127.0.0.1", "port": 1}, entity=entity, name="port")
    CheckState.objects.filter(pk=check.pk).update(
        status=Status.UNHEALTHY, since_ms=now_ms(), fresh_until_ms=now_ms() + HOUR_MS, last_message="refused"
    )
    report_five(report)
    status = status_of(entity)
    assert status.status == "unhealthy"
    assert [reason.signal for reason in status.reasons] == ["health", "errors"]


@pytest.mark.django_db
def test_one_entity_tells_twenty_groups_at_most(entity: Entity, report: Report) -> None:
    report(*(event(kind=f"Error{number}") for number in range(25)))
    ErrorGroup.objects.update(events=NEW_EVENTS)
    judge_groups()
    assert len(list(ErrorSignals().reasons([entity.pk], now_ms()))) == 20
    assert len(list(ErrorSignals().reasons(None, now_ms()))) == 20


@pytest.mark.django_db
def test_it_asks_as_many_queries_for_any_number_of_entities(entity: Entity, report: Report) -> None:
    def count() -> tuple[int, int, int]:
        ErrorGroup.objects.update(trouble="")
        source, found = ErrorSignals(), []
        for ask in (judge_groups, lambda: source.told(now_ms()), lambda: list(source.reasons(None, now_ms()))):
            with CaptureQueriesContext(connection) as queries:
                ask()
            found.append(len([query for query in queries if query["sql"].startswith("SELECT")]))
        return found[0], found[1], found[2]

    report_five(report)
    few = count()
    for number in range(20):
        add_entity(f"other-{number}")
    template = ErrorGroup.objects.get()
    for other in Entity.objects.exclude(pk=entity.pk):
        ErrorGroup.objects.create(
            entity=other, digest=template.digest, digest_version=1, title="E", level="error", events=NEW_EVENTS,
            first_seen_ms=template.first_seen_ms, last_seen_ms=template.last_seen_ms,
        )  # fmt: skip
    assert count() == few
    assert few[1:] == (1, 2)


@pytest.mark.django_db
def test_the_overview_and_the_page_of_the_entity_say_so(
    client_of: Callable[[Role], Client], entity: Entity, report: Report
) -> None:
    report_five(report, kind='<script>alert(1)</script>"')
    client = client_of(Role.VIEWER)
    for path in ("/", "/entities/payments-api"):
        html = client.get(path).content.decode()
        assert "5 events in the last hour (new)" in html
        assert "<script>alert" not in html
