"""What happened and who changed what are one list, each thing told once; a first start is no news."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from core.clock import now_ms
from core.permissions import Role
from entities.models import Entity
from ops.dashboard.timeline import Moment
from ops.health.models import Check
from ops.journal.services import NewEntry, record_entries
from tests.fleet import add_fleet


@pytest.fixture
def clients(client_of: Callable[[Role], Client]) -> Callable[[Role], Client]:
    add_fleet()
    return client_of


def timeline_of(client: Client, path: str) -> list[Moment]:
    return list(client.get(path).context["timeline"])


def pause(client: Client) -> Check:
    check = Check.objects.get(entity__name="payments-db")
    assert client.post(f"/checks/{check.uid}/pause").status_code == 302
    return check


def test_an_edit_is_told_once_by_its_audit_entry(clients: Callable[[Role], Client]) -> None:
    client = clients(Role.OPERATOR)
    check = pause(client)

    for path, what in (
        ("/entities/payments-db", "paused check payments-db/tcp"),
        (f"/checks/{check.uid}", "paused check payments-db/tcp"),
    ):
        moments = timeline_of(client, path)
        assert [(moment.actor, moment.what) for moment in moments if "paused" in moment.what] == [("operator", what)]


def test_who_may_not_see_the_audit_is_told_by_the_journal(clients: Callable[[Role], Client]) -> None:
    pause(clients(Role.OPERATOR))

    moments = timeline_of(clients(Role.VIEWER), "/entities/payments-db")

    assert [(moment.actor, moment.what, moment.message) for moment in moments if "paused" in moment.what] == [
        ("", "tcp was paused", "by operator")
    ]


def test_changes_and_edits_are_sorted_together(clients: Callable[[Role], Client]) -> None:
    client = clients(Role.OPERATOR)
    pause(client)

    moments = timeline_of(client, "/entities/payments-db")

    assert [moment.at for moment in moments] == sorted((moment.at for moment in moments), reverse=True)
    assert "tcp turned unhealthy" in [moment.what for moment in moments]


def test_checks_found_healthy_at_first_sight_are_no_recent_change(clients: Callable[[Role], Client]) -> None:
    entity = Entity.objects.get(name="mailer")
    record_entries(
        NewEntry(entity.pk, now_ms(), "check.status", f"http-{number}", before="unknown", after="healthy")
        for number in range(50)
    )

    changes = clients(Role.VIEWER).get("/").context["changes"]

    assert [change.what for change in changes] == ["tcp turned unhealthy"]


def test_a_long_reason_is_clamped_and_can_be_read_whole(clients: Callable[[Role], Client]) -> None:
    long = ("refused " * 40).strip()
    entity = Entity.objects.get(name="payments-db")
    record_entries([NewEntry(entity.pk, now_ms(), "check.status", "tcp", "healthy", "unhealthy", message=long)])

    for path in ("/", "/entities/payments-db"):
        page = clients(Role.VIEWER).get(path).content.decode()
        assert f'clamp" title="{long}">' in page, path


@pytest.mark.parametrize("path", ["/new/entity", "/entities/search", "/entities/search/edit", "/new/check?kind=http"])
def test_the_way_to_a_page_ends_with_its_last_step(clients: Callable[[Role], Client], path: str) -> None:
    page = clients(Role.EDITOR).get(path).content.decode()
    way = re.search(r'class="crumbs".*?</nav>', page, re.DOTALL)

    assert way
    assert way[0].endswith("</a></nav>")
