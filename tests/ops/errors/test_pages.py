"""The pages of errors: what they show, what they offer to whom, and that whatever a program said is text."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.clock import now_ms
from core.models import AuditEntry
from core.permissions import Role
from entities.models import Entity, Team
from ops.errors.digest import digest_spool
from ops.errors.models import ErrorGroup, ErrorKey
from ops.health.models import CheckState
from ops.signals.domain import Status
from tests.ops.errors.conftest import envelope, event, frame
from tests.ops.health.factories import make_check

type Report = Callable[..., list[ErrorGroup]]
type ClientOf = Callable[[Role], Client]
pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script><a href="https://evil.example">'


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def titles(html: str) -> list[str]:
    return re.findall(r'<a class="clip"[^>]*>([^<]*)</a>', html)


def test_open_groups_are_listed_by_recency_or_by_volume(client_of: ClientOf, report: Report) -> None:
    report(event(kind="KeyError"), event(kind="KeyError"), event(timestamp=now_ms() / 1_000))
    client = client_of(Role.VIEWER)
    assert titles(page(client, "/errors"))[0] in {"ValueError: bad", "KeyError: bad"}
    assert titles(page(client, "/errors?sort=volume")) == ["KeyError: bad", "ValueError: bad"]
    assert titles(page(client, "/errors?sort=nonsense&cursor=nonsense&state=nonsense&level=x")) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [("state=muted", 1), ("state=all", 2), ("q=key", 1), ("entity=gone", 0), ("entity=payments-api", 1), ("q=%00", 0)],
)
def test_filters_stand_in_the_address(client_of: ClientOf, report: Report, query: str, found: int) -> None:
    report(event(), event(kind="KeyError"))
    ErrorGroup.objects.filter(title__startswith="Value").update(state="muted")
    assert len(titles(page(client_of(Role.VIEWER), f"/errors?{query}"))) == found


def test_an_empty_list_says_what_to_do(client_of: ClientOf, entity: Entity) -> None:
    assert "No error was reported yet" in page(client_of(Role.VIEWER), "/errors")


def test_whatever_a_program_says_is_text(client_of: ClientOf, report: Report) -> None:
    said = event(
        kind=HOSTILE, value=HOSTILE, functions=(HOSTILE,), tags={HOSTILE: HOSTILE}, release=HOSTILE,
        environment=HOSTILE, transaction=HOSTILE, user={"id": HOSTILE}, server_name=HOSTILE,
        request={"url": HOSTILE, "method": HOSTILE, "headers": {HOSTILE: HOSTILE}},
        breadcrumbs=[{"message": HOSTILE, "category": HOSTILE}], contexts={"trace": {"trace_id": HOSTILE}},
    )  # fmt: skip
    said["exception"]["values"][0]["stacktrace"]["frames"][0] |= {
        "context_line": HOSTILE, "pre_context": [HOSTILE], "vars": {HOSTILE: [HOSTILE]}, "lineno": 7,
    }  # fmt: skip
    (group,) = report(said)
    client = client_of(Role.ADMIN)
    for path in ("/errors", f"/errors/{group.uid}", "/entities/payments-api"):
        html = page(client, path)
        assert "<script>alert" not in html
        assert 'href="https://evil' not in html


def test_text_that_turns_its_direction_is_shown_as_it_was_written(client_of: ClientOf, report: Report) -> None:
    (group,) = report(event(kind="Err\u202eor", value="sent \u2066to\u2069 \u200fnobody", functions=("pay\u202e",)))

    html = page(client_of(Role.VIEWER), f"/errors/{group.uid}")

    assert "Error" in html
    assert "sent to \u200fnobody" in html
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html)


def test_own_frames_stand_open_and_libraries_are_folded(client_of: ClientOf, report: Report) -> None:
    said = event(functions=("charge",))
    frames = said["exception"]["values"][0]["stacktrace"]["frames"]
    frames[0] |= {"context_line": "    raise ValueError", "pre_context": ["def charge():"], "vars": {"amount": "7"}}
    frames += [frame("send", module="http", in_app=False), frame("read", module="http", in_app=False)]
    (group,) = report(said)
    html = page(client_of(Role.VIEWER), f"/errors/{group.uid}")
    assert "2 library frames" in html
    assert re.search(r'<details class="stack-frame"\s+id="f-0-2" open>', html)
    assert '<details class="library" id="s-0-0">' in html
    assert html.index(">9<") < html.index(">10<")
    assert "amount" in html


def test_events_are_walked_through(client_of: ClientOf, report: Report) -> None:
    (group,) = report(event(value="first"), event(value="second"))
    client = client_of(Role.VIEWER)
    newest = page(client, f"/errors/{group.uid}")
    older = re.search(r'href="([^"]+)" rel="prev"', newest)
    assert older is not None
    assert '<p class="raised-value">first</p>' in page(client, older[1])
    assert '<p class="raised-value">second</p>' in page(client, f"/errors/{group.uid}?event=999999")


def test_it_shows_how_the_entity_was_at_that_moment(client_of: ClientOf, entity: Entity, report: Report) -> None:
    check = make_check("tcp", {"host": "127.0.0.1", "port": 1}, entity=entity, name="port")
    CheckState.objects.filter(pk=check.pk).update(status=Status.UNHEALTHY, since_ms=now_ms() - 60_000)
    (group,) = report(event())
    html = page(client_of(Role.VIEWER), f"/errors/{group.uid}")
    assert re.search(rf"/checks/{check.uid}\?from=\d+&amp;to=\d+", html)


@pytest.mark.parametrize(
    ("action", "data", "state"),
    [
        ("resolve", {}, "resolved"), ("mute", {"for": "1 d"}, "muted"), ("mute", {"per_hour": "50"}, "muted"),
        ("reopen", {}, "open"), ("assign", {"team": "payments"}, "open"),
    ],
)  # fmt: skip
def test_actions_answer_with_a_toast_and_are_audited(
    client_of: ClientOf, report: Report, action: str, data: dict[str, str], state: str
) -> None:
    Team.objects.create(name="payments")
    (group,) = report(event())
    if action == "reopen":
        ErrorGroup.objects.update(state="resolved")
    client = client_of(Role.OPERATOR)
    response = client.post(f"/errors/{group.uid}/{action}", data, headers={"HX-Request": "true"})
    assert (response.status_code, "acted" in response["HX-Trigger"]) == (204, True)
    assert ErrorGroup.objects.get().state == state
    assert AuditEntry.objects.filter(action=f"error.{action}", actor="user:operator").exists()
    assert "operator</strong>" in page(client, f"/errors/{group.uid}")


def test_a_mute_without_an_end_is_refused(client_of: ClientOf, report: Report) -> None:
    (group,) = report(event())
    for data in ({}, {"for": "9 y"}, {"per_hour": "-1"}, {"per_hour": "0"}, {"per_hour": "9" * 20}):
        assert client_of(Role.OPERATOR).post(f"/errors/{group.uid}/mute", data).status_code == 422
    assert ErrorGroup.objects.get().state == "open"


def test_viewers_are_offered_nothing_and_refused(client_of: ClientOf, report: Report, key: ErrorKey) -> None:
    (group,) = report(event())
    client = client_of(Role.VIEWER)
    assert "/resolve" not in page(client, f"/errors/{group.uid}")
    assert key.public_key not in page(client, "/entities/payments-api")
    for path in (f"/errors/{group.uid}/resolve", "/entities/payments-api/dsns"):
        assert client.post(path).status_code == 403


def test_an_entity_shows_its_errors_and_dsns(client_of: ClientOf, report: Report, key: ErrorKey) -> None:
    report(*(event(kind=f"Error{number}") for number in range(7)))
    client = client_of(Role.OPERATOR)
    assert len(titles(page(client, "/entities/payments-api"))) == 5
    client.post("/entities/payments-api/dsns", {"label": "web\0 shop"}, headers={"HX-Request": "true"})
    made = ErrorKey.objects.get(label="web shop")
    assert f"{made.public_key}@testserver/{made.pk}" in page(client, "/entities/payments-api")
    client.post(f"/entities/payments-api/dsns/{made.pk}/revoke", headers={"HX-Request": "true"})
    assert made.public_key not in page(client, "/entities/payments-api")


def test_a_poll_draws_again_only_when_an_event_came(client_of: ClientOf, report: Report, send: Any) -> None:
    report(event())
    client = client_of(Role.VIEWER)
    live = {"HX-Request": "true"}
    address = re.search(r'id="live" hx-get="([^"]+)"', page(client, "/errors"))
    assert address is not None
    url = address[1].replace("&amp;", "&")
    assert client.get(url, headers=live).status_code == 204
    send(envelope(event()))
    digest_spool()
    assert client.get(url, headers=live).status_code == 200


def test_the_rail_counts_groups_that_are_trouble(client_of: ClientOf, report: Report) -> None:
    (group,) = report(event())
    client, counted = client_of(Role.VIEWER), r'Errors\s+<span class="rail-count" data-tone="degraded">1<'
    ErrorGroup.objects.filter(pk=group.pk).update(trouble="new")
    assert re.search(counted, page(client, "/"))
    ErrorGroup.objects.filter(pk=group.pk).update(trouble="")
    assert not re.search(counted, page(client, "/"))
