"""Groups: what they count, what people do with them, and the API of both."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.clock import now_ms
from core.errors import StaleVersion, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal, Role
from ops.errors import retention, selectors, services
from ops.errors.models import ErrorGroup, ErrorKey, ErrorRelease, ErrorTotal, StoredEvent
from ops.errors.retention import prune_errors
from ops.errors.stored_events import read_stored
from ops.journal.models import JournalEntry
from tests.ops.errors.conftest import Event, envelope, event

type Report = Callable[..., list[ErrorGroup]]
pytestmark = pytest.mark.django_db


def test_a_group_counts_events_people_releases_and_environments(report: Report) -> None:
    (group,) = report(
        event(user={"id": 1}, release="1.0", environment="production"),
        event(user={"id": 2}, release="1.1", environment="staging"),
        event(user={"id": 1}, release="1.1", environment="production"),
    )
    assert (group.events, group.users) == (3, 2)
    assert (group.releases, group.environments) == (["1.0", "1.1"], ["staging", "production"])
    assert selectors.error_totals().hourly[-1] + selectors.error_totals().hourly[-2] == 3


def test_a_new_group_is_in_the_timeline_of_its_entity(report: Report) -> None:
    report(event(value="no such order"))
    entry = JournalEntry.objects.get(kind="error.group")
    assert (entry.subject, entry.after) == ("ValueError: no such order", "new")


def test_a_resolved_group_regresses_in_a_later_release(report: Report, staff: Principal) -> None:
    (group,) = report(event(release="1.0"))
    services.resolve_group(principal=staff, uid=group.uid)
    (group,) = report(event(release="1.0"))
    assert group.state == "resolved"
    (group,) = report(event(release="2.0"))
    assert (group.state, group.regressed_at_ms is not None) == ("open", True)
    assert JournalEntry.objects.filter(kind="error.group", after="regressed").exists()


def test_events_that_waited_during_a_resolve_do_not_undo_it(report: Report, send: Any, staff: Principal) -> None:
    (group,) = report(event())
    send(envelope(event()))
    services.resolve_group(principal=staff, uid=group.uid)
    (group,) = report(event(timestamp=now_ms() / 1_000 - 60))
    assert (group.state, group.events) == ("resolved", 3)
    (group,) = report(event())
    assert group.state == "open"


def test_a_mute_ends_when_events_flood(report: Report, staff: Principal) -> None:
    (group,) = report(event())
    services.mute_group(principal=staff, uid=group.uid, mute=services.Mute(per_hour=3))
    (group,) = report(event())
    assert group.state == "muted"
    (group,) = report(event())
    assert group.state == "open"


def test_every_command_is_audited_and_guards_its_version(report: Report, staff: Principal) -> None:
    (group,) = report(event())
    services.resolve_group(principal=staff, uid=group.uid, expected_version=group.version)
    with pytest.raises(StaleVersion):
        services.reopen_group(principal=staff, uid=group.uid, expected_version=group.version)
    services.reopen_group(principal=staff, uid=group.uid)
    actions = AuditEntry.objects.filter(target_uid=group.uid).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["error.resolve", "error.reopen"]


def test_a_second_resolve_changes_nothing_unless_it_names_another_release(report: Report, staff: Principal) -> None:
    def lines() -> tuple[int, int]:
        audited = AuditEntry.objects.filter(target_uid=group.uid).count()
        return audited, JournalEntry.objects.filter(kind="error.group", after="resolved").count()

    (group,) = report(event(release="1.0"))
    services.resolve_group(principal=staff, uid=group.uid)
    group.refresh_from_db()
    for release in (None, "1.0"):
        services.resolve_group(principal=staff, uid=group.uid, release=release, expected_version=group.version)
    again = ErrorGroup.objects.get(pk=group.pk)
    assert (again.version, again.resolved_at_ms, lines()) == (group.version, group.resolved_at_ms, (1, 1))

    services.resolve_group(principal=staff, uid=group.uid, release="2.0")
    assert ErrorGroup.objects.get(pk=group.pk).resolved_in == "2.0"
    assert lines() == (2, 2)


def test_a_mute_ends_within_a_year(report: Report, staff: Principal) -> None:
    (group,) = report(event())
    for until in (now_ms() - 1, now_ms() + 366 * 86_400_000):
        with pytest.raises(ValidationFailed):
            services.mute_group(principal=staff, uid=group.uid, mute=services.Mute(until_ms=until))


def test_an_own_fingerprint_groups_as_it_came_and_is_kept_without_secrets(report: Report) -> None:
    groups = report(*(event(fingerprint=["refused", f"token={secret}"]) for secret in ("hush", "hash")))
    kept = [read_stored(bytes(row.data))["fingerprint"] for row in StoredEvent.objects.all()]

    assert len(groups) == 2
    assert kept == [["refused", "token=[redacted]"]] * 2


def test_what_is_kept_is_bounded_for_each_group(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVENTS_PER_GROUP", 2)
    report(*(event(value=str(number)) for number in range(4)))
    assert prune_errors() == 2
    kept = [read_stored(bytes(row.data)) for row in StoredEvent.objects.order_by("id")]
    assert [row["exceptions"][0]["value"] for row in kept] == ["2", "3"]  # type: ignore[index]
    assert ErrorGroup.objects.get().events == 4


def test_what_is_kept_is_bounded_for_each_entity(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    report(*(event(kind=f"Error{number}") for number in range(4)))
    monkeypatch.setattr(retention, "BYTES_PER_ENTITY", StoredEvent.objects.order_by("-id").values_list("size")[0][0])
    assert prune_errors() == 3
    StoredEvent.objects.update(at_ms=now_ms() - retention.KEPT_MS - 1)
    assert prune_errors() == 1


def test_groups_and_releases_are_bounded_too(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    report(*(event(kind=f"Error{number}", release=f"1.{number}") for number in range(4)))
    monkeypatch.setattr(retention, "GROUPS_PER_ENTITY", 3)
    monkeypatch.setattr(retention, "RELEASES_PER_ENTITY", 2)
    prune_errors()
    assert (ErrorGroup.objects.count(), StoredEvent.objects.count(), ErrorRelease.objects.count()) == (3, 3, 2)
    assert ErrorTotal.objects.get().events == 4


def test_a_scrape_tells_groups_and_events_of_each_entity(client: Client, report: Report, staff: Principal) -> None:
    report(event(), event(), event(kind="KeyError"))
    services.resolve_group(principal=staff, uid=ErrorGroup.objects.latest("id").uid)
    text = client.get("/metrics").content.decode()
    assert 'quarterdeck_error_groups_open{entity="payments-api"} 1\n' in text
    assert 'quarterdeck_error_events_total{entity="payments-api"} 3\n' in text


# --- in the admin


def test_the_admin_shows_groups_to_read(client_of: Any, report: Report) -> None:
    (group,) = report(event())
    client = client_of(Role.ADMIN)
    assert group.title in client.get("/admin/ops/errorgroup/").content.decode()
    assert client.get(f"/admin/ops/errorgroup/{group.pk}/change/").status_code == 200
    assert client.post(f"/admin/ops/errorgroup/{group.pk}/change/", {"title": "x"}).status_code == 403
    assert client.get("/admin/ops/errorgroup/add/").status_code == 403


def test_the_admin_makes_and_revokes_dsns_through_the_services(client_of: Any, key: ErrorKey) -> None:
    client = client_of(Role.ADMIN)
    made = client.post("/admin/ops/errorkey/add/", {"entity": key.entity_id, "label": "batch", "per_minute": 50})
    assert made.status_code == 302, made.content
    assert client.get(f"/admin/ops/errorkey/{key.pk}/change/").status_code == 200
    client.post("/admin/ops/errorkey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert list(ErrorKey.objects.filter(revoked_at=None).values_list("label", "per_minute")) == [("batch", 50)]
    actions = AuditEntry.objects.filter(actor="user:admin").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["dsn.create", "dsn.revoke"]


# --- over REST


def api(client: Client, path: str, method: str = "get", **body: Any) -> Any:
    call = getattr(client, method)
    return call(f"/api/v1{path}", **({"data": body, "content_type": "application/json"} if method != "get" else {}))


def test_a_dsn_is_made_shown_and_revoked(client_of: Any, key: ErrorKey) -> None:
    client = client_of(Role.OPERATOR)
    made = api(client, "/entities/payments-api/dsns", "post", label="web")
    assert made.status_code == 201
    shown = made.json()
    assert shown["dsn"].startswith("http://")
    assert shown["dsn"].endswith(f"@testserver/{shown['id']}")
    assert api(client, f"/entities/payments-api/dsns/{shown['id']}", "delete").status_code == 204
    assert [item["id"] for item in api(client, "/entities/payments-api/dsns").json()["items"]] == [key.pk]


def test_viewers_see_groups_and_change_nothing(client_of: Any, report: Report) -> None:
    (group,) = report(event())
    client = client_of(Role.VIEWER)
    assert api(client, "/errors").json()["items"][0]["id"] == group.uid
    assert api(client, f"/errors/{group.uid}/resolve", "post").status_code == 403
    assert api(client, "/entities/payments-api/dsns").status_code == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", 2), ("state=muted", 0), ("entity=payments-api", 2), ("level=fatal", 1), ("q=key", 1),
        ("release=1.0", 1), ("environment=staging", 1), ("release=9.9", 0), ("sort=volume", 2), ("team=nobody", 0),
    ],
)  # fmt: skip
def test_groups_are_filtered(client_of: Any, report: Report, query: str, found: int) -> None:
    report(event(release="1.0"), event(kind="KeyError", level="fatal", environment="staging"))
    assert len(api(client_of(Role.VIEWER), f"/errors?{query}").json()["items"]) == found


def test_groups_come_in_pages(client_of: Any, report: Report) -> None:
    report(*(event(kind=f"Error{number}") for number in range(5)))
    client, seen, cursor = client_of(Role.VIEWER), [], ""
    while True:
        page = api(client, f"/errors?limit=2{cursor}").json()
        seen += [item["title"] for item in page["items"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(set(seen)) == 5


@pytest.mark.parametrize("query", ["state=gone", "sort=up", "limit=0", "cursor=x", "colour=red"])
def test_a_wrong_query_is_refused(client_of: Any, query: str) -> None:
    assert api(client_of(Role.VIEWER), f"/errors?{query}").status_code == 422


def test_a_group_is_resolved_muted_assigned_and_reopened(client_of: Any, report: Report) -> None:
    (group,) = report(event(release="1.0"))
    client = client_of(Role.OPERATOR)
    assert api(client, f"/errors/{group.uid}/resolve", "post").json()["resolved_in"] == "1.0"
    far = "0001-01-01T00:00:00+14:00"
    assert api(client, f"/errors/{group.uid}/mute", "post", until=far).status_code == 422
    until = (timezone.now() + dt.timedelta(hours=1)).isoformat()
    assert api(client, f"/errors/{group.uid}/mute", "post", until=until).json()["state"] == "muted"
    assert api(client, f"/errors/{group.uid}/reopen", "post").json()["state"] == "open"
    assert api(client, f"/errors/{group.uid}/assign", "post", team="nobody").status_code == 422
    assert api(client, "/errors/err_none").status_code == 404


def test_what_no_database_takes_is_not_found(client_of: Any, report: Report) -> None:
    (group,) = report(event())
    client = client_of(Role.OPERATOR)
    for path in ("", "/events"):
        assert api(client, f"/errors/%00{path}").status_code == 404
    for command in ("resolve", "mute", "reopen"):
        assert api(client, f"/errors/%00/{command}", "post").status_code == 404
    assert client.post(f"/errors/{group.uid}/assign", {"team": "\0"}).status_code == 422
    for name in ("q", "team", "entity", "release", "environment", "level"):
        assert api(client, f"/errors?{name}=%00").status_code in {200, 404, 422}, name
    assert client.get("/errors/%00").status_code == 404


def test_the_events_of_a_group_are_listed(client_of: Any, report: Report) -> None:
    sent: Event = event(value="<script>alert(1)</script>")
    (group,) = report(sent)
    (item,) = api(client_of(Role.VIEWER), f"/errors/{group.uid}/events").json()["items"]
    assert item["event_id"] == sent["event_id"]
    assert item["data"]["exceptions"][0]["value"] == "<script>alert(1)</script>"
