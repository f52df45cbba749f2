"""What lists and pages read: rows of checks, statuses of entities, and whether anything changed."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.clock import from_ms, now_ms
from core.errors import NotFound, PermissionDenied, ValidationFailed
from core.permissions import ANONYMOUS, Principal
from core.revision import take_revision
from entities.filters import EntityFilter, parse_labels
from entities.models import Dependency, Entity, Team
from entities.status import entity_statuses as catalogue_statuses
from ops.health.models import Check, CheckResult, CheckState, ResultDetail
from ops.health.selectors import check_row, check_rows, recent_results
from ops.signals.domain import Status
from ops.statuses.changes import change_stamp, has_changed
from ops.statuses.selectors import entity_statuses, verdict

pytestmark = pytest.mark.django_db

type MakeEntity = Callable[..., Entity]
type MakeCheck = Callable[..., Check]


def names(principal: Principal, *, label: str | None = None, **filters: object) -> list[str]:
    """``team``, ``environment`` and ``label`` are of the entity."""
    own = {name: filters.pop(name) for name in ("team", "environment") if name in filters}
    owner = EntityFilter(**own, labels=parse_labels([label] if label else []))  # type: ignore[arg-type]
    page = check_rows(principal=principal, owner=owner, **filters)  # type: ignore[arg-type]
    return [row.name for row in page.items]


def status_of(entity: Entity) -> str:
    return entity_statuses([entity.pk])[entity.pk].status


def expire(check: Check) -> None:
    CheckState.objects.filter(pk=check.pk).update(fresh_until_ms=now_ms() - 1)


class TestCheckRows:
    def test_the_worst_come_first(self, viewer: Principal, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        api = make_entity("api")
        for name, status in (("a", Status.HEALTHY), ("b", Status.UNHEALTHY), ("c", Status.DEGRADED), ("d", None)):
            make_check(api, name, status=status)
        make_check(api, "e", status=Status.UNHEALTHY, paused=True)

        assert names(viewer) == ["b", "c", "d", "a", "e"]

    def test_a_status_is_unknown_once_results_stopped_coming(
        self, viewer: Principal, make_entity: MakeEntity, make_check: MakeCheck
    ) -> None:
        check = make_check(make_entity("api"), fresh_until_ms=now_ms() - 5_000)

        row = check_row(principal=viewer, uid=check.uid)

        assert (row.status, row.is_stale, row.message) == ("unknown", True, "results stopped coming")
        assert row.since == from_ms(CheckState.objects.get().fresh_until_ms or 0)
        assert names(viewer, status="healthy") == []
        assert names(viewer, status="unknown") == ["http"]

    def test_a_check_of_an_inactive_entity_is_paused(
        self, viewer: Principal, make_entity: MakeEntity, make_check: MakeCheck
    ) -> None:
        check = make_check(make_entity("api", lifecycle="inactive"))

        assert check_row(principal=viewer, uid=check.uid).status == "paused"

    def test_filters_narrow_the_list(self, viewer: Principal, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        web = make_entity(
            "web", team=Team.objects.create(name="shop"), environment="staging", labels={"region": "eu.west"}
        )
        make_check(web, "page", kind="http")
        make_check(make_entity("db"), "port", kind="tcp", status=Status.UNHEALTHY)

        assert names(viewer, kind="tcp") == ["port"]
        assert names(viewer, team="shop") == ["page"]
        assert names(viewer, environment="staging") == ["page"]
        assert names(viewer, label="region:eu.west") == ["page"]
        assert names(viewer, label="region:us") == []
        assert names(viewer, q="WEB") == ["page"]
        assert names(viewer, entity_ids=[web.pk]) == ["page"]
        assert names(viewer, entity_ids=[]) == []
        assert names(viewer, status="unhealthy,degraded") == ["port"]

    @pytest.mark.parametrize(
        "sort", ["status", "-status", "name", "-name", "entity", "kind", "since", "last", "-duration"]
    )
    def test_pages_follow_each_other_without_gap_or_repeat(
        self, viewer: Principal, make_entity: MakeEntity, make_check: MakeCheck, sort: str
    ) -> None:
        for number in range(7):
            status = [Status.HEALTHY, None, Status.UNHEALTHY][number % 3]
            make_check(make_entity(f"entity{number % 4}-{number}"), f"check{number % 2}", status=status)
        whole = [row.uid for row in check_rows(principal=viewer, sort=sort).items]

        pieces, cursor = [], None
        for _ in range(4):
            page = check_rows(principal=viewer, sort=sort, limit=2, cursor=cursor)
            pieces += [row.uid for row in page.items]
            cursor = page.next_cursor

        assert cursor is None
        assert pieces == whole
        assert len(set(whole)) == 7

    @pytest.mark.parametrize(
        "filters",
        [
            {"status": "sick"}, {"sort": "colour"}, {"cursor": "%%%"}, {"cursor": "WzEsMl0"}, {"q": "\0"},
            {"label": "a\0:b"}, {"team": "\0"}, {"cursor": "\0"}, {"cursor": "é"}, {"label": "region"},
            {"sort": "name", "cursor": "WzEsImEiLCJiIl0"},
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_refused(self, viewer: Principal, filters: dict[str, str]) -> None:
        with pytest.raises(ValidationFailed):
            names(viewer, **filters)

    def test_strangers_see_nothing(self) -> None:
        with pytest.raises(PermissionDenied):
            check_rows(principal=ANONYMOUS)

    def test_the_number_of_queries_does_not_grow(
        self, viewer: Principal, make_entity: MakeEntity, make_check: MakeCheck
    ) -> None:
        for number in range(20):
            make_check(make_entity(f"e{number}"))

        with CaptureQueriesContext(connection) as queries:
            check_rows(principal=viewer)

        assert len(queries) <= 2


class TestResults:
    def test_results_come_newest_first_with_what_was_wrong(
        self, viewer: Principal, make_entity: MakeEntity, make_check: MakeCheck
    ) -> None:
        check = make_check(make_entity("api"))
        for slot, outcome in ((1_000, Status.HEALTHY), (2_000, Status.UNHEALTHY)):
            CheckResult.objects.create(check_id=check.pk, slot_ms=slot, late_ms=5, duration_us=1500, outcome=outcome)
        ResultDetail.objects.create(check_id=check.pk, slot_ms=2_000, message="connection refused")

        rows = recent_results(principal=viewer, check_uid=check.uid, limit=5)

        assert [(row.outcome, row.message) for row in rows] == [("unhealthy", "connection refused"), ("healthy", "")]
        assert rows[1].started_at == from_ms(1_005)
        assert rows[1].duration_ms == 1.5

    def test_an_unknown_check_is_not_found(self, viewer: Principal) -> None:
        for uid in ("chk_none", "\0"):
            with pytest.raises(NotFound):
                recent_results(principal=viewer, check_uid=uid)
            with pytest.raises(NotFound):
                check_row(principal=viewer, uid=uid)


class TestEntityStatuses:
    def test_the_worst_check_decides_and_says_why(self, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        api = make_entity("api")
        make_check(api, "fine")
        make_check(api, "slow", status=Status.DEGRADED, message="812 ms, limit 500 ms")
        down = make_check(api, "down", status=Status.UNHEALTHY, message="connection refused")
        make_check(api, "off", status=Status.UNHEALTHY, paused=True)

        status = entity_statuses([api.pk])[api.pk]

        assert status.status == "unhealthy"
        assert [(reason.name, reason.message) for reason in status.reasons] == [
            ("down", "connection refused"),
            ("slow", "812 ms, limit 500 ms"),
        ]
        assert status.since == from_ms(CheckState.objects.get(pk=down.pk).since_ms or 0)

    def test_no_result_is_unknown_and_all_paused_is_paused(
        self, make_entity: MakeEntity, make_check: MakeCheck
    ) -> None:
        nothing, stale, paused = make_entity("nothing"), make_entity("stale"), make_entity("paused")
        expire(make_check(stale))
        make_check(paused, paused=True)

        assert [status_of(entity) for entity in (nothing, stale, paused)] == ["unknown", "unknown", "paused"]
        assert status_of(make_entity("off", lifecycle="inactive")) == "paused"

    def test_a_fine_dependant_of_a_failing_entity_is_impacted(
        self, make_entity: MakeEntity, make_check: MakeCheck
    ) -> None:
        database = make_entity("db")
        api = make_entity("api", needs=(database,))
        web = make_entity("web", needs=(api,))
        report = make_entity("report")
        Dependency.objects.create(entity=report, depends_on=database, strength="soft")
        for entity in (api, web, report):
            make_check(entity)
        make_check(database, status=Status.UNHEALTHY)

        assert entity_statuses([web.pk])[web.pk].status == "impacted"
        assert entity_statuses([web.pk])[web.pk].caused_by == ("db",)
        assert entity_statuses([web.pk])[web.pk].since is not None
        assert status_of(api) == "impacted"
        assert status_of(report) == "healthy"

    def test_a_failing_dependant_keeps_its_status_and_names_the_cause(
        self, make_entity: MakeEntity, make_check: MakeCheck
    ) -> None:
        database = make_entity("db")
        api = make_entity("api", needs=(database,))
        make_check(database, status=Status.UNHEALTHY)
        make_check(api, status=Status.UNHEALTHY)

        status = entity_statuses(None)[api.pk]

        assert (status.status, status.caused_by) == ("unhealthy", ("db",))

    def test_the_catalogue_reads_them_through_its_port(self, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        api = make_entity("api")
        make_check(api, status=Status.DEGRADED)

        assert catalogue_statuses([api.pk])[api.pk].status == "degraded"

    def test_the_number_of_queries_does_not_grow(self, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        database = make_entity("db")
        make_check(database, status=Status.UNHEALTHY)

        def queries_with(entities: range) -> int:
            for number in entities:
                make_check(make_entity(f"e{number}", needs=(database,)), status=Status.DEGRADED)
            with CaptureQueriesContext(connection) as queries:
                entity_statuses(None)
            return len(queries)

        assert queries_with(range(1)) == queries_with(range(1, 20))

    def test_the_verdict_counts_entities(self, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        make_check(make_entity("a"))
        make_check(make_entity("b"))
        make_check(make_entity("c"), status=Status.UNHEALTHY)

        found = verdict()

        assert found.counts == {"healthy": 2, "unhealthy": 1}
        assert found.total == 3
        assert found.newest_result_at is not None


class TestChanges:
    def test_nothing_changed_until_the_revision_moves(self, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        make_check(make_entity("api"))
        stamp = change_stamp()

        assert not has_changed(stamp)
        take_revision()
        assert has_changed(stamp)

    def test_a_status_that_goes_stale_is_a_change(self, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        check = make_check(make_entity("api"))
        revision, taken_ms = change_stamp().split(".")
        earlier = f"{revision}.{int(taken_ms) - 10_000}"
        assert not has_changed(earlier)

        CheckState.objects.filter(pk=check.pk).update(fresh_until_ms=int(taken_ms) - 5_000)

        assert has_changed(earlier)
        assert not has_changed(change_stamp())

    @pytest.mark.parametrize("stamp", ["", "x", "1", "1.x", "9" * 40 + ".1", "-1.1"])
    def test_a_stamp_that_cannot_be_read_counts_as_changed(self, stamp: str) -> None:
        assert has_changed(stamp)

    def test_asking_costs_two_queries_at_most(self, make_entity: MakeEntity, make_check: MakeCheck) -> None:
        make_check(make_entity("api"))
        stamp = change_stamp()

        with CaptureQueriesContext(connection) as queries:
            has_changed(stamp)

        assert len(queries) <= 2
